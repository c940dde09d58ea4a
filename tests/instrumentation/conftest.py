"""Fixtures: an instrumented process, and an app in each of four kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from beastmode_otel import instrument, uninstrument
from instrumentation.apps import COMBINATIONS, App, make
from support.patience import wait_for_tiers
from support.recorder import Recorder


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_tiers(monkeypatch)


@pytest.fixture
def hooked(recorder: Recorder) -> Iterator[Recorder]:
    """Instrumented, without a cache."""
    instrument(**recorder.providers)
    yield recorder
    uninstrument()


@pytest.fixture
def cached(recorder: Recorder) -> Iterator[Recorder]:
    """Instrumented, with a cache in memory."""
    instrument(cache={"l3": {"url": "off"}}, **recorder.providers)
    yield recorder
    uninstrument()


@pytest.fixture(params=COMBINATIONS, ids="-".join)
def kind(request: Any) -> tuple[str, str]:
    return request.param


@pytest.fixture
def app(kind: tuple[str, str]) -> Iterator[App]:
    running = make(*kind)
    yield running
    running.close()
