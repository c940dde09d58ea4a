"""OpenAI's responses: requests, responses, streams and what streams assemble to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.wire import Chunk, ProviderError, Usage, categorise, format_named

from . import more_payloads as m
from . import payloads as p

RESPONSES = format_named("openai.responses")
USAGE = Usage(
    input_tokens=36, output_tokens=87, cached_input_tokens=12, cache_write_tokens=0, reasoning_tokens=64
)  # fmt: skip


def whole(body: Any) -> Any:
    return RESPONSES.read_response(json.dumps(body).encode())


def read(stream: bytes) -> tuple[list[Chunk], Any]:
    reader = RESPONSES.reader()
    return [*reader.feed(stream), *reader.end()], reader


def test_a_request_is_read_into_facts() -> None:
    schema = {"format": {"type": "json_schema", "name": "a", "schema": {}}}
    body = {"model": "gpt-5", "input": "hi", "max_output_tokens": 9, "temperature": 1, "tools": [{}], "text": schema}
    ask = RESPONSES.read_request({**body, "stream": True, "top_p": 0.5})
    assert (ask.api, ask.operation, ask.model) == ("openai.responses", "chat", "gpt-5")
    assert (ask.max_tokens, ask.temperature, ask.top_p, ask.has_tools) == (9, 1.0, 0.5, True)
    assert (ask.stream, ask.include_usage, ask.output_type) == (True, True, "json")
    assert not RESPONSES.read_request({"stream": 1}).stream


def test_a_response_is_read_into_facts() -> None:
    reply = whole(m.RESPONSE)
    assert (reply.parsed, reply.empty, reply.text, reply.tool_calls) == (True, False, "Grüße, Welt 🌍", 2)
    assert (reply.id, reply.model) == ("resp_68", "gpt-5-mini-2025-08-07")
    assert (reply.finish_reasons, reply.error, reply.refusal) == (("tool_calls",), None, None)
    assert reply.usage == USAGE


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        ({"output": [m.MESSAGE]}, ("stop",)),
        ({"output": [m.SEARCH, m.MESSAGE]}, ("stop",)),  # that call ran there
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, ("length",)),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, ("content_filter",)),
        ({"status": "incomplete", "incomplete_details": None}, ("incomplete",)),
        ({"status": "cancelled"}, ("cancelled",)),
        ({"status": "in_progress"}, ()),
        ({"status": "queued"}, ()),
        ({"status": None}, ()),
    ],
)
def test_why_it_ended_is_told_in_the_words_of_the_chat(more: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert whole({**m.RESPONSE, **more}).finish_reasons == reasons


def test_the_texts_of_all_messages_are_the_text() -> None:
    second = {**m.MESSAGE, "content": [{"type": "output_text", "text": "!"}, {"type": "output_text", "text": "?"}]}
    assert whole({**m.RESPONSE, "output": [m.MESSAGE, m.REASONING, second]}).text == "Grüße, Welt 🌍!?"


def test_a_refusal_is_one_even_without_words() -> None:
    for words in ("I cannot help with that.", ""):
        refused = {**m.MESSAGE, "content": [{"type": "refusal", "refusal": words}]}
        reply = whole({**m.RESPONSE, "output": [refused]})
        assert (reply.refusal, reply.text, reply.empty) == (words, "", False)


def test_reasoning_alone_is_no_answer_and_a_picture_is_one() -> None:
    assert whole({**m.RESPONSE, "output": [m.REASONING]}).empty
    picture = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "iVBO"}
    assert not whole({**m.RESPONSE, "output": [picture]}).empty


def test_a_failed_response_is_an_error_with_or_without_words() -> None:
    reply = whole(m.RESPONSE_FAILED)
    assert reply.error == ProviderError(code="server_error", message="The server had an error")
    assert whole({**m.RESPONSE_FAILED, "error": None}).error == ProviderError()
    assert categorise(ProviderError()).name == "server_error"


def test_an_assembled_stream_equals_the_response_without_a_stream() -> None:
    chunks, reader = read(m.RESPONSE_STREAM)
    assert reader.reply() == whole(m.RESPONSE)
    assert reader.reply().body == m.RESPONSE
    assert "".join(chunk.text for chunk in chunks) == reader.reply().text
    assert [chunk.data for chunk in chunks] == m.RESPONSE_EVENTS
    assert (reader.finished, reader.error) == (True, None)


def test_chunks_say_what_each_event_is() -> None:
    chunks, _ = read(m.RESPONSE_STREAM)
    assert [chunk.event for chunk in chunks] == [event["type"] for event in m.RESPONSE_EVENTS]
    assert {chunk.event for chunk in chunks if chunk.content} == {
        event["type"] for event in m.RESPONSE_EVENTS if event["type"].endswith(".delta")
    }
    assert [chunk.terminal for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["tool_calls"]


def test_a_cut_stream_is_put_together_from_its_deltas() -> None:
    for cut in range(1, len(m.RESPONSE_EVENTS)):
        _, reader = read(p.sse(*m.RESPONSE_EVENTS[:cut], names=True))
        assert (reader.finished, reader.error) == (False, None)
    assert reader.reply().body == {**m.RESPONSE, "status": "in_progress", "usage": None}
    _, reader = read(p.sse(*m.RESPONSE_EVENTS[:15], names=True))
    assert (reader.reply().text, reader.reply().finish_reasons, reader.reply().usage) == ("Grüße", (), None)
    _, reader = read(p.sse(*m.RESPONSE_EVENTS[:6], names=True))
    assert reader.reply().body["output"] == [{**m.REASONING, "summary": m.REASONING["summary"]}]
    _, reader = read(p.sse(*m.RESPONSE_EVENTS[:22], names=True))
    assert reader.reply().body["output"][3]["arguments"] == '{"city": '
    _, reader = read(p.sse(*m.RESPONSE_EVENTS[:17], names=True))
    assert reader.reply().body["output"][2]["content"][0]["annotations"] == [m.CITATION]


def test_a_last_event_without_output_takes_it_from_what_came_before() -> None:
    """The way of some gateways."""
    for nothing in ([], None):
        last = {"type": "response.completed", "response": {**m.RESPONSE, "output": nothing}}
        _, reader = read(p.sse(*m.RESPONSE_EVENTS[:-1], last, names=True))
        assert reader.reply().body == m.RESPONSE


def test_a_progress_report_does_not_replace_what_the_deltas_said() -> None:
    half = {**m.RESPONSE, "status": "in_progress", "output": [{**m.MESSAGE, "content": []}]}
    report = {"type": "response.in_progress", "response": half}
    _, reader = read(p.sse(*m.RESPONSE_EVENTS[:16], report, names=True))
    assert reader.reply().text == "Grüße, Welt 🌍"


def test_events_whose_beginning_was_lost_still_count() -> None:
    deltas = [event for event in m.RESPONSE_EVENTS if event["type"].endswith(".delta")]
    _, reader = read(p.sse(*deltas, names=True))
    assert (reader.reply().text, reader.reply().tool_calls) == ("Grüße, Welt 🌍", 2)


def test_a_text_that_comes_only_at_its_end_is_text() -> None:
    done = [event for event in m.RESPONSE_EVENTS if not event["type"].endswith(".delta")]
    chunks, reader = read(p.sse(*done, names=True))
    assert "".join(chunk.text for chunk in chunks) == reader.reply().text == "Grüße, Welt 🌍"


def test_a_stream_without_event_lines_reads_the_same() -> None:
    _, reader = read(p.sse(*m.RESPONSE_EVENTS, done=True))
    assert (reader.finished, reader.reply().body) == (True, m.RESPONSE)


def test_an_incomplete_stream_is_finished() -> None:
    chunks, reader = read(m.RESPONSE_INCOMPLETE_STREAM)
    assert (reader.finished, reader.error, chunks[-1].finish_reason) == (True, None, "length")
    assert reader.reply() == whole(m.RESPONSE_INCOMPLETE)


def test_a_failed_stream_is_an_error() -> None:
    chunks, reader = read(m.RESPONSE_FAILED_STREAM)
    assert (chunks[-1].terminal, chunks[-1].finish_reason) == (True, None)
    assert reader.error == chunks[-1].error == ProviderError(code="server_error", message="The server had an error")
    assert categorise(reader.error).name == "server_error"
    silent = {"type": "response.failed", "response": {**m.RESPONSE_FAILED, "error": None}}
    assert read(p.sse(silent, names=True))[1].error == ProviderError()


def test_an_error_event_ends_the_answer() -> None:
    _, reader = read(m.RESPONSE_ERROR_STREAM)
    assert reader.error == ProviderError(code="server_error", message="The server had an error")
    assert (reader.finished, reader.reply().text) == (False, "Grüße, Welt 🌍")
    nested = {"type": "error", "error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "slow"}}
    assert categorise(read(p.sse(nested, names=True))[1].error).name == "rate_limited"


def test_a_gateways_word_that_a_stream_is_over_ends_it() -> None:
    _, reader = read(b"data: [DONE]\n\n")
    assert reader.finished
