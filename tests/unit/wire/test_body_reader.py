"""Responses read from their raw bytes, as the simulated provider sends them over a real socket."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from beastmode_otel.simulator import Behaviour, Simulator
from beastmode_otel.wire import BodyReader, Chunk, format_named, recognise

from . import more_payloads as m
from . import payloads as p

TEXT = "Grüße aus der Ferne 🌍, und noch etwas mehr"
PROMPT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "input": "hi", "prompt": "hi", "max_tokens": 9}
PATHS = {
    "/v1/chat/completions": "openai.chat",
    "/openai/deployments/m/chat/completions?api-version=1": "openai.chat",
    "/openai/v1/chat/completions": "openai.chat",
    "/v1/fim/completions": "mistral.fim",
    "/v1/completions": "openai.completions",
    "/v1/responses": "openai.responses",
    "/v1/messages": "anthropic.messages",
    "/api/chat": "ollama.chat",
    "/api/generate": "ollama.generate",
}
DIALECTS = [("/v1/chat/completions", dialect) for dialect in ("azure", "groq", "mistral")]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def send(sim: Simulator, path: str, *, stream: bool, **knobs: Any) -> tuple[list[Chunk], BodyReader]:
    """What the reader makes of it; the raw bytes pass it as they come from the socket."""
    sim.define("it", Behaviour(**{"text": TEXT, **knobs}))
    options = {"include_usage": True}
    body = json.dumps({**PROMPT, "options": {}, "stream": stream, **({"stream_options": options} if stream else {})})
    call = recognise(method="POST", host="127.0.0.1", target=path.encode(), port=sim.port, body=body.encode())
    assert call is not None
    assert (call.provider, call.stream) == ("ollama" if "ollama" in call.api else "local", stream)
    chunks: list[Chunk] = []
    with httpx.stream("POST", sim.url("it", "") + path, content=body) as response:
        reader = BodyReader(call.format, response.headers, stream=call.stream)
        try:
            for raw in response.iter_raw():
                chunks += reader.feed(raw)
        except httpx.RemoteProtocolError:
            pass
    return chunks + reader.end(), reader


@pytest.mark.parametrize(("path", "api"), PATHS.items())
@pytest.mark.parametrize("encoding", [None, "gzip", "deflate", "br", "zstd"])
def test_a_stream_says_what_the_whole_answer_says(sim: Simulator, path: str, api: str, encoding: str | None) -> None:
    counts = {"input_tokens": 30, "output_tokens": 20}
    _, whole = send(sim, path, stream=False, encoding=encoding, **counts)
    chunks, stream = send(sim, path, stream=True, encoding=encoding, **counts)
    assert (whole.streams, whole.known, whole.finished, whole.error) == (False, True, True, None)
    assert (stream.streams, stream.known, stream.finished, stream.error) == (True, True, True, None)
    assert whole.reply().text == stream.reply().text == "".join(chunk.text for chunk in chunks) == TEXT
    assert whole.reply().usage == stream.reply().usage
    assert (whole.reply().usage.input_tokens, whole.reply().usage.output_tokens) == (30, 20)
    assert whole.reply().finish_reasons == stream.reply().finish_reasons
    assert chunks[-1].terminal
    mine, theirs = whole.reply().body, stream.reply().body
    assert {*mine} - {*theirs} <= {"prompt_filter_results"}


@pytest.mark.parametrize(("path", "dialect"), DIALECTS)
@pytest.mark.parametrize("tools", [False, True])
def test_every_dialect_of_the_chat_says_the_same(sim: Simulator, path: str, dialect: str, tools: bool) -> None:
    _, whole = send(sim, path, stream=False, dialect=dialect, tool_calls=tools)
    _, stream = send(sim, path, stream=True, dialect=dialect, tool_calls=tools)
    assert stream.finished
    assert (stream.reply().text, stream.reply().tool_calls) == ("" if tools else TEXT, int(tools))
    assert stream.reply().usage == whole.reply().usage
    messages = [answer.reply().body["choices"][0]["message"] for answer in (whole, stream)]
    said, streamed = ([call["function"] for call in message.get("tool_calls", [])] for message in messages)
    assert said == streamed


@pytest.mark.parametrize("path", PATHS)
def test_a_cut_stream_is_not_finished(sim: Simulator, path: str) -> None:
    _, reader = send(sim, path, stream=True, cut_after=2)
    assert (reader.finished, reader.known, reader.error) == (False, True, None)
    assert reader.reply().text
    assert TEXT.startswith(reader.reply().text)


@pytest.mark.parametrize("path", PATHS)
def test_a_whole_answer_that_was_cut_is_not_finished(sim: Simulator, path: str) -> None:
    _, reader = send(sim, path, stream=False, cut_after=0)
    assert (reader.finished, reader.reply().parsed) == (False, False)


@pytest.mark.parametrize("path", PATHS)
def test_an_error_inside_a_stream_is_seen(sim: Simulator, path: str) -> None:
    chunks, reader = send(sim, path, stream=True, error_event_after=1)
    assert (reader.finished, chunks[-1].error) == (False, reader.error)
    assert reader.error is not None
    assert reader.error.message


@pytest.mark.parametrize("path", PATHS)
def test_keep_alives_before_the_first_event_are_nothing(sim: Simulator, path: str) -> None:
    _, reader = send(sim, path, stream=True, trickle=0.005, trickle_for=0.02)
    assert (reader.finished, reader.reply().text) == (True, TEXT)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/embed", "/api/embeddings"])
def test_embeddings_are_whole(sim: Simulator, path: str) -> None:
    _, reader = send(sim, path, stream=False)
    assert (reader.finished, reader.reply().whole, reader.streams) == (True, True, False)


# Without a socket.


def test_a_whole_answer_to_a_request_for_a_stream_is_read_as_one() -> None:
    reader = BodyReader(format_named("openai.chat"), {"content-type": "application/json"}, stream=True)
    assert reader.feed(json.dumps(p.OPENAI_TEXT).encode()) == []
    assert not reader.finished
    reader.end()
    assert (reader.finished, reader.reply().body) == (True, p.OPENAI_TEXT)


def test_an_unasked_stream_is_read_as_one() -> None:
    reader = BodyReader(format_named("openai.chat"), {"content-type": "Text/Event-Stream;charset=utf-8"}, stream=False)
    reader.feed(p.OPENAI_TEXT_STREAM)
    assert reader.finished


def test_without_a_content_type_the_request_decides() -> None:
    assert BodyReader(format_named("openai.chat"), {}, stream=True).streams
    assert not BodyReader(format_named("openai.chat"), {}, stream=False).streams
    assert not BodyReader(format_named("openai.chat"), {"content-type": "text/html"}, stream=True).streams
    assert not BodyReader(format_named("openai.embeddings"), {}, stream=True).streams


def test_a_coding_that_cannot_be_undone_is_unknown_and_not_cut() -> None:
    for stream in (True, False):
        reader = BodyReader(format_named("openai.chat"), {"content-encoding": "exotic"}, stream=stream)
        assert reader.feed(b"\x00\x01" * 100) == []
        assert reader.end() == []
        assert (reader.known, reader.finished, reader.error, reader.reply().parsed) == (False, False, None, False)


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_a_whole_answer_over_the_bound_is_unknown(coding: str) -> None:
    body = json.dumps(m.EMBEDDINGS).encode()
    headers = {"content-encoding": coding}
    raw = gzip.compress(body) if coding else body
    for bound, known in ((len(body), True), (len(body) - 1, False)):
        reader = BodyReader(format_named("openai.embeddings"), headers, stream=False, max_whole=bound)
        reader.feed(raw)
        reader.end()
        assert (reader.known, reader.finished, reader.reply().parsed) == (known, known, known)


def test_an_error_in_a_whole_answer_is_told() -> None:
    reader = BodyReader(format_named("anthropic.messages"), {}, stream=False)
    reader.feed(json.dumps(p.ANTHROPIC_ERROR).encode())
    assert reader.error is None
    reader.end()
    assert reader.error is not None


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pieces_may_be_cut_inside_a_character(size: int) -> None:
    reader = BodyReader(format_named("openai.responses"), {"content-type": "text/event-stream"}, stream=True)
    stream = b"\xef\xbb\xbf" + m.RESPONSE_STREAM.replace(b"\n", b"\r\n")
    for at in range(0, len(stream), size):
        reader.feed(stream[at : at + size])
    assert reader.reply().body == m.RESPONSE
