"""util-genai's inference context itself: what we tell the span above us, and that none below makes a second one."""

from __future__ import annotations

import contextvars
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.util.genai.handler import TelemetryHandler

import beastmode_otel
from beastmode_otel import ModelRouter
from beastmode_otel.simulator import Behaviour, Simulator
from others.instrumentations import OURS, by, genai_spans, is_below, ours, recorded
from support.recorder import Recorder

BODY: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]}
FACTS = Behaviour(input_tokens=110, output_tokens=40, cached_tokens=30, reasoning_tokens=8)
PRICE = {"input": 0.15, "cached_input": 0.075, "output": 0.6}
COST = ((110 - 30) * 0.15 + 30 * 0.075 + 40 * 0.6) / 1e6  # USD


@pytest.fixture
def handler(recorder: Recorder) -> TelemetryHandler:
    return TelemetryHandler(**recorder.providers)


@pytest.fixture
def router(simulator: Simulator, recorder: Recorder) -> Iterator[ModelRouter]:
    simulator.define("facts", FACTS)
    simulator.define("dead", Behaviour(status=503))
    deployments = {
        name: {"kind": "openai", "base_url": simulator.url(name), "model": "gpt-4o-mini", "api_key": "any"}
        for name in ("dead", "facts")
    }
    route = {"deployments": [{"name": "dead", "order": 1}, {"name": "facts", "order": 2}]}
    config = {"deployments": deployments, "routes": {"chat": route}, "prices": {"gpt-4o-mini": PRICE}}
    with ModelRouter(config, **recorder.providers) as made:
        yield made


def post(client: Any, simulator: Simulator, name: str) -> Any:
    return client.post(f"{simulator.url(name)}/chat/completions", json=BODY)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_the_span_above_learns_what_only_the_wire_knows(
    library: Any, simulator: Simulator, recorder: Recorder, handler: TelemetryHandler
) -> None:
    """An instrumentation that sees the request only gets the answer's model, id, tokens and ending from us."""
    simulator.define("facts", FACTS)
    with ours(recorder), library.Client() as client, handler.inference("openai", request_model="gpt-4o-mini"):
        post(client, simulator, "facts")
    (theirs,) = genai_spans(recorder)
    (attempt,) = by(recorder, OURS)
    assert is_below(attempt, theirs)
    told = dict(theirs.attributes or {})
    assert told["gen_ai.response.model"] == "gpt-4o-mini"
    assert told["gen_ai.response.id"].startswith("chatcmpl-")
    assert told["gen_ai.response.finish_reasons"] == ("stop",)
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (110, 40)
    assert told["gen_ai.usage.cache_read.input_tokens"] == 30
    assert told["gen_ai.usage.reasoning.output_tokens"] == 8
    assert told["beastmode.deployment"] == f"127.0.0.1:{simulator.port}"
    assert recorded(recorder).total() == 3  # their duration, input and output tokens; none of ours


def test_guessed_tokens_are_not_told(simulator: Simulator, recorder: Recorder, handler: TelemetryHandler) -> None:
    simulator.define("mute", Behaviour(usage=False))
    with ours(recorder), httpx.Client() as client, handler.inference("openai", request_model="gpt-4o-mini"):
        post(client, simulator, "mute")
    (theirs,) = genai_spans(recorder)
    assert not [key for key in theirs.attributes or {} if key.startswith("gen_ai.usage.")]
    (attempt,) = by(recorder, OURS)
    assert (attempt.attributes or {})["beastmode.usage.estimated"] is True
    assert recorder.total("beastmode.tokens", beastmode__token__source="estimated") > 0


def test_what_they_know_themselves_stays(simulator: Simulator, recorder: Recorder, handler: TelemetryHandler) -> None:
    simulator.define("facts", FACTS)
    with ours(recorder), httpx.Client() as client, handler.inference("openai", request_model="gpt-4o-mini") as theirs:
        post(client, simulator, "facts")
        theirs.input_tokens = 7
    (span,) = genai_spans(recorder)
    assert (span.attributes or {})["gen_ai.usage.input_tokens"] == 7


def test_a_routers_attempts_add_up_above(router: ModelRouter, recorder: Recorder, handler: TelemetryHandler) -> None:
    """A team's own LangChain model, say, over our router: their span, our route below, its attempts below that."""
    with handler.inference("openai", request_model="chat"):
        router.route("chat", BODY)
    (theirs,) = genai_spans(recorder)
    route, *attempts = by(recorder, OURS)
    assert route.name == "route chat"
    assert is_below(route, theirs)
    assert {span.name for span in attempts} == {"attempt dead", "attempt facts"}
    assert all(is_below(span, route) for span in attempts)
    told = dict(theirs.attributes or {})
    assert told["beastmode.attempts"] == len(attempts)
    assert told["beastmode.cost.usd"] == pytest.approx(COST)
    assert (told["beastmode.deployment"], told["beastmode.outcome"]) == ("facts", "ok")
    assert recorder.total("beastmode.attempt.duration") == len(attempts)


