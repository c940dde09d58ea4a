"""Cohere's chat and embeddings, version 2."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.cache.key import KeyTarget
from beastmode_otel.cache.storable import OK, may_store
from beastmode_otel.wire import Chunk, Reply, Usage, categorise, format_named, prompt_text
from beastmode_otel.wire.formats.cohere import cohere_usage

from . import more_payloads as m
from .payloads import sse

CHAT, EMBED = format_named("cohere.chat"), format_named("cohere.embed")
MAIN = KeyTarget("cohere", "https://a.test", "m")


def whole(body: Any) -> Reply:
    return CHAT.read_response(json.dumps(body).encode())


def stream(*events: Any) -> tuple[list[Chunk], Any]:
    reader = CHAT.reader()
    chunks = reader.feed(sse(*events, names=True))
    return chunks + reader.end(), reader


def test_the_flags_of_a_stream() -> None:
    chunks, reader = stream(*m.COHERE_EVENTS)
    assert reader.reply().body == m.COHERE
    assert [chunk.terminal for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert "".join(chunk.text for chunk in chunks) == "Grüße, Welt 🌍"
    told = {chunk.event: chunk.content for chunk in chunks}
    assert [name for name, content in told.items() if content] == [
        *("tool-plan-delta", "content-delta", "tool-call-start", "tool-call-delta", "citation-start")
    ]
    assert (chunks[-1].finish_reason, reader.reply().tool_calls) == ("COMPLETE", 1)


def test_the_names_are_in_the_data_too() -> None:
    reader = CHAT.reader()
    reader.feed(sse(*m.COHERE_EVENTS))
    assert reader.reply().body == m.COHERE
    assert reader.finished


def test_a_stream_of_alike_events_is_read_without_their_json() -> None:
    reader = CHAT.reader()
    reader.feed(sse(*m.COHERE_EVENTS[:8], names=True))
    more = [m.cohere_event("content-delta", 1, content={"text": text}) for text in (", ", "Welt", " 🌍")]
    raw = [f"event: content-delta\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode() for event in more]
    reader.feed(raw[0])
    assert [reader.goes_on(data) for data in raw[1:]] == [4, 2]
    other = m.cohere_event("content-delta", 0, content={"thinking": "x"})
    assert reader.goes_on(sse(other, names=True)) is None
    assert reader.reply().text == "Grüße, Welt 🌍"


def test_probabilities_come_with_the_deltas() -> None:
    def delta(text: str, *logprobs: float) -> dict[str, Any]:
        event = m.cohere_event("content-delta", 0, content={"text": text})
        return {**event, "logprobs": {"text": text, "token_ids": [1], "logprobs": [*logprobs]}}

    start = m.cohere_event("content-start", 0, content={"type": "text", "text": ""})
    _, reader = stream(m.COHERE_EVENTS[0], start, delta("a", -0.1), delta("b", -0.2), m.COHERE_EVENTS[-1])
    assert [each["text"] for each in reader.reply().body["logprobs"]] == ["a", "b"]
    body = reader.reply().body
    _, again = stream(*(chunk.data for chunk in CHAT.replay(body, include_usage=True)))
    assert again.reply().body == body


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (m.COHERE_USAGE, Usage(input_tokens=20, output_tokens=9, cached_input_tokens=12)),
        ({"tokens": {"input_tokens": 86, "output_tokens": 11}}, Usage(input_tokens=86, output_tokens=11)),
        ({"billed_units": {"input_tokens": 3, "search_units": 1}}, Usage(input_tokens=3)),
        ({"billed_units": {"input_tokens": 3}, "cached_tokens": 5}, Usage(input_tokens=3)),
        ({"billed_units": {"input_tokens": 3.5}, "tokens": {"input_tokens": 4}}, Usage(input_tokens=4)),
        ({"billed_units": {"search_units": 1}}, None),
        (None, None),
    ],
)
def test_what_is_billed_is_counted(usage: Any, expected: Usage | None) -> None:
    assert cohere_usage(usage) == expected


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        *((reason, "ok") for reason in ("COMPLETE", "STOP_SEQUENCE", "TOOL_CALL")),
        ("MAX_TOKENS", "truncated"),
        ("USER_CANCEL", "unfinished"),
        *((reason, "error") for reason in ("ERROR", "TIMEOUT")),
    ],
)
def test_only_a_whole_answer_is_stored(reason: str, why: str) -> None:
    told: dict[str, Any] = {
        "api": CHAT.api,
        "asked": OK,
        "status": 200,
        "size": 9,
        "answered": MAIN,
        "targets": (MAIN,),
    }
    assert may_store(whole({**m.COHERE, "finish_reason": reason}), **told).reason == why


def test_an_error_is_told_by_the_last_event() -> None:
    chunks, reader = stream(*m.COHERE_EVENTS[:9], {"type": "message-end", "delta": m.COHERE_FAILED})
    assert reader.error == chunks[-1].error
    assert (reader.error.type, reader.error.message) == ("ERROR", "the model gave up")
    assert reader.reply().error == reader.error
    assert categorise(reader.error).name == "server_error"


def test_embeddings_of_every_type_must_be_whole() -> None:
    assert EMBED.read_request({"embedding_types": ["float", "int8"], "output_dimension": 256}).dimensions == 256
    assert EMBED.read_request({"embedding_types": ["float", "int8"]}).encoding_formats == ("float", "int8")
    image = {"inputs": [{"content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}], "texts": ["b"]}
    assert prompt_text(image) == "b\na"
    for vectors in ({"float": [[0.1], []]}, {"float": []}, {}):
        reply = EMBED.read_response(json.dumps({"embeddings": vectors}).encode())
        assert (reply.parsed, reply.whole, reply.empty) == (True, False, True)
