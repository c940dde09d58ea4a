"""Telemetry never breaks a request, and the switches are obeyed."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from beastmode_otel import ModelRouter
from beastmode_otel.simulator import Simulator
from support.drivers import DRIVERS, QUESTION
from support.law import assert_law
from support.recorder import Recorder


def config(simulator: Simulator) -> dict[str, Any]:
    return {
        "deployments": {"a": {"base_url": simulator.url("ok"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
    }


class Exploding(SpanProcessor):
    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("boom")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("boom")


@pytest.mark.parametrize("world", DRIVERS)
def test_an_exploding_processor_does_not_reach_the_caller(world: str, simulator: Simulator, recorder: Recorder) -> None:
    """The request succeeds, and the loss is counted."""
    broken = TracerProvider()
    broken.add_span_processor(Exploding())
    providers = recorder.providers | {"tracer_provider": broken}
    driver = DRIVERS[world](simulator, config(simulator), **providers)
    answer = driver.act("route", "chat")
    chunks, _ = driver.act("read", "chat")
    assert answer.text
    assert chunks
    assert recorder.total("beastmode.telemetry.dropped", beastmode__reason="observer_fault") >= 2
    assert recorder.total("beastmode.request.duration") == 2  # the count needs no span
    driver.close()


def test_a_request_is_a_child_of_the_callers_span_and_does_not_capture_it(
    simulator: Simulator, recorder: Recorder
) -> None:
    """Between two chunks the caller's own span is current, not ours."""
    tracer = recorder.tracer_provider.get_tracer("app")
    with (
        ModelRouter(config(simulator), **recorder.providers) as router,
        tracer.start_as_current_span("app work") as mine,
        router.stream("chat", QUESTION) as stream,
    ):
        for _ in stream:
            assert trace.get_current_span() is mine
    route = next(span for span in recorder.spans() if span.name == "route chat")
    assert route.parent is not None
    assert route.parent.span_id == mine.get_span_context().span_id


def test_sampled_out_spans_leave_metrics_whole(simulator: Simulator, recorder: Recorder) -> None:
    """Metrics count every request, however few traces are kept."""
    providers = recorder.providers | {"tracer_provider": TracerProvider(sampler=ALWAYS_OFF)}
    with ModelRouter(config(simulator), **providers) as router:
        for _ in range(5):
            router.route("chat", QUESTION)
    assert recorder.spans() == []
    assert recorder.total("beastmode.request.duration") == 5


def test_histograms_carry_exemplars_of_their_trace(simulator: Simulator, recorder: Recorder) -> None:
    """A slow request in a panel leads to its trace."""
    with ModelRouter(config(simulator), **recorder.providers) as router:
        router.route("chat", QUESTION)
    route = next(span for span in recorder.spans() if span.name == "route chat")
    (point,) = recorder.points()["beastmode.request.duration"]
    assert [exemplar.trace_id for exemplar in point.exemplars] == [route.context.trace_id]


def test_disabled_turns_us_off_whole(simulator: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """BEASTMODE_DISABLED=1: requests work, nothing is told."""
    monkeypatch.setenv("BEASTMODE_DISABLED", "1")
    with ModelRouter(config(simulator), **recorder.providers) as router:
        assert router.route("chat", QUESTION).text
    assert recorder.spans() == []
    assert recorder.metrics() == {}


def test_no_traceparent_goes_to_a_provider(simulator: Simulator, recorder: Recorder) -> None:
    """Our trace ids are nobody else's business unless asked."""
    with ModelRouter(config(simulator), **recorder.providers) as router:
        router.route("chat", QUESTION)
    assert "traceparent" not in dict(simulator.requests[0].headers)


def test_two_routers_on_one_provider_count_once(simulator: Simulator, recorder: Recorder) -> None:
    """Each number is observed once, however many routers share the meter provider."""
    with (
        ModelRouter(config(simulator), **recorder.providers) as one,
        ModelRouter(config(simulator), **recorder.providers) as two,
    ):
        one.route("chat", QUESTION)
        two.route("chat", QUESTION)
    assert_law(recorder, simulator, calls=2)


def test_without_any_provider_nothing_is_needed(simulator: Simulator) -> None:
    """A program without OpenTelemetry set up pays for no-ops and sees no error."""
    with ModelRouter(config(simulator), meter_provider=NoOpMeterProvider()) as router:
        assert router.route("chat", QUESTION).text
