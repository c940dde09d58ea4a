"""Gemini's API: its streams, counts and endings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.cache.key import KeyTarget
from beastmode_otel.cache.storable import OK, may_store
from beastmode_otel.wire import BodyReader, Chunk, Reply, Usage, categorise, format_named, prompt_text
from beastmode_otel.wire.formats.gemini import gemini_usage

from . import more_payloads as m
from .payloads import sse

GEMINI, EMBEDDINGS = format_named("gemini.generate_content"), format_named("gemini.embeddings")
MAIN = KeyTarget("gcp.gemini", "https://a.test", "m")


def whole(body: Any) -> Reply:
    return GEMINI.read_response(json.dumps(body).encode())


def stream(*events: Any) -> tuple[list[Chunk], Any]:
    reader = GEMINI.reader()
    chunks = reader.feed(sse(*events, done=False))
    return chunks + reader.end(), reader


def verdict(reply: Reply) -> str:
    return may_store(reply, api=GEMINI.api, asked=OK, status=200, size=9, answered=MAIN, targets=(MAIN,)).reason


def ended(reason: str, *parts: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [*parts], "role": "model"}, "finishReason": reason}]}


def test_a_request_in_either_spelling() -> None:
    camel = {"maxOutputTokens": 5, "topP": 0.5, "topK": 3, "stopSequences": ["x"], "candidateCount": 2, "seed": 7,
             "responseMimeType": "application/json", "presencePenalty": 0.1, "frequencyPenalty": 0.2}  # fmt: skip
    snake = {"max_output_tokens": 5, "top_p": 0.5, "top_k": 3, "stop_sequences": ["x"], "candidate_count": 2, "seed": 7,
             "response_mime_type": "application/json", "presence_penalty": 0.1, "frequency_penalty": 0.2}  # fmt: skip
    asked = GEMINI.read_request({"generationConfig": camel, "tools": [{}]})
    assert asked == GEMINI.read_request({"generation_config": snake, "tools": [{}]})
    assert (asked.max_tokens, asked.top_p, asked.top_k, asked.stop_sequences) == (5, 0.5, 3, ("x",))
    assert (asked.choice_count, asked.seed, asked.output_type, asked.has_tools) == (2, 7, "json", True)
    assert (asked.presence_penalty, asked.frequency_penalty, asked.include_usage) == (0.1, 0.2, True)


def test_the_flags_of_a_stream() -> None:
    chunks, reader = stream(*m.GEMINI_EVENTS)
    assert [chunk.text for chunk in chunks] == ["", "", "Grüße", ", Welt 🌍", ""]
    assert [chunk.content for chunk in chunks] == [True] * 5
    assert [chunk.terminal for chunk in chunks] == [False] * 4 + [True]
    assert chunks[-1].finish_reason == "STOP"
    assert reader.reply().body == m.GEMINI
    assert reader.reply().tool_calls == 1


def test_a_stream_ends_with_its_count_or_with_the_bytes() -> None:
    """The finish reason may come before the count: what ends at the reason would lose the tokens."""
    reader = GEMINI.reader()
    said = ended("STOP", {"text": "hi"})
    (chunk,) = reader.feed(sse(said, done=False))
    assert (chunk.finish_reason, chunk.terminal, reader.finished) == ("STOP", False, False)
    (last,) = reader.feed(sse({"usageMetadata": m.GEMINI_USAGE}, done=False))
    assert (last.terminal, reader.finished) == (True, True)
    assert reader.reply().usage == whole(m.GEMINI).usage
    _, bare = stream(said)
    assert (bare.finished, bare.reply().body) == (True, said)


def test_several_candidates_are_told_apart() -> None:
    def step(index: int, text: str, **more: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": index, **more}]}

    end = {"finishReason": "STOP"}
    _, reader = stream(step(1, "ta"), step(0, "he"), step(1, "ils", **end), step(0, "ads", **end))
    reply = reader.reply()
    assert (reply.text, reply.finish_reasons, reply.choices, reader.finished) == ("heads", ("STOP", "STOP"), 2, True)
    assert verdict(reply) == "ok"
    half = {"candidates": [reply.body["candidates"][0], {"index": 1, "content": {"parts": [{"text": "ta"}]}}]}
    assert verdict(whole(half)) == "unfinished"


def test_a_signature_belongs_to_the_text_that_it_follows() -> None:
    signed = {"text": "", "thoughtSignature": "EqQB"}
    _, reader = stream(m.gemini_event({"text": "Hello"}), m.gemini_event(signed, finishReason="STOP"))
    (candidate,) = reader.reply().body["candidates"]
    assert candidate["content"]["parts"] == [{"text": "Hello", "thoughtSignature": "EqQB"}]


def test_texts_of_one_event_stay_apart_also_in_a_replay() -> None:
    parts = [{"text": "a"}, {"text": "b"}, {"text": "c", "thought": True}, {"text": "d", "thought": True}]
    body = ended("STOP", *parts)
    chunks = GEMINI.replay(body, include_usage=True)
    _, reader = stream(*(chunk.data for chunk in chunks))
    assert reader.reply().body == body
    assert reader.reply().text == "ab"


def test_a_replay_carries_the_count_once_at_its_end() -> None:
    chunks = GEMINI.replay(m.GEMINI, include_usage=False)
    assert ["usageMetadata" in chunk.data for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert all(chunk.data["modelVersion"] == "gemini-2.5-flash" for chunk in chunks)
    (chunk,) = GEMINI.replay(m.GEMINI_BLOCKED, include_usage=True)
    assert (chunk.data, chunk.terminal, chunk.finish_reason) == (m.GEMINI_BLOCKED, True, "PROHIBITED_CONTENT")


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        # 20 in, 198 out, and thoughts that only the total knows of.
        ((20, None, 198, None, 623), Usage(input_tokens=20, output_tokens=603, reasoning_tokens=405)),
        ((20, None, 198, 405, 623), Usage(input_tokens=20, output_tokens=603, reasoning_tokens=405)),
        ((20, None, None, None, 623), Usage(input_tokens=20, output_tokens=603, reasoning_tokens=603)),
        ((20, 5, 9, 30, 64), Usage(input_tokens=25, output_tokens=39, reasoning_tokens=30)),
        ((20, 5, 9, None, 34), Usage(input_tokens=25, output_tokens=9)),
        ((20, None, 9, None, None), Usage(input_tokens=20, output_tokens=9)),
        ((20, None, None, None, 20), Usage(input_tokens=20)),
        ((None, None, 9, None, 29), Usage(output_tokens=9)),
        ((None, None, None, None, None), None),
    ],
)
def test_tokens_are_counted_wherever_they_stand(counts: tuple[int | None, ...], usage: Usage | None) -> None:
    names = ("promptTokenCount", "toolUsePromptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    told = dict(zip((*names, "totalTokenCount"), counts, strict=True))
    assert gemini_usage({name: count for name, count in told.items() if count is not None}) == usage


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("STOP", "ok"),
        ("MAX_TOKENS", "truncated"),
        *((reason, "filtered") for reason in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII")),
        *((reason, "filtered") for reason in ("LANGUAGE", "IMAGE_SAFETY", "MODEL_ARMOR")),
        *((reason, "unfinished") for reason in ("OTHER", "MALFORMED_FUNCTION_CALL")),
    ],
)
def test_only_a_whole_answer_is_stored(reason: str, why: str) -> None:
    reply = whole(ended(reason, {"text": "hi"}))
    assert (reply.finish_reasons, verdict(reply)) == ((reason,), why)
    _, reader = stream(ended(reason, {"text": "hi"}))
    assert (reader.finished, verdict(reader.reply())) == (True, why)


def test_a_blocked_prompt_is_an_answer_of_its_own_kind() -> None:
    for reply in (whole(m.GEMINI_BLOCKED), stream(m.GEMINI_BLOCKED)[1].reply()):
        assert (reply.parsed, reply.error, reply.finish_reasons) == (True, None, ("PROHIBITED_CONTENT",))
        assert reply.usage == Usage(input_tokens=7)
        assert verdict(reply) == "filtered"


def test_thoughts_alone_are_no_answer() -> None:
    assert verdict(whole(ended("STOP", {"text": "Hm.", "thought": True}))) == "empty"
    assert verdict(whole(ended("STOP", {"inlineData": {"mimeType": "image/png", "data": "aGk="}}))) == "ok"
    assert verdict(whole(ended("STOP", {"text": "", "thoughtSignature": "x"}))) == "empty"


def test_an_error_inside_a_stream() -> None:
    chunks, reader = stream(*m.GEMINI_EVENTS[:3], m.GEMINI_ERROR)
    assert (chunks[-1].error, reader.finished) == (reader.error, False)
    assert (reader.error.message, categorise(reader.error).name) == ("The model is overloaded.", "overloaded")


def test_a_stream_without_events_is_one_array_and_passes_as_a_whole_answer() -> None:
    """Asked without `alt=sse`: the items are the events, and say together what the stream says."""
    reader = BodyReader(GEMINI, {"content-type": "application/json"}, stream=False)
    said = json.dumps(m.GEMINI_EVENTS, indent=1).encode()
    for start in range(0, len(said), 50):
        assert reader.feed(said[start : start + 50]) == []
    reader.end()
    reply = reader.reply()
    assert (reader.finished, reply.body) == (True, m.GEMINI_EVENTS)
    assert (reply.text, reply.usage, reply.finish_reasons) == ("Grüße, Welt 🌍", whole(m.GEMINI).usage, ("STOP",))
    assert verdict(reply) == "ok"
    failed = whole([*m.GEMINI_EVENTS[:2], m.GEMINI_ERROR])
    assert categorise(failed.error).name == "overloaded"


@pytest.mark.parametrize(
    ("target", "address"),
    [
        (b"/v1beta/models/m:generateContent", b"/v1beta/models/m:generateContent"),
        (b"/v1beta/models/m:streamGenerateContent?alt=sse", b"/v1beta/models/m:generateContent"),
        (b"/v1/models/m:streamGenerateContent?key=k&alt=sse", b"/v1/models/m:generateContent?key=k"),
        (b"/v1/models/m:streamGenerateContent", b"/v1/models/m:streamGenerateContent"),  # an array is another body
        (b"/v1/models/m:generateContent?alt=sse", b"/v1/models/m:generateContent?alt=sse"),
    ],
)
def test_a_stream_and_a_whole_answer_have_one_address(target: bytes, address: bytes) -> None:
    assert GEMINI.address(target) == address


def test_embeddings_of_one_and_of_many() -> None:
    one = EMBEDDINGS.read_response(b'{"embedding": {"values": [0.1]}}')
    assert (one.parsed, one.whole, one.empty, one.usage) == (True, True, False, None)
    assert not EMBEDDINGS.read_response(b'{"embeddings": [{"values": []}]}').whole
    many = {"requests": [{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 3}, {"content": {}}]}
    assert EMBEDDINGS.read_request(many).dimensions == 3
    assert prompt_text(many) == "a"
    new = {"content": {"parts": [{"text": "b"}]}, "embedContentConfig": {"outputDimensionality": 4}}
    assert (EMBEDDINGS.read_request(new).dimensions, prompt_text(new)) == (4, "b")
