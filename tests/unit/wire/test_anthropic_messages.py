"""Anthropic's messages: requests, responses, streams and what streams assemble to."""

from __future__ import annotations

import json
from typing import Any

from beastmode_otel.wire import Chunk, Usage, categorise, format_named

from . import payloads as p

ANTHROPIC = format_named("anthropic.messages")


def read(stream: bytes) -> tuple[list[Chunk], Any]:
    reader = ANTHROPIC.reader()
    return [*reader.feed(stream), *reader.end()], reader


def test_a_request_is_read_into_facts() -> None:
    ask = ANTHROPIC.read_request(
        {"model": "claude", "max_tokens": 9, "top_k": 3, "stop_sequences": ["X"], "tools": [{}], "stream": True}
    )
    assert (ask.api, ask.operation, ask.model) == ("anthropic.messages", "chat", "claude")
    assert (ask.max_tokens, ask.top_k, ask.stop_sequences, ask.has_tools) == (9, 3, ("X",), True)
    assert (ask.stream, ask.include_usage) == (True, True)


def test_a_response_is_read_into_facts() -> None:
    reply = ANTHROPIC.read_response(json.dumps(p.ANTHROPIC).encode())
    assert (reply.parsed, reply.empty, reply.text, reply.tool_calls) == (True, False, "Let me look 🌦.", 2)
    assert (reply.id, reply.model, reply.finish_reasons) == ("msg_01", "claude-sonnet-4-5", ("tool_use",))
    assert reply.usage == Usage(input_tokens=1320, output_tokens=89, cached_input_tokens=1000, cache_write_tokens=300)


def test_an_assembled_stream_equals_the_response_without_a_stream() -> None:
    chunks, reader = read(p.ANTHROPIC_STREAM)
    assert reader.reply().body == p.ANTHROPIC
    assert reader.reply() == ANTHROPIC.read_response(json.dumps(p.ANTHROPIC).encode())
    assert "".join(chunk.text for chunk in chunks) == reader.reply().text
    assert [chunk.data for chunk in chunks] == p.ANTHROPIC_EVENTS
    assert (reader.finished, reader.error) == (True, None)


def test_chunks_say_what_each_event_is() -> None:
    chunks, _ = read(p.ANTHROPIC_STREAM)
    kinds = [chunk.event for chunk in chunks]
    assert kinds == [event["type"] for event in p.ANTHROPIC_EVENTS]
    first = next(chunk for chunk in chunks if chunk.content)
    assert first.data["delta"] == {"type": "thinking_delta", "thinking": "They ask "}
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["tool_use"]
    assert [chunk.terminal for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_a_stream_without_event_lines_reads_the_same() -> None:
    """Some gateways drop them; the kind stands in the data too."""
    _, reader = read(p.sse(*p.ANTHROPIC_EVENTS, done=False))
    assert (reader.finished, reader.reply().body) == (True, p.ANTHROPIC)


def test_a_cut_stream_knows_what_its_input_cost() -> None:
    _, reader = read(p.sse(*p.ANTHROPIC_EVENTS[:10], names=True))
    assert not reader.finished
    assert reader.reply().text == "Let me look 🌦."
    assert reader.reply().usage == Usage(
        input_tokens=1320, output_tokens=1, cached_input_tokens=1000, cache_write_tokens=300
    )


def test_half_an_input_stays_text() -> None:
    _, reader = read(p.sse(*p.ANTHROPIC_EVENTS[:14], names=True))
    assert reader.reply().body["content"][-1]["input"] == '{"city": "Zür'


def test_a_stream_cut_between_its_last_two_events_is_complete() -> None:
    assert read(p.sse(*p.ANTHROPIC_EVENTS[:-1], names=True))[1].finished


def test_an_error_event_carries_the_providers_words() -> None:
    chunks, reader = read(p.ANTHROPIC_ERROR_STREAM)
    assert chunks[-1].error is reader.error
    assert (reader.error.type, reader.error.message, reader.error.request_id) == (
        "overloaded_error",
        "Overloaded",
        "req_9",
    )
    assert categorise(reader.error).name == "overloaded"
    assert not reader.finished


def test_an_error_event_that_is_no_json_is_an_error() -> None:
    _, reader = read(b"event: error\ndata: upstream went away\n\n")
    assert reader.error.message == "upstream went away"


def test_citations_are_collected() -> None:
    events = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "", "citations": []}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "citations_delta", "citation": {"cited_text": "a"}},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "b"}},
    ]
    _, reader = read(p.sse(*events, names=True))
    assert reader.reply().body["content"] == [{"type": "text", "text": "b", "citations": [{"cited_text": "a"}]}]


def test_a_refusal_is_told_even_without_words() -> None:
    body = {**p.ANTHROPIC_TOP, "content": [], "stop_reason": "refusal"}
    assert ANTHROPIC.read_response(json.dumps(body).encode()).refusal == ""
    explained = {**body, "stop_details": {"type": "refusal", "explanation": "unsafe"}}
    assert ANTHROPIC.read_response(json.dumps(explained).encode()).refusal == "unsafe"


def test_an_error_body_in_a_200_is_an_error() -> None:
    reply = ANTHROPIC.read_response(json.dumps(p.ANTHROPIC_ERROR).encode())
    assert reply.error is not None
    assert categorise(reply.error).name == "overloaded"
