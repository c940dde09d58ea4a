"""Fixtures for all tests: a provider that misbehaves on command, and a recorder of telemetry."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from beastmode_otel.simulator import Simulator
from support.recorder import Recorder
from support.workers import ByFile, groups_first


def pytest_configure() -> None:
    """A shell's background job starts with Ctrl-C ignored: the tests that press it would wait for nothing."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    groups_first(config, items)


@pytest.fixture(autouse=True)
def _cache_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that nobody asked for would answer the second request of a test; those about it turn it on."""
    monkeypatch.setenv("BEASTMODE_CACHE", "off")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recording = Recorder()
    yield recording
    recording.shutdown()
