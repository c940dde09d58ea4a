"""OpenAI's chat completions: requests, responses, streams and what streams assemble to."""

from __future__ import annotations

import json

import pytest

from beastmode_otel.wire import Chunk, ProviderError, Usage, categorise, format_named
from beastmode_otel.wire.formats.openai_choices import with_usage

from . import payloads as p

OPENAI = format_named("openai.chat")


def read(stream: bytes) -> tuple[list[Chunk], object]:
    reader = OPENAI.reader()
    return [*reader.feed(stream), *reader.end()], reader


def test_a_request_is_read_into_facts() -> None:
    ask = OPENAI.read_request(
        {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "hi"}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 5,
            "max_completion_tokens": 100,
            "temperature": 0,
            "top_p": 0.5,
            "seed": -7,
            "stop": ["END", 5],
            "n": 2,
            "tools": [{"type": "function"}],
            "response_format": {"type": "json_schema"},
        }
    )
    assert (ask.api, ask.operation, ask.model, ask.stream, ask.include_usage) == (
        "openai.chat",
        "chat",
        "gpt-4o",
        True,
        True,
    )
    assert (ask.max_tokens, ask.temperature, ask.top_p, ask.seed) == (100, 0.0, 0.5, -7)
    assert (ask.stop_sequences, ask.choice_count, ask.has_tools, ask.output_type) == (("END",), 2, True, "json")


def test_values_of_the_wrong_type_count_as_not_said() -> None:
    ask = OPENAI.read_request(
        {
            "model": 7,
            "stream": "yes",
            "temperature": True,
            "max_tokens": 1.5,
            "seed": "x",
            "stop": {},
            "n": -1,
            "tools": [],
        }
    )
    assert ask == OPENAI.read_request({})


def test_a_single_stop_sequence_may_be_a_string() -> None:
    assert OPENAI.read_request({"stop": "END"}).stop_sequences == ("END",)


def test_with_usage_copies_the_request_and_keeps_the_callers_stream_options() -> None:
    body = {"model": "m", "stream_options": {"include_obfuscation": False}}
    assert with_usage(body) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_obfuscation": False, "include_usage": True},
    }
    assert body == {"model": "m", "stream_options": {"include_obfuscation": False}}
    assert with_usage({"stream_options": "junk"})["stream_options"] == {"include_usage": True}


def test_a_response_is_read_into_facts() -> None:
    reply = OPENAI.read_response(json.dumps(p.OPENAI_TEXT).encode())
    assert (reply.parsed, reply.empty, reply.error, reply.refusal, reply.tool_calls) == (True, False, None, None, 0)
    assert (reply.text, reply.finish_reasons) == ("Grüße, Welt 🌍", ("stop",))
    assert (reply.id, reply.model) == ("chatcmpl-BfK2", "gpt-4o-mini-2024-07-18")
    assert reply.usage == Usage(input_tokens=1200, output_tokens=300, cached_input_tokens=1024, reasoning_tokens=256)
    assert reply.body == p.OPENAI_TEXT


@pytest.mark.parametrize(
    "body", [b"", b"<html>hi</html>", b"null", b"[1]", b'"text"', b"{}", b'{"data": []}', b"\xff\xfe"]
)
def test_a_body_of_another_shape_is_not_parsed(body: bytes) -> None:
    reply = OPENAI.read_response(body)
    assert (reply.parsed, reply.empty, reply.text) == (False, True, "")


def test_an_error_inside_a_200_is_an_error() -> None:
    reply = OPENAI.read_response(b'{"error": {"message": "no", "code": 502}}')
    assert reply.error == ProviderError(code="502", message="no")
    assert categorise(reply.error).name == "bad_gateway"


def test_an_error_inside_a_choice_is_an_error() -> None:
    """OpenRouter's way."""
    reply = OPENAI.read_response(
        b'{"choices": [{"error": {"message": "cut", "code": 429}, "message": {"content": "a"}}]}'
    )
    assert reply.error is not None
    assert categorise(reply.error).name == "rate_limited"


def test_reasoning_without_an_answer_is_empty() -> None:
    cut = p.completion({"role": "assistant", "content": "", "reasoning_content": "hm"}, finish="length")
    reply = OPENAI.read_response(json.dumps(cut).encode())
    assert (reply.empty, reply.finish_reasons) == (True, ("length",))


@pytest.mark.parametrize("name", p.OPENAI_STREAMS)
def test_an_assembled_stream_equals_the_response_without_a_stream(name: str) -> None:
    stream, body = p.OPENAI_STREAMS[name]
    chunks, reader = read(stream)
    assert reader.reply() == OPENAI.read_response(json.dumps(body).encode())
    assert reader.reply().body == body
    assert "".join(chunk.text for chunk in chunks) == reader.reply().text
    assert (reader.finished, reader.error) == (True, None)


