"""What says why an answer ended, and what only looks like it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.wire import format_named

from . import payloads as p
from .samples import SAMPLES

NONE = ("", "null", "None", " ", "FINISH_REASON_UNSPECIFIED", None)
# How each format's stream goes on after its reason.
LATER: dict[str, Any] = {
    "openai.chat": lambda none: p.chunk({}, finish=none),
    "openai.completions": lambda none: {"choices": [{"index": 0, "text": "", "finish_reason": none}]},
    "gemini.generate_content": lambda none: {"candidates": [{"index": 0, "finishReason": none}]},
    "anthropic.messages": lambda none: {"type": "message_delta", "delta": {"stop_reason": none}},
}


@pytest.mark.parametrize("none", NONE)
@pytest.mark.parametrize("api", LATER)
def test_the_last_real_reason_counts_and_ends_the_answer(api: str, none: Any) -> None:
    row = SAMPLES[api]
    assert row.stream is not None
    reader = format_named(api).reader()
    events = row.stream.removesuffix(b"data: [DONE]\n\n").split(b"event: message_stop")[0]
    reader.feed(events)
    reader.feed(p.sse(LATER[api](none), done=False))
    reader.end()
    assert (reader.finished, reader.error) == (True, None)
    assert (reader.reply().text, reader.reply().finish_reasons) == (row.text, row.finish)


@pytest.mark.parametrize("none", NONE)
def test_a_word_for_no_reason_ends_nothing(none: Any) -> None:
    reader = format_named("openai.chat").reader()
    [chunk] = reader.feed(p.sse(p.chunk({"content": "Hel"}, finish=none), done=False))
    reader.end()
    assert (chunk.finish_reason, reader.finished, reader.reply().finish_reasons) == (None, False, ())


@pytest.mark.parametrize("none", NONE)
def test_a_whole_answer_with_a_word_for_no_reason_has_none(none: Any) -> None:
    for api, body in (
        ("openai.chat", {"choices": [{"message": {"content": "Hel"}, "finish_reason": none}]}),
        ("anthropic.messages", {"content": [{"type": "text", "text": "Hel"}], "stop_reason": none}),
        ("ollama.chat", {"message": {"content": "Hel"}, "done": True, "done_reason": none}),
        ("cohere.chat", {"message": {"content": [{"type": "text", "text": "Hel"}]}, "finish_reason": none}),
    ):
        assert format_named(api).read_response(json.dumps(body).encode()).finish_reasons == ()
