"""A character beyond U+FFFF that arrives as two JSON escapes, in two events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.wire import FORMATS, stream_bytes

from . import payloads as p
from .samples import SAMPLES


def events(api: str, first: str, second: str) -> bytes:
    if api in ("openai.chat", "mistral.fim"):
        return p.sse(p.chunk({"content": first}), p.chunk({"content": second}), p.chunk({}, finish="stop"))
    if api == "openai.completions":
        said = [{"choices": [{"index": 0, "text": one, "finish_reason": None}]} for one in (first, second)]
        return p.sse(*said, {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    if api == "gemini.generate_content":
        parts = [{"candidates": [{"index": 0, "content": {"parts": [{"text": one}]}}]} for one in (first, second)]
        end = {"candidates": [{"index": 0, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1}}
        return p.sse(*parts, end, done=False)
    if api == "anthropic.messages":
        start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        deltas = [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": one}}
            for one in (first, second)
        ]
        end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
        message = {"type": "message_start", "message": {"content": []}}
        return p.sse(message, start, *deltas, end, {"type": "message_stop"}, names=True)
    if api == "cohere.chat":
        step = ("start", "delta")
        said = [
            {"type": f"content-{step[n]}", "index": 0, "delta": {"message": {"content": {"type": "text", "text": one}}}}
            for n, one in enumerate((first, second))
        ]
        return p.sse(*said, {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}, done=False)
    if api == "openai.responses":
        said = [
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": one}
            for one in (first, second)
        ]
        return p.sse(*said, {"type": "response.completed", "response": {"status": "completed"}}, done=False)
    member: dict[str, Any] = {"ollama.chat": lambda one: {"message": {"content": one}}}
    lines = [member.get(api, lambda one: {"response": one})(one) for one in (first, second)]
    return "".join(json.dumps(line) + "\n" for line in [*lines, {"done": True, "done_reason": "stop"}]).encode()


STREAMS = [api for api, row in SAMPLES.items() if row.stream is not None]
HALF, OTHER = "\ud83d", "\ude00"


@pytest.mark.parametrize("api", STREAMS)
@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        pytest.param(f"a{HALF}", f"{OTHER}b", "a😀b", id="inside"),
        pytest.param(HALF, OTHER, "😀", id="alone"),
        pytest.param(f"é{HALF}", "b", f"é{HALF}b", id="first half only"),
        pytest.param("a", f"b{HALF}", f"ab{HALF}", id="at the end"),
    ],
)
def test_halves_are_joined_and_a_half_alone_stays(api: str, first: str, second: str, text: str) -> None:
    reader = FORMATS[api].reader()
    chunks = [*reader.feed(events(api, first, second)), *reader.end()]
    assert (reader.finished, reader.error) == (True, None)
    reply = reader.reply()
    assert ("".join(chunk.text for chunk in chunks), reply.text) == (text, text)
    framing = FORMATS[api].framing
    assert framing is not None
    hit = FORMATS[api].reader()
    replayed = FORMATS[api].replay(json.loads(json.dumps(reply.body)), include_usage=True)
    hit.feed(b"".join(stream_bytes(replayed, framing)))
    assert (hit.reply().text, "".join(chunk.text for chunk in replayed)) == (text, text)
    if "\N{GRINNING FACE}" in text:
        json.dumps(reply.body, ensure_ascii=False).encode()
