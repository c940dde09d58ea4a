"""A request's end: told once, and never left untold."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from beastmode_otel.config import load
from beastmode_otel.engine.ending import Ending
from beastmode_otel.errors import RequestError
from beastmode_otel.observer import RequestFacts
from beastmode_otel.telemetry import otel_observer
from support.recorder import Recorder


@pytest.fixture
def ending(recorder: Recorder) -> Ending:
    config = load({})
    observer = otel_observer(config, config.redactor(), *recorder.providers.values())
    return Ending(observer.request(RequestFacts(model="m", door="router", stream=False)), request_id="0" * 32)


def outcomes(recorder: Recorder) -> list[tuple[Any, Any]]:
    return [(span.attributes["beastmode.outcome"], span.attributes.get("error.type")) for span in recorder.spans()]


def test_left_without_an_outcome(ending: Ending, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """A fault of ours: the request ends as an error that says so, and the log tells it."""
    with caplog.at_level(logging.ERROR, "beastmode_otel"), ending:
        pass
    assert outcomes(recorder) == [("error", "_OTHER")]
    assert [record.message for record in caplog.records] == [
        "a fault of beastmode_otel: a request was left without an outcome"
    ]
    assert recorder.total("beastmode.requests.active") == 0


def test_handed_over(ending: Ending, recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    """Its stream ends it, once."""
    with ending:
        ending.hand_over()
    assert recorder.total("beastmode.requests.active") == 1
    assert ending.finish("abandoned")
    assert not ending.finish("ok")
    assert outcomes(recorder) == [("abandoned", None)]
    assert not caplog.records


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (RequestError("no", category="invalid_request"), ("error", "invalid_request")),
        (ZeroDivisionError(), ("error", "_OTHER")),
        (asyncio.CancelledError(), ("cancelled", None)),
        (KeyboardInterrupt(), ("cancelled", None)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_left_by_an_exception(
    raised: BaseException, told: tuple[str, str | None], ending: Ending, recorder: Recorder
) -> None:
    """Raised as it is, and told as what it is."""
    with pytest.raises(type(raised)) as found, ending:
        raise raised
    assert found.value is raised
    assert outcomes(recorder) == [told]


def test_ok_is_kept_whatever_is_raised_later(ending: Ending, recorder: Recorder) -> None:
    """Who has its answer is not told of what failed afterwards."""
    with pytest.raises(ZeroDivisionError), ending:  # noqa: PT012
        ending.ok()
        raise ZeroDivisionError
    assert outcomes(recorder) == [("ok", None)]
