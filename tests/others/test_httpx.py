"""Beside opentelemetry-instrumentation-httpx: ours above, theirs below, whoever comes and goes first."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import httpx
import httpx2
import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor, SyncOpenTelemetryTransport

import beastmode_otel
from beastmode_otel.simulator import Behaviour, Simulator
from others.instrumentations import HTTPX, OURS, WORLDS, act, by, genai, httpx_both, is_below, on, ours
from support.recorder import Recorder

SDKS = {"openai": "httpx2", "groq": "httpx"}  # the library that each brings
FOUR = [(library, kind) for library in (httpx, httpx2) for kind in ("Client", "AsyncClient")]


def methods() -> list[Any]:
    """All that anybody patches, as it is now."""
    transports = [(library.HTTPTransport, "handle_request") for library in (httpx, httpx2)]
    transports += [(library.AsyncHTTPTransport, "handle_async_request") for library in (httpx, httpx2)]
    clients = [(getattr(library, kind), "send") for library, kind in FOUR]
    return [vars(owner)[name] for owner, name in (*transports, *clients)]


@pytest.mark.parametrize("action", ["whole", "read"])
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("first", ["ours", "theirs"])
@pytest.mark.parametrize("leaves", ["ours", "theirs"])
def test_ours_above_theirs_below_in_every_order(
    first: str, leaves: str, sdk: str, world: str, action: str, simulator: Simulator, recorder: Recorder
) -> None:
    untouched = methods()
    stacks = {"ours": ExitStack(), "theirs": ExitStack()}
    turn_on = {"ours": lambda: ours(recorder), "theirs": lambda: on(recorder, *httpx_both())}
    for who in (first, *(turn_on.keys() - {first})):
        stacks[who].enter_context(turn_on[who]())

    act(simulator, sdk, world, action)
    mine, post = recorder.spans()
    assert mine.instrumentation_scope is not None
    assert (mine.instrumentation_scope.name, post.name) == (OURS, "POST")
    assert is_below(post, mine)
    assert (mine.attributes or {})["gen_ai.operation.name"] == "chat"

    stacks[leaves].close()
    act(simulator, sdk, world, action)
    (third,) = recorder.spans()[2:]
    assert (third.name == "POST") == (leaves == "ours")

    (stays,) = stacks.keys() - {leaves}
    stacks[stays].close()
    act(simulator, sdk, world, action)
    assert len(recorder.spans()) == 3
    assert simulator.received == 3
    assert methods() == untouched


@pytest.mark.parametrize("world", WORLDS)
def test_all_three_make_one_line_down(world: str, simulator: Simulator, recorder: Recorder) -> None:
    """Theirs on the SDK, our attempts with its retries, one HTTP span below each."""
    simulator.define("flaky", Behaviour(status=500, retry_after_ms="10"), Behaviour())
    with on(recorder, *genai(), *httpx_both()), ours(recorder):
        act(simulator, "openai", world, "whole", behaviour="flaky", retries=1)
    assert [span.name.split(" ")[0] for span in recorder.spans()] == ["chat", "attempt", "POST", "attempt", "POST"]
    chat, first, first_post, second, second_post = recorder.spans()
    assert is_below(first, chat)
    assert is_below(second, chat)
    assert is_below(first_post, first)
    assert is_below(second_post, second)


def test_their_transport_round_ours_is_seen_once(
    simulator: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call through their transport over ours belongs to ours, hook or no hook: then theirs is above."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recorder.tracer_provider)
    door = beastmode_otel.transport(httpx.HTTPTransport())
    theirs = SyncOpenTelemetryTransport(door, tracer_provider=recorder.tracer_provider)
    with ours(recorder), httpx.Client(transport=theirs) as client:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]}
        client.post(f"{simulator.url()}/chat/completions", json=body)
    (mine,) = by(recorder, OURS)
    (post,) = by(recorder, *HTTPX)
    assert is_below(mine, post)
    assert recorder.total("beastmode.llm.calls") == 0  # the hook's, which stood aside


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_client_that_they_instrument_by_itself(first: str, simulator: Simulator, recorder: Recorder) -> None:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]}
    with ExitStack() as stack, httpx.Client() as client:
        if first == "ours":
            stack.enter_context(ours(recorder))
        HTTPXClientInstrumentor.instrument_client(client, tracer_provider=recorder.tracer_provider)
        if first == "theirs":
            stack.enter_context(ours(recorder))
        client.post(f"{simulator.url()}/chat/completions", json=body)
        HTTPXClientInstrumentor.uninstrument_client(client)
        client.post(f"{simulator.url()}/chat/completions", json=body)
    mine, post, alone = recorder.spans()
    assert is_below(post, mine)
    assert [mine.name, post.name, alone.name] == ["chat gpt-4o-mini", "POST", "chat gpt-4o-mini"]
