"""What calls used and cost is the same, and marked alike, in the router and under the hook, however it is told."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import instrument, uninstrument
from beastmode_otel.simulator import Simulator
from instrumentation.apps import COMBINATIONS, make
from instrumentation.servers import read_request, serving
from support.drivers import DRIVERS
from support.recorder import Recorder

MILLION = 1_000_000
ASKED = {"messages": [{"role": "user", "content": "q" * 40}], "max_tokens": 64}  # 10 tokens by our estimate
TOOLS = [{"type": "function", "function": {"name": "save", "parameters": {"type": "object", "title": "t" * 320}}}]


def sse(*events: Any, names: bool = False, done: bool = True) -> bytes:
    lines = [(f"event: {event['type']}\n" if names else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n" if done and not names else ""]).encode()


def chat(**more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice], **more}).encode()


def chunk(delta: dict[str, Any], finish: str | None = None, *, usage: Any = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more}
    return {"id": "1", "object": "chat.completion.chunk", "choices": [choice], "usage": usage}


def counts(asked: Any, answered: Any, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered, **more}


def message(usage: dict[str, Any]) -> bytes:
    content = [{"type": "text", "text": "Hi."}]
    told = {"id": "m", "type": "message", "role": "assistant", "model": "claude-opus-4-5", "content": content}
    return json.dumps({**told, "stop_reason": "end_turn", "usage": usage}).encode()


def begins(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "m", "type": "message", "content": [], "usage": usage}}


def block(kind: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    grown = [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    return [{"type": "content_block_start", "index": 0, "content_block": kind}, *grown]


def ends(usage: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}, {"type": "message_stop"}]


@dataclass(frozen=True, kw_only=True)
class Case:
    """body: of the answer, a stream if it is one of events. tokens: input, output. cost: USD, None: not looked at."""

    body: bytes
    tokens: tuple[int, int]
    provider: str = "openai"
    model: str = "gpt-4.1"
    asked: dict[str, Any] = field(default_factory=dict)
    estimated: bool = False
    cost: float | None = None
    source: str = "local"
    head: str = ""

    @property
    def streams(self) -> bool:
        return self.body.startswith((b"data:", b"event:"))

    @property
    def kind(self) -> str:
        return "anthropic" if self.provider == "anthropic" else "openai"

    def answer(self, connection: socket.socket) -> None:
        read_request(connection)
        form = "text/event-stream" if self.streams else "application/json"
        size = "" if self.streams else f"content-length: {len(self.body)}\r\n"
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {form}\r\n{size}{self.head}connection: close\r\n\r\n"
        connection.sendall(head.encode() + self.body)


THINKING = (
    begins(input_tokens=25, output_tokens=1),
    *block({"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "t" * 400}),
)
TOOL_INPUT = (
    begins(input_tokens=25, output_tokens=1),
    *block(
        {"type": "tool_use", "id": "c", "name": "save", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"a": "' + "x" * 389},
    ),
)
SAID = block({"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi."})
OPUS = {"provider": "anthropic", "model": "claude-opus-4-5"}  # 5 in, 25 out, 0.5 read, 6.25 written, 10 for an hour
COMPACTED = {
    "input_tokens": 100,
    "output_tokens": 50,
    "iterations": [
        {"type": "compaction", "input_tokens": 900, "output_tokens": 40},
        {"type": "message", "input_tokens": 100, "output_tokens": 50},
    ],
}
ADVISED = {
    "input_tokens": MILLION,
    "output_tokens": 0,
    "iterations": [
        {"type": "message", "input_tokens": MILLION, "output_tokens": 0},
        {"type": "advisor_message", "model": "claude-haiku-4-5", "input_tokens": MILLION, "output_tokens": 0},
    ],
}
KEPT = {
    "input_tokens": 0,
    "cache_creation_input_tokens": MILLION,
    "cache_creation": {"ephemeral_5m_input_tokens": 400_000, "ephemeral_1h_input_tokens": 600_000},
    "output_tokens": 1,
}
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "save", "arguments": ""}}
MORE = {"index": 0, "function": {"arguments": "a" * 400}}
BYOK = {"cost": 0.95, "is_byok": True, "cost_details": {"upstream_inference_cost": 19}}
CASES = {
    "3.1 thoughts in the total only": Case(
        provider="gcp.gemini", model="gemini-2.5-flash", body=chat(usage={**counts(20, 198), "total_tokens": 623}),
        tokens=(20, 603),
    ),
    "3.2 cut while thinking": Case(**OPUS, body=sse(*THINKING, names=True), tokens=(25, 100), estimated=True),
    "3.2 cut in a tool's input": Case(**OPUS, body=sse(*TOOL_INPUT, names=True), tokens=(25, 101), estimated=True),
    "3.3 a zero at the end": Case(
        **OPUS, tokens=(25, 9), cost=(25 * 5 + 9 * 25) / MILLION,
        body=sse(begins(input_tokens=25, output_tokens=1), *SAID, *ends({"input_tokens": 0, "output_tokens": 9}),
                 names=True),
    ),
    "3.3 a zero at the start": Case(
        **OPUS, tokens=(25, 9),
        body=sse(begins(input_tokens=0, output_tokens=0), *SAID, *ends({"input_tokens": 25, "output_tokens": 9}),
                 names=True),
    ),
    "3.4 compaction": Case(
        **OPUS, body=message(COMPACTED), tokens=(1000, 90), cost=(1000 * 5 + 90 * 25) / MILLION
    ),
    "3.4 compaction in a stream": Case(
        **OPUS, body=sse(begins(input_tokens=100, output_tokens=1), *SAID, *ends(COMPACTED), names=True),
        tokens=(1000, 90), cost=(1000 * 5 + 90 * 25) / MILLION,
    ),
    "3.4 an advisor at its own price": Case(**OPUS, body=message({**ADVISED, "output_tokens": 1}),
        tokens=(2 * MILLION, 1), cost=6.0,
    ),
    "3.5 nothing counted": Case(body=chat(usage=counts(0, 0)), tokens=(10, 1), estimated=True),
    "3.5 nothing counted in a stream": Case(
        body=sse(chunk({"content": "Hi."}), chunk({}, "stop"), {"choices": [], "usage": counts(0, 0)}),
        tokens=(10, 1), estimated=True,
    ),
    "3.5 a zero after the count": Case(
        body=sse(chunk({"content": "Hi."}), chunk({}, "stop", usage=counts(7, 3)),
                 {"choices": [], "usage": counts(0, 0)}),
        tokens=(7, 3),
    ),
    "3.6 in the first choice": Case(
        body=sse(chunk({"content": "Hi."}), chunk({}, "stop", usage=None) | {
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": counts(7, 3)}]}),
        tokens=(7, 3),
    ),
    "3.6 there and at the top": Case(
        body=sse(chunk({"content": "Hi."}), {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop",
                 "usage": counts(7, 3)}]}, {"choices": [], "usage": counts(7, 3)}),
        tokens=(7, 3),
    ),
    "3.6 floats": Case(body=chat(usage=counts(7.0, 3.0)), tokens=(7, 3)),
    "3.6 a step deeper": Case(
        body=chat(usage={"billed_units": {"input_tokens": 7.0, "output_tokens": 3.0},
                         "tokens": {"input_tokens": 70.0, "output_tokens": 3.0}}),
        tokens=(7, 3),
    ),
    "3.7 arguments of a tool": Case(
        body=sse(chunk({"tool_calls": [CALL]}), chunk({"tool_calls": [MORE]}), chunk({}, "tool_calls")),
        tokens=(10, 102), estimated=True,
    ),
    "3.7 reasoning, told under two names": Case(
        body=sse(chunk({"reasoning": "r" * 400, "reasoning_content": "r" * 400}), chunk({"content": "Hi"}),
                 chunk({}, "stop")),
        tokens=(10, 101), estimated=True,
    ),
    "3.7 the schema of tools": Case(
        body=sse(chunk({"content": "Hi."}), chunk({}, "stop")), asked={"tools": TOOLS},
        tokens=(10 + 1 + len(json.dumps(TOOLS, separators=(",", ":"))) // 4, 1), estimated=True,
    ),
    "3.8 openrouter": Case(body=chat(usage=counts(7, 3, cost=0.25)), tokens=(7, 3), cost=0.25, source="provider"),
    "3.8 openrouter, one's own key": Case(
        body=chat(usage=counts(7, 3, **BYOK)), tokens=(7, 3), cost=19.95, source="provider"
    ),
    "3.8 openrouter in a stream": Case(
        body=sse(chunk({"content": "Hi."}), chunk({}, "stop"), {"choices": [], "usage": counts(7, 3, cost=0.25)}),
        tokens=(7, 3), cost=0.25, source="provider",
    ),
    "3.8 free": Case(body=chat(usage=counts(7, 3, cost=0)), tokens=(7, 3), cost=0.0, source="provider"),
    "3.8 deepinfra": Case(
        body=chat(usage=counts(7, 3, estimated_cost=0.5)), tokens=(7, 3), cost=0.5, source="provider"
    ),
    "3.8 perplexity": Case(
        body=chat(usage=counts(7, 3, cost={"request_cost": 0.1, "total_cost": 0.5})), tokens=(7, 3), cost=0.5,
        source="provider",
    ),
    "3.8 xai": Case(
        body=chat(usage=counts(7, 3, cost_in_usd_ticks=5_000_000_000)), tokens=(7, 3), cost=0.5, source="provider"
    ),
    "3.8 litellm": Case(
        body=chat(usage=counts(7, 3)), tokens=(7, 3), cost=0.5, source="provider",
        head="x-litellm-response-cost: 0.5\r\n",
    ),
    "3.9 flex": Case(
        model="o3", body=chat(usage=counts(MILLION, 1), service_tier="flex"), tokens=(MILLION, 1),
        cost=(2 * MILLION + 8) / 2 / MILLION,
    ),
    "3.9 priority": Case(
        body=chat(usage=counts(MILLION, 1), service_tier="priority"), tokens=(MILLION, 1),
        cost=(2 * MILLION + 8) * 1.75 / MILLION,
    ),
    "3.9 a tier whose price nobody knows": Case(
        body=chat(usage=counts(MILLION, 1), service_tier="scale"), tokens=(MILLION, 1),
        cost=(2 * MILLION + 8) / MILLION, source="approximate",
    ),
    "3.9 asked for, and nobody says what was served": Case(
        body=chat(usage=counts(MILLION, 1)), asked={"service_tier": "flex"}, tokens=(MILLION, 1),
        cost=(2 * MILLION + 8) / MILLION, source="approximate",
    ),
    "3.9 cache writes for an hour": Case(
        **OPUS, body=message(KEPT), tokens=(MILLION, 1), cost=0.4 * 6.25 + 0.6 * 10 + 25 / MILLION
    ),
    "3.9 a faster model": Case(
        **OPUS, body=message({"input_tokens": MILLION, "output_tokens": 1, "speed": "fast"}), tokens=(MILLION, 1),
        cost=5 + 25 / MILLION, source="approximate",
    ),
}  # fmt: skip


def routed(case: Case, world: str) -> Callable[[str, dict[str, Any], Recorder], None]:
    def play(url: str, config: dict[str, Any], recorder: Recorder) -> None:
        with Simulator() as simulator:
            driver = DRIVERS[world](simulator, config, **recorder.providers)
            driver.act("read" if case.streams else "route", "it", request={**ASKED, **case.asked})
            driver.close()

    return play


def hooked(case: Case, library: str, world: str) -> Callable[[str, dict[str, Any], Recorder], None]:
    def play(url: str, config: dict[str, Any], recorder: Recorder) -> None:
        instrument(**recorder.providers)
        try:
            app = make(library, world)
            body = {**ASKED, **case.asked, "model": case.model, "stream": case.streams}
            path = "/messages" if case.kind == "anthropic" else "/chat/completions"
            app.pieces(app.open(url + path, body, headers={"anthropic-version": "2023-06-01"}))
            app.close()
        finally:
            uninstrument()

    return play


def doors(case: Case) -> Iterator[tuple[str, Callable[[str, dict[str, Any], Recorder], None]]]:
    yield from ((f"router {world}", routed(case, world)) for world in DRIVERS)
    yield from ((f"{library} {world}", hooked(case, library, world)) for library, world in COMBINATIONS)


@pytest.mark.parametrize("name", CASES)
def test_what_a_call_used_and_cost(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, file = CASES[name], tmp_path / "beastmode.toml"
    monkeypatch.setenv("BEASTMODE_CONFIG", str(file))  # the hook's: whose prices hold at the host
    for door, play in doors(case):
        recorder = Recorder()
        with serving(case.answer) as address:
            url = f"{address}/v1"
            target = {"kind": case.kind, "base_url": url, "provider": case.provider, "model": case.model}
            config = {"deployments": {"a": {**target, "api_key": "k"}}, "routes": {"it": {"deployments": ["a"]}}}
            file.write_text("[deployments.a]\n" + "".join(f'{key} = "{said}"\n' for key, said in target.items()))
            play(url, config, recorder)
            check(case, recorder, door)


def check(case: Case, recorder: Recorder, door: str) -> None:
    source = "estimated" if case.estimated else "provider"
    told = tuple(
        recorder.total("beastmode.tokens", beastmode__token__type=kind, beastmode__token__source=source)
        for kind in ("input", "output")
    )
    assert told == case.tokens, door
    attributes = next(span.attributes or {} for span in recorder.spans() if span.kind.name == "CLIENT")
    assert attributes.get("beastmode.usage.estimated") == (True if case.estimated else None), door
    if case.cost is not None:
        assert recorder.total("beastmode.cost") == pytest.approx(case.cost), door
        assert recorder.total("beastmode.cost", beastmode__cost__source=case.source) == pytest.approx(case.cost), door
        assert attributes.get("beastmode.cost.source") == (None if case.source == "local" else case.source), door
        assert recorder.total("beastmode.cost.unknown") == 0, door
