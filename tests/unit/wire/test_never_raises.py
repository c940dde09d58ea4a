"""Nothing in this room raises, whatever strangers send; and a stream means the same however it is cut into pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beastmode_otel.wire import (
    FORMATS,
    Chunk,
    ProviderError,
    Reply,
    billing_of,
    categorise,
    error_in,
    estimate,
    format_for_path,
    generated_text,
    identifier,
    prompt_text,
    read_error,
    read_limits,
    retry_after,
    should_retry,
)
from beastmode_otel.wire.formats.openai_choices import with_usage

from . import more_payloads as m
from . import payloads as p

NAMES = [
    "error",
    "type",
    "object",
    "message",
    "code",
    "param",
    "detail",
    "innererror",
    "status",
    "choices",
    "delta",
    "content",
    "text",
    "tool_calls",
    "index",
    "id",
    "name",
    "function",
    "arguments",
    "finish_reason",
    "usage",
    "prompt_tokens",
    "input_tokens",
    "completion_tokens_details",
    "reasoning_tokens",
    "model",
    "stream",
    "stream_options",
    "stop",
    "n",
    "tools",
    "messages",
    "input",
    "system",
    "logprobs",
    "refusal",
    "role",
    "content_block",
    "partial_json",
    "thinking",
    "stop_reason",
    "signature",
    "citation",
    "output",
    "candidates",
    "parts",
    "x_groq",
    "done",
    "response",
    "errors",
    "loc",
    "audio",
    "output_index",
    "content_index",
    "summary_index",
    "item",
    "part",
    "incomplete_details",
    "reason",
    "data",
    "embedding",
    "embeddings",
    "done_reason",
    "eval_count",
    "options",
    "x_groq",
    "usageMetadata",
    "random_seed",
    "parts",
    "thought",
    "thoughtSignature",
    "functionCall",
    "finishReason",
    "promptFeedback",
    "blockReason",
    "promptTokenCount",
    "totalTokenCount",
    "generationConfig",
    "contents",
    "systemInstruction",
    "requests",
    "billed_units",
    "tool_plan",
    "citations",
    "meta",
    "prompt",
    "store",
]
KINDS = [
    "error",
    "message_start",
    "content_block_start",
    "content_block_delta",
    "message_delta",
    "message_stop",
    "text_delta",
    "text",
    "input_json_delta",
    "thinking_delta",
    "citations_delta",
    "tool_use",
    "response.completed",
    "response.failed",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.output_text.annotation.added",
    "response.function_call_arguments.delta",
    "message",
    "output_text",
    "function_call",
    "completed",
    "STOP",
    "message-start",
    "content-start",
    "content-delta",
    "tool-plan-delta",
    "tool-call-start",
    "tool-call-delta",
    "citation-start",
    "message-end",
    "ERROR",
    "user",
    "input_text",
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(KINDS), st.integers(0, 2)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6)
APIS = st.sampled_from(sorted(FORMATS))
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "retry-after-ms", "x-should-retry", "x-request-id", "x-ratelimit-remaining-tokens"]
    ),
    st.text(max_size=40),
)
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def run(api: str, *pieces: bytes) -> tuple[list[Chunk], Reply, bool]:
    reader = FORMATS[api].reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += reader.feed(piece)
        reader.reply()
    chunks += reader.end()
    if reader.error is not None:
        categorise(reader.error)
    return chunks, reader.reply(), reader.finished


def seen(result: tuple[list[Chunk], Reply, bool]) -> str:
    """For comparisons: NaN is not equal to itself, its text is."""
    chunks, reply, finished = result
    return repr(
        (chunks, [chunk.data for chunk in chunks], [chunk.text for chunk in chunks], reply, reply.body, finished)
    )


def mutated(valid: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    for place, inserted, removed in edits:
        at = place % (len(valid) + 1)
        valid = valid[:at] + inserted + valid[at + removed :]
    return valid


EDITS = st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 40)), max_size=4)


@FUZZ
@given(APIS, st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())))
def test_no_response_raises(api: str, body: bytes) -> None:
    reply = FORMATS[api].read_response(body)
    assert categorise(reply.error or ProviderError()).name


@FUZZ
@given(
    st.sampled_from(
        [
            *(p.OPENAI_TEXT, p.OPENAI_TOOLS, p.ANTHROPIC, p.ANTHROPIC_ERROR, m.RESPONSE, m.COMPLETION, m.OLLAMA_CHAT),
            *(m.GEMINI, m.GEMINI_BLOCKED, m.GEMINI_EVENTS, m.GEMINI_EMBED, m.COHERE, m.COHERE_EMBED),
        ]
    ),
    EDITS,
    APIS,
)
def test_no_mutated_response_raises(body: Any, edits: list[tuple[int, bytes, int]], api: str) -> None:
    FORMATS[api].read_response(mutated(json.dumps(body).encode(), edits))


@FUZZ
@given(APIS, OBJECTS)
def test_no_request_raises(api: str, body: dict[str, Any]) -> None:
    assert FORMATS[api].read_request(body).api == api
    assert with_usage(body)["stream"] is True
    estimate(prompt_text(body))
    estimate(generated_text(body))
    billing_of(body, body, {})
    for form in FORMATS.values():
        form.is_stateful(body)
        form.last_user_text(body)


@FUZZ
@given(APIS, st.lists(st.tuples(st.sampled_from(KINDS), OBJECTS), max_size=6))
def test_no_stream_of_strange_events_raises(api: str, events: list[tuple[str, dict[str, Any]]]) -> None:
    lines = [f"event: {kind}\ndata: {json.dumps({'type': kind, **event})}\n\n" for kind, event in events]
    run(api, *(line.encode() for line in lines))


@FUZZ
@given(APIS, st.lists(JSON, max_size=6))
def test_no_stream_of_json_lines_raises(api: str, values: list[Any]) -> None:
    run(api, *(json.dumps(value).encode() + b"\n" for value in values))


@FUZZ
@given(APIS, st.lists(st.binary(max_size=50), max_size=5))
def test_no_bytes_raise(api: str, pieces: list[bytes]) -> None:
    run(api, *pieces)


CASES = [(api, stream) for api, streams in {**p.STREAMS, **m.NEW_STREAMS}.items() for stream in streams]


@FUZZ
@given(st.sampled_from(CASES), EDITS, st.integers(1, 100))
def test_a_mutated_stream_means_the_same_however_it_is_split(
    case: tuple[str, bytes], edits: list[tuple[int, bytes, int]], size: int
) -> None:
    api, stream = case[0], mutated(case[1], edits)
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    chunks, reply, finished = run(api, stream)
    again, same, also = run(api, *pieces)
    assert (repr(reply), repr(reply.body), finished) == (repr(same), repr(same.body), also)
    if reply.parsed or api != "unknown":  # bytes of no kind at all are one chunk for each piece
        assert seen((chunks, reply, finished)) == seen((again, same, also))


@pytest.mark.parametrize(("api", "stream"), CASES)
def test_a_stream_means_the_same_byte_by_byte_and_cut_anywhere_in_two(api: str, stream: bytes) -> None:
    whole = seen(run(api, stream))
    assert seen(run(api, *(stream[i : i + 1] for i in range(len(stream))))) == whole
    for cut in range(0, len(stream), 7):
        assert seen(run(api, stream[:cut], stream[cut:])) == whole


@FUZZ
@given(st.integers(), HEADERS, st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())))
def test_no_error_raises(status: int, headers: dict[str, str], body: bytes) -> None:
    error = read_error(status, headers, body)
    assert len(error.message or "") <= 500
    assert categorise(error).name
    identifier(error.code)


@FUZZ
@given(JSON, st.text(max_size=10))
def test_no_value_inside_a_200_raises(value: Any, event: str) -> None:
    error_in(value, event=event)


DATES = st.text(alphabet="SunMoJaneb, 0123456789:+-GMT", max_size=40)


@FUZZ
@given(HEADERS, DATES, st.floats(allow_nan=False, allow_infinity=False))
def test_no_header_raises(headers: dict[str, str], date: str, now: float) -> None:
    for said in (headers, {"retry-after": date}):
        wait = retry_after(said, now)
        assert wait is None or wait >= 0
        read_limits(said)
        should_retry(said)


@FUZZ
@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert estimate(text) >= 0
    assert identifier(text) in (text, None)
    format_for_path(text)


@pytest.mark.parametrize("api", sorted(FORMATS))
@pytest.mark.parametrize(
    "hostile",
    [
        b"[" * 200_000,
        b'{"error":' * 50_000,
        b'{"choices":[{"delta":' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}]}",
        b'{"usage":{"prompt_tokens":' + b"9" * 5_000 + b"}}",
        b'{"usage":{"prompt_tokens":1e999}, "choices":[{"index":' + b"9" * 400 + b"}]}",
        b'"\\ud800"',
        b"\xff\xfe\x00",
    ],
)
def test_hostile_json_is_only_not_parsed(api: str, hostile: bytes) -> None:
    FORMATS[api].read_response(hostile)
    run(api, b"data: " + hostile + b"\n\n")
    run(api, hostile + b"\n")
    read_error(500, {}, hostile)
