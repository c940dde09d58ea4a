"""OpenAI's legacy completions."""

from __future__ import annotations

import json
from typing import Any

from beastmode_otel.wire import Chunk, Usage, format_named

from . import more_payloads as m
from . import payloads as p

COMPLETIONS = format_named("openai.completions")


def whole(body: Any) -> Any:
    return COMPLETIONS.read_response(json.dumps(body).encode())


def read(stream: bytes) -> tuple[list[Chunk], Any]:
    reader = COMPLETIONS.reader()
    return [*reader.feed(stream), *reader.end()], reader


def test_a_request_is_read_into_facts() -> None:
    options = {"include_usage": True}
    ask = COMPLETIONS.read_request(
        {"model": "x", "prompt": "p", "max_tokens": 3, "n": 2, "stop": "\n", "stream": True, "stream_options": options}
    )
    assert (ask.operation, ask.model, ask.max_tokens, ask.choice_count) == ("text_completion", "x", 3, 2)
    assert (ask.stop_sequences, ask.stream, ask.include_usage) == (("\n",), True, True)


def test_a_response_is_read_into_facts() -> None:
    reply = whole(m.COMPLETION)
    assert (reply.parsed, reply.empty, reply.text, reply.id) == (True, False, "once upon", "cmpl-1")
    assert reply.finish_reasons == ("stop", "length")
    assert reply.usage == Usage(input_tokens=5, output_tokens=7)
    assert whole(m.text_completion(m.text_choice("", finish="stop"))).empty


def test_an_assembled_stream_equals_the_response_without_a_stream() -> None:
    chunks, reader = read(m.COMPLETION_STREAM)
    assert reader.reply() == whole(m.COMPLETION)
    assert reader.reply().body == m.COMPLETION
    assert "".join(chunk.text for chunk in chunks) == "once upon"
    assert [chunk.usage_only for chunk in chunks] == [False] * 6 + [True, False]
    assert [chunk.content for chunk in chunks] == [True] * 4 + [False] * 4
    assert (reader.finished, chunks[-1].terminal) == (True, True)


def test_a_cut_stream_is_not_finished_and_one_without_done_is() -> None:
    events = m.COMPLETION_STREAM.split(b"\n\n")
    assert not read(b"\n\n".join(events[:5]))[1].finished
    assert read(b"\n\n".join(events[:7]))[1].finished


def test_a_chat_answer_is_no_completion() -> None:
    assert whole(p.OPENAI_TEXT).empty
