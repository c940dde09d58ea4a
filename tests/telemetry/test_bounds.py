"""Metric labels are bounded, whatever callers and providers say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter, RequestError
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import QUESTION
from support.recorder import Recorder


def config_of(simulator: Simulator, **more: Any) -> dict[str, Any]:
    deployment = {"base_url": simulator.url("ok"), "model": "gpt-4o-mini"}
    return {"deployments": {"a": deployment}, "routes": {"chat": {"deployments": ["a"]}}, **more}


def routed(simulator: Simulator, recorder: Recorder, **more: Any) -> ModelRouter:
    return ModelRouter(config_of(simulator, **more), **recorder.providers)


def test_ten_thousand_junk_model_names_make_no_ten_thousand_series(simulator: Simulator, recorder: Recorder) -> None:
    """Names beyond the bound are counted as _OTHER: 24 junk names, the configured one, and the rest."""
    with routed(simulator, recorder) as router:
        for number in range(10_000):
            with pytest.raises(RequestError):
                router.route(f"junk-{number}", QUESTION)
        series = recorder.metrics()
    for name, values in series.items():
        assert len(values) <= 26, name
    assert recorder.total("beastmode.errors") == 10_000
    assert recorder.total("beastmode.errors", beastmode__model="_OTHER") == 10_000 - 24


def test_junk_behind_a_vendor_prefix_is_bounded_too(
    simulator: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """openai:anything reaches the provider, whose name for it would be a label of the GenAI convention."""
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url("ok"))
    with ModelRouter({}, **recorder.providers) as router:
        for number in range(1_600):
            router.route(f"openai:junk-{number}", QUESTION)
        series = recorder.metrics()
    assert all(len(values) < 2_000 for values in series.values())
    assert len(series["beastmode.request.duration"]) <= 26
    genai = series["gen_ai.client.operation.duration"]
    assert len(genai) == 1_501
    assert recorder.total("gen_ai.client.operation.duration", gen_ai__request__model="_OTHER") == 100


def test_status_codes_are_bounded(simulator: Simulator, recorder: Recorder) -> None:
    """A gateway that invents status codes does not invent series."""
    with routed(simulator, recorder, retry={"per_deployment": 0}) as router:
        for status in range(400, 500):
            simulator.define("ok", Behaviour(status=status))
            with pytest.raises(Exception, match=str(status)):
                router.route("chat", QUESTION)
        codes = recorder.metrics()["beastmode.responses"]
    assert len(codes) == 61
    assert recorder.total("beastmode.responses") == 100


def test_own_labels_come_from_the_call_and_the_baggage_and_are_bounded(
    simulator: Simulator, recorder: Recorder
) -> None:
    """At most 50 values of a label; they stand on the label metrics and on spans, and nowhere else."""
    from opentelemetry import baggage, context

    simulator.define("ok", Behaviour(status=200))
    with routed(simulator, recorder, labels=["team", "feature"]) as router:
        for number in range(60):
            router.route("chat", QUESTION, labels={"team": f"team-{number}"})
        token = context.attach(baggage.set_baggage("feature", "search"))
        router.route("chat", QUESTION, labels={"team": "team-0"})
        context.detach(token)
        with pytest.raises(RequestError, match="must be a mapping"):
            router.route("chat", QUESTION, labels="team")  # type: ignore[arg-type]
    series = recorder.metrics()["beastmode.label.requests"]
    assert len(series) == 52
    assert recorder.total("beastmode.label.requests", beastmode__label__value="_OTHER") == 10
    assert recorder.total("beastmode.label.requests", beastmode__label="feature", beastmode__label__value="search") == 1
    route = next(span for span in recorder.spans() if "beastmode.label.feature" in (span.attributes or {}))
    assert dict(route.attributes or {})["beastmode.label.team"] == "team-0"
    for name, values in recorder.metrics().items():
        if not name.startswith("beastmode.label."):
            assert not any("team-" in str(labels) for labels in values), name


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"user": "x"}, "the label 'user' is not configured"),
        ({3: "x"}, "the label 3 is not configured"),
        ({"team": 7}, "the label 'team' must be a string, not int"),
        ({"team": ["a"]}, "the label 'team' must be a string, not list"),
        ({"team": None}, None),
    ],
)
def test_label_that_cannot_be_counted_fails_no_call(
    world: str,
    labels: Any,
    said: str | None,
    simulator: Simulator,
    recorder: Recorder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer comes, what can be counted is, and each such label is told of once."""
    given = labels | {"feature": "search"}
    if world == "sync":
        with routed(simulator, recorder, labels=["team", "feature"]) as router:
            assert router.route("chat", QUESTION, labels=given).text
            with router.stream("chat", QUESTION, labels=given) as stream:
                assert "".join(chunk.text for chunk in stream)
    else:

        async def ask() -> None:
            config = config_of(simulator, labels=["team", "feature"])
            async with AsyncModelRouter(config, **recorder.providers) as router:
                assert (await router.route("chat", QUESTION, labels=given)).text
                async with await router.stream("chat", QUESTION, labels=given) as stream:
                    assert "".join([chunk.text async for chunk in stream])

        asyncio.run(ask())
    warnings = [record.getMessage() for record in caplog.records if "label" in record.getMessage()]
    assert len(warnings) == (said is not None)
    assert all(line.startswith(said or "") for line in warnings)
    assert recorder.total("beastmode.label.requests") == 2
    assert recorder.total("beastmode.label.requests", beastmode__label="feature", beastmode__label__value="search") == 2
    assert recorder.total("beastmode.errors") == 0
