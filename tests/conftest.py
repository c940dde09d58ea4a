"""Fixtures for all tests: a provider that misbehaves on command, and a recorder of telemetry."""

from __future__ import annotations

import importlib
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from beastmode_otel.simulator import Simulator
from support.recorder import Recorder


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile("busy", deadline=None)  # no test asserts a time
    settings.load_profile("busy")
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(importlib.import_module("support.workers"))
    # A shell's background job starts with Ctrl-C ignored: the tests that press it would wait for nothing.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_cache_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cached unless a test asks for it: the shell that runs the tests says nothing of the kind."""
    monkeypatch.delenv("BEASTMODE_CACHE", raising=False)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recording = Recorder()
    yield recording
    recording.shutdown()