def test_alone_we_make_the_genai_spans(router: ModelRouter, recorder: Recorder, handler: TelemetryHandler) -> None:
    with handler.inference("openai", request_model="other"):
        pass  # one that is over is no span above
    router.route("chat", BODY)
    assert "chat gpt-4o-mini" in recorder.span_names()
    assert recorded(recorder)[OURS, "gen_ai.client.operation.duration"] >= 1


def left_behind(theirs: Any) -> None:
    """As a stream that is left early is ended: where the context is another one, so that this one keeps it."""
    contextvars.copy_context().run(theirs.stop)


@pytest.mark.parametrize("seen", [True, False], ids=["with-a-call", "without"])
@pytest.mark.parametrize("inside", [True, False], ids=["inside-the-apps-span", "alone"])
@pytest.mark.parametrize("door", ["router", "hook"])
def test_a_span_above_that_has_ended_is_none(
    door: str,
    inside: bool,
    seen: bool,
    router: ModelRouter,
    simulator: Simulator,
    recorder: Recorder,
    handler: TelemetryHandler,
) -> None:
    """Each later call in that context is a GenAI span of its own with its tokens, beside the one that is over."""
    simulator.define("facts", FACTS)
    tracer = recorder.tracer_provider.get_tracer("app")

    def call(client: Any) -> None:
        router.route("chat", BODY) if door == "router" else post(client, simulator, "facts")

    def run() -> None:
        with ours(recorder), httpx.Client() as client, tracer.start_as_current_span("app") if inside else nullcontext():
            theirs = handler.inference("openai", request_model="stale")
            if seen:
                call(client)
            left_behind(theirs)
            for _ in range(2):
                call(client)
            with tracer.start_as_current_span("later"):
                if seen:  # else nobody can know whose the object is
                    call(client)

    contextvars.Context().run(run)
    theirs = next(span for span in recorder.spans() if span.name == "chat stale")
    facts = [span for span in genai_spans(recorder) if span.name == "chat gpt-4o-mini" and span.status.is_unset]
    assert len(facts) == (3 if seen else 2)
    assert all((span.attributes or {})["gen_ai.usage.input_tokens"] == 110 for span in facts)
    assert recorded(recorder)[OURS, "gen_ai.client.token.usage"] == 2 * len(facts)
    top = (
        facts[:2]
        if door == "hook"
        else [span for span in recorder.spans() if span.name == "route chat"][-len(facts) :][:2]
    )
    assert [span.parent and span.parent.span_id for span in top] == [theirs.parent and theirs.parent.span_id] * 2


def test_an_embedding_inside_an_inference_is_a_call_of_its_own(
    simulator: Simulator, recorder: Recorder, handler: TelemetryHandler
) -> None:
    with ours(recorder), httpx.Client() as client, handler.inference("openai", request_model="gpt-4o-mini"):
        asked = {"model": "text-embedding-3-small", "input": "x"}
        client.post(f"{simulator.url()}/embeddings", json=asked)
    (embedding,) = by(recorder, OURS)
    assert embedding.name == "embeddings text-embedding-3-small"


class Talkative(httpx.BaseTransport):
    """A transport that is instrumented with util-genai itself, as an SDK below a gateway would be."""

    def __init__(self, handler: TelemetryHandler) -> None:
        self._inner, self._handler = httpx.HTTPTransport(), handler

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._handler.inference("openai", request_model="gpt-4o-mini"):
            return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.parametrize("door", ["hook", "transport"])
def test_theirs_below_ours_is_no_second_one(
    door: str, simulator: Simulator, recorder: Recorder, handler: TelemetryHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    if door == "hook":
        with ours(recorder), httpx.Client(transport=Talkative(handler)) as client:
            post(client, simulator, "status=200")
    else:
        from opentelemetry import trace

        monkeypatch.setattr(trace, "_TRACER_PROVIDER", recorder.tracer_provider)
        with httpx.Client(transport=beastmode_otel.transport(Talkative(handler))) as client:
            post(client, simulator, "status=200")
    (only,) = recorder.spans()
    assert only.instrumentation_scope is not None
    assert (only.name, only.instrumentation_scope.name) == ("chat gpt-4o-mini", OURS)
    assert {scope for scope, _ in recorded(recorder)} <= {OURS}


def test_without_util_genai_nothing_of_it_is_loaded(simulator: Simulator) -> None:
    script = f"""
import sys, httpx, beastmode_otel
sys.modules["opentelemetry.util.genai"] = None  # as if it were not installed
beastmode_otel.instrument()
httpx.post("{simulator.url()}/chat/completions", json={BODY!r}).raise_for_status()
print([name for name in sys.modules if name.startswith("opentelemetry.util.genai.")])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_call_that_somebody_hides_is_counted_as_unmanaged(
    library: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    with ours(recorder), library.Client() as client:
        post(client, simulator, "status=200")
        with suppress_instrumentation():
            post(client, simulator, "status=200")
            client.get(f"{simulator.url()}/models")
    assert len(recorder.spans()) == recorder.total("beastmode.requests.started") == 1
    assert recorder.total("beastmode.llm.calls", beastmode__door="hook") == 1
    assert recorder.total("beastmode.llm.calls", beastmode__door="none") == 1
