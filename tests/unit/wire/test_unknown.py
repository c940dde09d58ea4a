"""APIs without a format: nothing is lost, and what can be recognised is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.wire import UNKNOWN, Chunk, Usage

from . import payloads as p


def read(stream: bytes) -> tuple[list[Chunk], Any]:
    reader = UNKNOWN.reader()
    return [*reader.feed(stream), *reader.end()], reader


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (p.OPENAI_TEXT, "Grüße, Welt 🌍"),
        (p.ANTHROPIC, "Let me look 🌦."),
        ({"message": {"content": "ollama"}}, "ollama"),
        ({"response": "generate"}, "generate"),
        ({"choices": [{"text": "legacy"}]}, "legacy"),
        ({"output": [{"type": "message", "content": [{"type": "output_text", "text": "responses"}]}]}, "responses"),
        ({"candidates": [{"content": {"parts": [{"text": "gemini"}]}}]}, "gemini"),
        ({"data": [{"embedding": [0.1]}]}, ""),
    ],
)
def test_text_is_found_where_it_usually_stands(body: dict[str, Any], text: str) -> None:
    reply = UNKNOWN.read_response(json.dumps(body).encode())
    assert (reply.parsed, reply.text, reply.body) == (True, text, body)


def test_usage_is_read_when_it_looks_like_a_known_one() -> None:
    def usage(body: dict[str, Any]) -> Usage | None:
        return UNKNOWN.read_response(json.dumps(body).encode()).usage

    assert usage(p.ANTHROPIC) == Usage(
        input_tokens=1320, output_tokens=89, cached_input_tokens=1000, cache_write_tokens=300
    )
    assert usage({"usage": {"prompt_tokens": 3, "total_tokens": 3}}) == Usage(input_tokens=3)
    assert usage({"prompt_eval_count": 7, "eval_count": 2}) == Usage(input_tokens=7, output_tokens=2)
    assert usage({"usage": "none"}) is None


def test_bytes_that_are_no_json_are_not_parsed_and_not_empty() -> None:
    assert (UNKNOWN.read_response(b"ID3\x04").parsed, UNKNOWN.read_response(b"ID3\x04").empty) == (False, False)
    assert UNKNOWN.read_response(b"").empty


@pytest.mark.parametrize(
    ("stream", "text"), [(p.OPENAI_TEXT_STREAM, "Grüße, Welt 🌍"), (p.ANTHROPIC_STREAM, "Let me look 🌦.")]
)
def test_known_event_streams_are_recognised(stream: bytes, text: str) -> None:
    chunks, reader = read(stream)
    assert (reader.reply().text, "".join(chunk.text for chunk in chunks)) == (text, text)
    assert chunks[-1].terminal
    assert reader.reply().usage is not None


def test_json_lines_are_read_one_by_one() -> None:
    chunks, reader = read(p.OLLAMA_STREAM)
    assert [chunk.text for chunk in chunks] == ["Hel", "lo", ""]
    assert [chunk.terminal for chunk in chunks] == [False, False, True]
    reply = reader.reply()
    assert (reply.text, reply.model, reply.finish_reasons) == ("Hello", "llama3", ("stop",))
    assert reply.usage == Usage(input_tokens=7, output_tokens=2)


def test_a_json_document_over_many_lines_is_one_chunk_at_the_end() -> None:
    chunks, reader = read(json.dumps(p.OPENAI_TEXT, indent=2).encode())
    assert [chunk.data for chunk in chunks] == [p.OPENAI_TEXT]
    assert reader.reply().body == p.OPENAI_TEXT


def test_other_bytes_pass_as_content_and_end_with_the_stream() -> None:
    reader = UNKNOWN.reader()
    assert reader.feed(b"\x00\x01" * 100) == [Chunk(content=True)]
    assert not reader.finished
    reader.end()
    assert (reader.finished, reader.reply().parsed, reader.reply().empty) == (True, False, False)


def test_a_short_stream_without_a_line_end_is_read_at_its_end() -> None:
    reader = UNKNOWN.reader()
    assert reader.feed(b'{"response":') == []
    assert reader.feed(b' "hi"}') == []
    assert [chunk.text for chunk in reader.end()] == ["hi"]


def test_an_error_event_keeps_the_stream_from_being_finished() -> None:
    _, reader = read(p.ANTHROPIC_ERROR_STREAM)
    assert (reader.finished, reader.error.type) == (False, "overloaded_error")


def test_openais_responses_stream_does_not_count_text_twice() -> None:
    events = [
        {"type": "response.created", "response": {"id": "resp_1", "model": "gpt-5"}},
        {"type": "response.output_text.delta", "delta": "He"},
        {"type": "response.output_text.delta", "delta": "y"},
        {"type": "response.output_text.done", "text": "Hey"},
        {"type": "response.completed", "response": {"usage": {"input_tokens": 4, "output_tokens": 2}}},
    ]
    _, reader = read(p.sse(*events, names=True))
    reply = reader.reply()
    assert (reader.finished, reply.text, reply.id, reply.model) == (True, "Hey", "resp_1", "gpt-5")
    assert reply.usage == Usage(input_tokens=4, output_tokens=2)


def test_gemini_is_tracked() -> None:
    counts = {"promptTokenCount": 9, "candidatesTokenCount": 3, "thoughtsTokenCount": 5, "cachedContentTokenCount": 4}
    body = {
        "candidates": [{"content": {"parts": [{"text": "hi"}], "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": {**counts, "totalTokenCount": 17},
    }
    reply = UNKNOWN.read_response(json.dumps(body).encode())
    assert (reply.text, reply.finish_reasons) == ("hi", ("STOP",))
    assert reply.usage == Usage(input_tokens=9, output_tokens=8, cached_input_tokens=4, reasoning_tokens=5)
    _, reader = read(p.sse(body, done=False))
    assert reader.reply().usage == reply.usage