def test_chunks_say_what_each_event_is() -> None:
    chunks, _ = read(p.OPENAI_TEXT_STREAM)
    assert [chunk.text for chunk in chunks] == ["", "Grüße", ", Welt 🌍", "", "", ""]
    assert [chunk.content for chunk in chunks] == [False, True, True, False, False, False]
    assert [chunk.finish_reason for chunk in chunks] == [None, None, None, "stop", None, None]
    assert [chunk.usage_only for chunk in chunks] == [False, False, False, False, True, False]
    assert [chunk.terminal for chunk in chunks] == [False, False, False, False, False, True]
    assert chunks[1].data == p.chunk({"content": "Grüße"}, usage=None, obfuscation="a")


@pytest.mark.parametrize("stream", [p.OPENAI_TOOLS_STREAM, p.OPENAI_REASONING_STREAM, p.OPENAI_REFUSAL_STREAM])
def test_tool_calls_reasoning_and_refusals_are_content(stream: bytes) -> None:
    chunks, _ = read(stream)
    assert [chunk.content for chunk in chunks[:3]] == [False, True, True]


def test_the_text_of_chunks_is_that_of_the_first_choice() -> None:
    chunks, reader = read(p.OPENAI_TWO_STREAM)
    assert "".join(chunk.text for chunk in chunks) == "heads"
    assert all(chunk.content for chunk in chunks[2:6])
    assert reader.reply().finish_reasons == ("stop", "stop")


def test_azures_opening_chunk_is_no_usage_and_hides_no_id() -> None:
    opening = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [{"prompt_index": 0}],
    }
    chunks, reader = read(p.sse(opening, p.chunk({"content": "a"}, finish="stop")))
    assert not chunks[0].usage_only
    assert reader.reply().id == "chatcmpl-BfK2"
    assert reader.reply().body["prompt_filter_results"] == [{"prompt_index": 0}]


def test_groqs_usage_is_found() -> None:
    usage = {"x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}}
    _, reader = read(p.sse(p.chunk({"content": "a"}, finish="stop", **usage)))
    assert reader.reply().usage == Usage(input_tokens=3, output_tokens=4)


def test_parallel_tool_calls_with_one_index_stay_apart() -> None:
    """Gemini's way."""
    _, reader = read(p.sse(p.chunk({"tool_calls": [{"index": 0, **p.WEATHER}, {"index": 0, **p.CLOCK}]})))
    assert reader.reply().body["choices"][0]["message"]["tool_calls"] == [p.WEATHER, p.CLOCK]


def test_a_call_whose_id_changes_with_every_piece_stays_one() -> None:
    """The way of old vLLM releases."""
    pieces = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}},
        {"index": 0, "id": "b", "function": {"arguments": "}"}},
    ]
    _, reader = read(p.sse(*(p.chunk({"tool_calls": [piece]}) for piece in pieces)))
    [call] = reader.reply().body["choices"][0]["message"]["tool_calls"]
    assert call == {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_a_stream_without_done_is_finished_when_every_choice_has_ended() -> None:
    whole = p.OPENAI_TWO_STREAM.removesuffix(b"data: [DONE]\n\n")
    assert read(whole)[1].finished
    assert not read(whole[: whole.rindex(b"data:")])[1].finished


def test_a_stream_is_finished_at_done_before_its_bytes_end() -> None:
    reader = OPENAI.reader()
    reader.feed(p.OPENAI_TEXT_STREAM)
    assert reader.finished


def test_a_last_event_without_its_blank_line_counts() -> None:
    chunks, reader = read(p.OPENAI_TEXT_STREAM.rstrip())
    assert chunks[-1].terminal
    assert reader.finished


def test_a_cut_stream_is_neither_finished_nor_an_error_and_keeps_what_came() -> None:
    _, reader = read(p.OPENAI_TEXT_STREAM[: p.OPENAI_TEXT_STREAM.index(b"Welt")])
    assert (reader.finished, reader.error, reader.reply().text) == (False, None, "Grüße")
    assert reader.reply().usage is None


def test_an_error_event_ends_the_answer() -> None:
    chunks, reader = read(p.OPENAI_ERROR_STREAM.removesuffix(b"data: [DONE]\n\n"))
    assert chunks[-1].error == reader.error == reader.reply().error
    assert reader.error == ProviderError(type="server_error", message="The server had an error")
    assert (reader.finished, reader.reply().text) == (False, "Once upon")


def test_a_broken_event_is_an_invalid_response() -> None:
    _, reader = read(b'data: {"choices": [\n\ndata: [DONE]\n\n')
    assert categorise(reader.error).name == "invalid_response"


def test_text_that_is_no_json_and_keep_alives_are_let_through() -> None:
    chunks, reader = read(b": OPENROUTER PROCESSING\n\ndata: keep-alive\n\ndata:\n\n" + p.OPENAI_TEXT_STREAM)
    assert [chunk.content for chunk in chunks[:2]] == [False, False]
    assert reader.reply().body == p.OPENAI_TEXT


def test_nothing_at_all_is_an_empty_reply() -> None:
    _, reader = read(b"")
    assert (reader.finished, reader.reply().parsed, reader.reply().empty, reader.reply().body) == (
        False,
        False,
        True,
        None,
    )
