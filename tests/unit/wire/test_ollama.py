"""Ollama's own API: chat and generate, whole and as JSON lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.wire import Chunk, Usage, categorise, format_named

from . import more_payloads as m

CHAT, GENERATE = format_named("ollama.chat"), format_named("ollama.generate")


def read(stream: bytes, form: Any = CHAT) -> tuple[list[Chunk], Any]:
    reader = form.reader()
    return [*reader.feed(stream), *reader.end()], reader


@pytest.mark.parametrize(("said", "stream"), [({}, True), ({"stream": True}, True), ({"stream": False}, False)])
@pytest.mark.parametrize("form", [CHAT, GENERATE])
def test_a_request_asks_for_a_stream_unless_it_says_no(form: Any, said: dict[str, Any], stream: bool) -> None:
    assert form.read_request(said).stream is stream


def test_a_request_is_read_into_facts() -> None:
    options = {"temperature": 0, "num_predict": 50, "top_k": 4, "seed": -1, "stop": ["a"], "presence_penalty": 0.5}
    ask = CHAT.read_request({"model": "llama3.2", "options": options, "format": "json", "tools": [{}]})
    assert (ask.api, ask.operation, ask.model, ask.temperature) == ("ollama.chat", "chat", "llama3.2", 0.0)
    assert (ask.max_tokens, ask.top_k, ask.seed, ask.stop_sequences) == (50, 4, -1, ("a",))
    assert (ask.presence_penalty, ask.has_tools, ask.output_type) == (0.5, True, "json")
    assert CHAT.read_request({"options": {"num_predict": -1}}).max_tokens is None
    assert GENERATE.read_request({}).operation == "text_completion"


@pytest.mark.parametrize(
    ("form", "body", "text"), [(CHAT, m.OLLAMA_CHAT, "Grüße 🌍"), (GENERATE, m.OLLAMA_GENERATE, "Hello there")]
)
def test_a_response_is_read_into_facts(form: Any, body: dict[str, Any], text: str) -> None:
    reply = form.read_response(json.dumps(body).encode())
    assert (reply.parsed, reply.empty, reply.text, reply.model) == (True, False, text, "llama3.2")
    assert (reply.finish_reasons, reply.usage) == (("stop",), Usage(input_tokens=26, output_tokens=8))
    assert reply.tool_calls == (1 if form is CHAT else 0)


@pytest.mark.parametrize(
    ("form", "stream", "body"),
    [(CHAT, m.OLLAMA_CHAT_STREAM, m.OLLAMA_CHAT), (GENERATE, m.OLLAMA_GENERATE_STREAM, m.OLLAMA_GENERATE)],
)
def test_an_assembled_stream_equals_the_response_without_a_stream(form: Any, stream: bytes, body: Any) -> None:
    chunks, reader = read(stream, form)
    assert reader.reply().body == body
    assert reader.reply() == form.read_response(json.dumps(body).encode())
    assert "".join(chunk.text for chunk in chunks) == reader.reply().text
    assert [chunk.terminal for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert (reader.finished, reader.error, chunks[-1].finish_reason) == (True, None, "stop")


def test_thinking_and_calls_are_content() -> None:
    chunks, _ = read(m.OLLAMA_CHAT_STREAM)
    assert [chunk.content for chunk in chunks] == [True] * 5 + [False]


def test_lines_may_end_as_on_windows_and_blank_ones_are_none() -> None:
    stream = m.OLLAMA_CHAT_STREAM.replace(b"\n", b"\r\n\r\n \n")
    assert read(stream)[1].reply().body == m.OLLAMA_CHAT


def test_a_cut_stream_is_not_finished_wherever_it_was_cut() -> None:
    end = m.OLLAMA_CHAT_STREAM.rindex(b'{"model"')
    for cut in range(0, end + 100, 7):
        _, reader = read(m.OLLAMA_CHAT_STREAM[:cut])
        assert (reader.finished, reader.error) == (False, None)
        assert "Grüße 🌍".startswith(reader.reply().text)


def test_a_last_line_without_its_end_counts() -> None:
    assert read(m.OLLAMA_CHAT_STREAM.rstrip())[1].finished


def test_an_error_line_ends_the_answer() -> None:
    chunks, reader = read(m.OLLAMA_ERROR_STREAM)
    assert chunks[-1].error == reader.error
    assert reader.error.message == "an error was encountered while running the model"
    assert (categorise(reader.error).name, reader.finished, reader.reply().text) == ("server_error", False, "Grüße")


def test_a_broken_line_beside_a_whole_answer_is_left_out() -> None:
    first, *others = m.OLLAMA_CHAT_STREAM.splitlines(keepends=True)
    _, reader = read(b"".join([first, b'{"message": \n', *others]))
    assert (reader.error, reader.finished) == (None, True)
    assert (reader.reply().text, reader.reply().broken_events) == ("Grüße 🌍", 1)


def test_a_broken_line_that_had_begun_to_say_something_is_an_invalid_response() -> None:
    first, *others = m.OLLAMA_CHAT_STREAM.splitlines(keepends=True)
    _, reader = read(b"".join([first, b'{"message": {"content": "Gr\n', *others]))
    assert categorise(reader.error).name == "invalid_response"


def test_probabilities_are_collected() -> None:
    token = {"token": "a", "logprob": -0.1}
    stream = m.lines(*({"message": {"content": "a"}, "logprobs": [token], "done": done} for done in (False, True)))
    assert read(stream)[1].reply().body["logprobs"] == [token, token]


def test_loading_a_model_is_an_empty_answer() -> None:
    body = {"model": "llama3.2", "response": "", "done": True, "done_reason": "load"}
    reply = GENERATE.read_response(json.dumps(body).encode())
    assert (reply.parsed, reply.empty, reply.finish_reasons, reply.usage) == (True, True, ("load",), None)


def test_an_error_body_is_an_error() -> None:
    reply = CHAT.read_response(b'{"error": "model \\"x\\" not found, try pulling it first"}')
    assert (reply.parsed, categorise(reply.error).name) == (True, "model_not_found")
