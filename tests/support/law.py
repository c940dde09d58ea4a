"""The law of design.md §3, at rest: every request ended exactly once, and every sent attempt was received."""

from __future__ import annotations

from beastmode_otel.simulator import Simulator
from support.recorder import Recorder


def assert_law(recorder: Recorder, simulator: Simulator, *, calls: int) -> None:
    """active = 0; started = finished = calls made; attempts marked as sent = requests that the simulator received."""
    assert simulator.wait_idle(10)
    started = recorder.total("beastmode.requests.started")
    finished = recorder.total("beastmode.request.duration")
    active = recorder.total("beastmode.requests.active")
    assert (active, started, finished) == (0, calls, calls)
    assert recorder.total("beastmode.llm.calls") == calls
    attempts = [span for span in recorder.spans() if "beastmode.attempt" in (span.attributes or {})]
    assert recorder.total("beastmode.attempt.duration") == len(attempts)
    sent = sum(bool((span.attributes or {})["beastmode.attempt.sent"]) for span in attempts)
    assert sent == simulator.received
    errors = recorder.total("beastmode.request.duration", beastmode__outcome="error")
    assert recorder.total("beastmode.errors") == errors
    assert len([log for log in recorder.logs() if log.event_name == "beastmode.request.failed"]) == errors
