"""Streamed tool calls whose pieces do not say, or say wrongly, which call they belong to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.wire import Reply, format_named, stream_bytes

from . import payloads as p

CHAT = format_named("openai.chat")


def piece(arguments: Any = None, *, name: str | None = None, **more: Any) -> dict[str, Any]:
    function = {**({} if name is None else {"name": name}), **({} if arguments is None else {"arguments": arguments})}
    return {**more, **({"type": "function"} if name else {}), "function": function}


def streamed(*events: list[dict[str, Any]]) -> Reply:
    reader = CHAT.reader()
    reader.feed(p.sse(*(p.chunk({"tool_calls": calls}) for calls in events), p.chunk({}, finish="tool_calls")))
    reader.end()
    assert (reader.finished, reader.error) == (True, None)
    return reader.reply()


def calls_of(reply: Reply) -> list[tuple[str | None, str, str]]:
    calls = reply.body["choices"][0]["message"]["tool_calls"]
    return [(call.get("id"), call["function"]["name"], call["function"].get("arguments")) for call in calls]


A, B = '{"a": 1}', '{"b": 2}'


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        ([[piece("", name="save", id="c1")], [piece('{"a":')], [piece("1}")]], [("c1", "save", '{"a":1}')]),
        ([[piece('{"a":', name="save", id="c1", index=None)], [piece("1}", index=None)]], [("c1", "save", '{"a":1}')]),
        ([[piece("", name="save", id="c1", index=0)], [piece(A)]], [("c1", "save", A)]),
        ([[piece("", name="save", id="c1")], [piece(A, index=0)]], [("c1", "save", A)]),
        # The id, or the name, stands in every piece.
        ([[piece("", name="f", id="c1")], [piece('{"a":', id="c1")], [piece(" 1}", id="c1")]], [("c1", "f", A)]),
        ([[piece('{"a":', name="f", id="c1")], [piece(" 1}", name="f", id="c1")]], [("c1", "f", A)]),
        ([[piece('{"a":', name="f")], [piece(" 1}", name="f")]], [(None, "f", A)]),
        ([[piece(A, name="f", id="c1")], [piece("", name="f", id="c1")]], [("c1", "f", A)]),
        # A new id for every piece, as old vLLM invents them.
        ([[piece("", name="f", id="x1")], [piece('{"a":', id="x2")], [piece(" 1}", id="x3")]], [("x1", "f", A)]),
        # Several calls: whole, one after the other, side by side, and mixed up.
        ([[piece(A, name="f", id="c1"), piece(B, name="g", id="c2")]], [("c1", "f", A), ("c2", "g", B)]),
        ([[piece(A, name="f")], [piece(B, name="f")]], [(None, "f", A), (None, "f", B)]),
        (
            [
                *([piece("", name="f", id="c1")], [piece(A)]),
                *([piece("", name="g", id="c2")], [piece(B[:4])], [piece(B[4:])]),
            ],
            [("c1", "f", A), ("c2", "g", B)],
        ),
        (
            [[piece("", name="f", id="c1")], [piece("", name="g", id="c2")], [piece(B, id="c2")], [piece(A, id="c1")]],
            [("c1", "f", A), ("c2", "g", B)],
        ),
        (
            [[piece("", name="f", id="c1"), piece("", name="g", id="c2")], [piece(A), piece(B)]],
            [("c1", "f", A), ("c2", "g", B)],
        ),
        (
            [[piece(A, name="f", id="c", index=0)], [piece(B, name="f", id="d", index=0)]],
            [("c", "f", A), ("d", "f", B)],
        ),
        (
            [[piece(B, name="g", id="c2", index=1)], [piece(A, name="f", id="c1", index=0)]],
            [("c1", "f", A), ("c2", "g", B)],
        ),
    ],
)  # fmt: skip
def test_pieces_become_the_calls_that_were_meant(events: Any, calls: Any) -> None:
    reply = streamed(*events)
    assert calls_of(reply) == calls
    assert reply.tool_calls == len(calls)
    hit = CHAT.reader()
    hit.feed(b"".join(stream_bytes(CHAT.replay(reply.body, include_usage=True), "sse")))
    assert calls_of(hit.reply()) == calls


@pytest.mark.parametrize("cut", range(len(A) + 1))
def test_arguments_may_be_cut_anywhere(cut: int) -> None:
    first = piece("", name="save", id="c1")
    assert calls_of(streamed([first], [piece(A[:cut])], [piece(A[cut:])])) == [("c1", "save", A)]
    assert calls_of(streamed([{**first, "function": {"name": "save", "arguments": A[:cut]}}], [piece(A[cut:])])) == [
        ("c1", "save", A)
    ]


def test_ten_thousand_calls_take_linear_time() -> None:
    events = [[piece(A, name="f", id=f"c{number}")] for number in range(10_000)]
    assert streamed(*events).tool_calls == 10_000


@pytest.mark.parametrize("api", ["anthropic.messages", "cohere.chat"])
def test_events_without_an_index_go_on_with_the_last_block(api: str) -> None:
    if api == "cohere.chat":
        stream = p.sse(
            {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant"}}},
            *({"type": f"tool-call-{step}", "delta": {"message": {"tool_calls": call}}} for step, call in [
                ("start", {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}),
                ("delta", {"function": {"arguments": A}}),
                ("start", {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}),
                ("delta", {"function": {"arguments": B}}),
            ]),
            {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL"}}, done=False,
        )  # fmt: skip
    else:
        stream = p.sse(
            {"type": "message_start", "message": {"id": "m", "content": []}},
            *(event for name, said in (("f", A), ("g", B)) for event in (
                {"type": "content_block_start", "content_block": {"type": "tool_use", "name": name, "input": {}}},
                {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": said[:4]}},
                {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": said[4:]}},
                {"type": "content_block_stop"},
            )),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
            {"type": "message_stop"}, done=False,
        )  # fmt: skip
    reader = format_named(api).reader()
    reader.feed(stream)
    reply = reader.reply()
    assert (reader.finished, reply.tool_calls) == (True, 2)
    said = json.dumps(reply.body, ensure_ascii=True).replace("\\", "")
    assert (A in said, B in said) == (True, True)
