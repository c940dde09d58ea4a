"""A whole answer, replayed as a stream: what a reader makes of its bytes is the answer again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beastmode_otel.wire import FORMATS, Chunk, ProviderError, Reply, SSEDecoder, StreamReader, format_named, sse_bytes
from beastmode_otel.wire.pieces import pieces

from . import payloads as p

OPENAI, ANTHROPIC, UNKNOWN = (format_named(api) for api in ("openai.chat", "anthropic.messages", "unknown"))
FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def replay(api: str, body: Any, *, include_usage: bool = True) -> tuple[list[Chunk], Reply]:
    """The chunks of a replay, and what its bytes say to a reader; held to everything that is true of all replays."""
    chunks = FORMATS[api].replay(body, include_usage=include_usage)
    reader = FORMATS[api].reader()
    read = [chunk for event in sse_bytes(chunks) for chunk in reader.feed(event)] + reader.end()
    assert read == chunks
    assert [chunk.terminal for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert reader.finished
    reply = reader.reply()
    assert "".join(chunk.text for chunk in chunks) == reply.text
    return chunks, reply


def assert_same(api: str, body: Any, *, include_usage: bool = True) -> list[Chunk]:
    """The law: nothing is lost on the way through a stream."""
    chunks, reply = replay(api, body, include_usage=include_usage)
    assert reply.body == body
    assert reply == FORMATS[api].read_response(json.dumps(body).encode())
    return chunks


def events(stream: bytes) -> list[tuple[str, Any]]:
    return [(e.event, e.data if e.data == "[DONE]" else json.loads(e.data)) for e in SSEDecoder().feed(stream)]


# Texts that a model may write: spaces, none, marks, emoji of several code points, line ends of all kinds.
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(["word", " ", "日本", "e\u0301", "👩‍👩‍👧", "🇨🇭", "\r\n", "\u2028", '"\\'])).map("".join),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)
COUNTS = st.integers(0, 10**6)
MAYBE_TEXTS = st.none() | TEXTS


def calls(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    if kind == "custom":
        return st.fixed_dictionaries(
            {"id": TEXTS, "type": st.just(kind), kind: st.fixed_dictionaries({"input": TEXTS})}
        )
    function = st.fixed_dictionaries({"name": TEXTS, "arguments": TEXTS})
    return st.fixed_dictionaries({"id": TEXTS, "type": st.just(kind), kind: function}, optional={"extra": OBJECTS})


MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": MAYBE_TEXTS},
    optional={
        "refusal": MAYBE_TEXTS,
        "reasoning_content": MAYBE_TEXTS,
        "reasoning": MAYBE_TEXTS,
        "tool_calls": st.none() | st.lists(calls("function") | calls("custom"), max_size=3),
        "function_call": st.fixed_dictionaries({"name": TEXTS, "arguments": TEXTS}),
        "annotations": st.lists(OBJECTS, max_size=2),
        "audio": st.none() | OBJECTS,
        "name": TEXTS,
        "strange": JSON,
    },
)
CHOICES = st.fixed_dictionaries(
    {"message": MESSAGES, "finish_reason": st.sampled_from(["stop", "length", "tool_calls"])},
    optional={"logprobs": st.none() | st.just({"content": [p.TOKEN, p.BANG]}), "content_filter_results": OBJECTS},
)
COMPLETIONS = st.builds(
    lambda top, choices: {**top, "choices": [{"index": at, **choice} for at, choice in enumerate(choices)]},
    st.fixed_dictionaries(
        {"id": TEXTS, "object": st.just("chat.completion"), "created": COUNTS, "model": TEXTS},
        optional={
            "system_fingerprint": MAYBE_TEXTS,
            "service_tier": MAYBE_TEXTS,
            "citations": st.lists(TEXTS, max_size=2),
            "strange": JSON,
            "usage": st.fixed_dictionaries({"prompt_tokens": COUNTS, "completion_tokens": COUNTS}),
        },
    ),
    st.lists(CHOICES, max_size=3),
)
BLOCKS = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("text"), "text": TEXTS}, optional={"citations": st.none() | st.lists(OBJECTS, max_size=2)}
    ),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": TEXTS}, optional={"signature": TEXTS}),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["tool_use", "server_tool_use"]),
            "id": TEXTS,
            "name": TEXTS,
            "input": OBJECTS | JSON,
        }
    ),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": TEXTS}),
    st.fixed_dictionaries({"type": st.just("web_search_tool_result"), "content": st.lists(OBJECTS, max_size=2)}),
)
ANTHROPICS = st.fixed_dictionaries(
    {
        "id": TEXTS,
        "type": st.just("message"),
        "role": st.just("assistant"),
        "model": TEXTS,
        "content": st.lists(BLOCKS, max_size=4),
        "stop_reason": st.sampled_from(["end_turn", "tool_use", "refusal"]),
        "stop_sequence": MAYBE_TEXTS,
        "usage": st.fixed_dictionaries(
            {"input_tokens": COUNTS, "output_tokens": COUNTS},
            optional={"cache_read_input_tokens": st.none() | COUNTS, "service_tier": MAYBE_TEXTS},
        ),
    },
    optional={"stop_details": st.none() | OBJECTS, "container": st.none() | OBJECTS, "strange": JSON},
)


@FUZZ
@given(COMPLETIONS, st.booleans())
def test_a_completion_survives_its_stream(body: dict[str, Any], include_usage: bool) -> None:
    shown = body if include_usage else {name: value for name, value in body.items() if name != "usage"}
    _, reply = replay("openai.chat", body, include_usage=include_usage)
    assert reply.body == shown
    assert reply == OPENAI.read_response(json.dumps(shown).encode())


@FUZZ
@given(ANTHROPICS, st.booleans())
def test_a_message_survives_its_stream(body: dict[str, Any], include_usage: bool) -> None:
    assert_same("anthropic.messages", body, include_usage=include_usage)


WHOLE = {name: body for name, (_, body) in p.OPENAI_STREAMS.items()}


@pytest.mark.parametrize("name", WHOLE)
def test_the_answers_of_openai_survive(name: str) -> None:
    assert_same("openai.chat", WHOLE[name])


CASES = [(api, stream) for api in ("openai.chat", "anthropic.messages") for stream in p.STREAMS[api]]


@pytest.mark.parametrize(("api", "stream"), CASES)
def test_what_was_put_together_from_a_stream_survives_wherever_it_was_cut(api: str, stream: bytes) -> None:
    for cut in range(0, len(stream), 11):
        reader = FORMATS[api].reader()
        reader.feed(stream[:cut])
        body = reader.reply().body
        if body is not None and not begins_with_the_second_choice(body):
            assert replay(api, body)[1].body == body


def begins_with_the_second_choice(body: dict[str, Any]) -> bool:
    return [choice["index"] for choice in body.get("choices", [])] == [1]


def test_openais_events_are_those_of_openai() -> None:
    stream = b"".join(sse_bytes(OPENAI.replay(p.OPENAI_TEXT, include_usage=True)))
    assert events(stream) == [
        ("", p.chunk({"role": "assistant", "content": "", "refusal": None}, usage=None)),
        ("", p.chunk({"content": "Grüße, Welt 🌍"}, usage=None)),
        ("", p.chunk({}, finish="stop", usage=None)),
        ("", p.USAGE_CHUNK),
        ("", "[DONE]"),
    ]


def test_usage_is_left_out_for_those_who_did_not_ask() -> None:
    chunks = OPENAI.replay(p.OPENAI_TEXT, include_usage=False)
    assert not any("usage" in (chunk.data or {}) for chunk in chunks)
    assert not any(chunk.usage_only for chunk in chunks)


def test_the_flags_of_openais_chunks() -> None:
    chunks = OPENAI.replay(p.OPENAI_TEXT, include_usage=True)
    assert [chunk.content for chunk in chunks] == [False, True, False, False, False]
    assert [chunk.finish_reason for chunk in chunks] == [None, None, "stop", None, None]
    assert [chunk.usage_only for chunk in chunks] == [False, False, False, True, False]
    assert [chunk.event for chunk in chunks] == [""] * 5
    assert chunks[-1] == Chunk(terminal=True)


def test_tool_calls_come_in_numbered_deltas() -> None:
    deltas = [
        chunk.data["choices"][0]["delta"] for chunk in OPENAI.replay(p.OPENAI_TOOLS, include_usage=False) if chunk.data
    ]
    assert deltas == [
        {"role": "assistant", "content": None, "refusal": None},
        {"tool_calls": [{"index": 0, **p.WEATHER, "function": {"name": "weather", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": "Bern"}'}}]},
        {"tool_calls": [{"index": 1, **p.CLOCK, "function": {"name": "clock", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]


def test_reasoning_comes_before_the_answer_wherever_it_stands() -> None:
    body = p.completion({"role": "assistant", "content": "4", "reasoning_content": "2 and 2…"})
    said = [chunk.data["choices"][0]["delta"] for chunk in assert_same("openai.chat", body)[1:3]]
    assert said == [{"reasoning_content": "2 and 2…"}, {"content": "4"}]


def test_every_event_carries_the_plain_members_and_the_first_one_the_others() -> None:
    body = {**p.OPENAI_TEXT, "citations": ["https://a.example"], "provider": "x"}
    first, *others = [chunk.data for chunk in assert_same("openai.chat", body) if chunk.data]
    assert first["citations"] == body["citations"]
    assert not any("citations" in data for data in others)
    for data in (first, *others):
        assert {**data, **p.OPENAI_TOP, "provider": "x", "object": "chat.completion.chunk"} == data


def test_choices_without_good_numbers_of_their_own_are_numbered() -> None:
    two = [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"} for said in ("a", "b")]
    for numbers in ((None, None), (0, 0), (1, 2), (0, -1)):
        choices = [{**choice, "index": number} for choice, number in zip(two, numbers, strict=True)]
        _, reply = replay("openai.chat", {"object": "chat.completion", "choices": choices})
        assert [choice["index"] for choice in reply.body["choices"]] == [0, 1]
        assert (reply.text, reply.finish_reasons) == ("a", ("stop", "stop"))


def test_a_completion_without_choices_is_one_event() -> None:
    chunks = assert_same("openai.chat", {"id": "a", "object": "chat.completion", "choices": []})
    assert len(chunks) == 2


def test_anthropics_events_are_those_of_anthropic() -> None:
    chunks = assert_same("anthropic.messages", p.ANTHROPIC)
    start, *others = [chunk.data for chunk in chunks]
    assert start["message"] == {
        **p.ANTHROPIC_TOP,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**p.ANTHROPIC_START_USAGE, "output_tokens": 0},
    }
    whole = '{"city":"Zürich","days":3}'
    assert others[1]["delta"] == {"type": "thinking_delta", "thinking": "They ask for weather."}
    assert others[2]["delta"] == {"type": "signature_delta", "signature": "EqQB"}
    assert others[5]["delta"] == {"type": "text_delta", "text": "Let me look 🌦."}
    assert others[7]["content_block"] == {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    assert others[8]["delta"] == {"type": "input_json_delta", "partial_json": whole}
    assert others[-2:] == p.ANTHROPIC_EVENTS[-2:]
    assert [chunk.event for chunk in chunks] == [chunk.data["type"] for chunk in chunks]
    assert chunks[-1].data == {"type": "message_stop"}


def test_anthropics_bytes_name_their_events() -> None:
    first, *_, last = sse_bytes(ANTHROPIC.replay(p.ANTHROPIC, include_usage=False))
    assert first.startswith(b'event: message_start\ndata: {"type":"message_start",')
    assert last == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def test_half_an_input_stays_text() -> None:
    block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": '{"city": "Zür'}
    assert_same("anthropic.messages", {**p.ANTHROPIC, "content": [block]})


def test_the_text_of_a_long_answer_comes_in_pieces() -> None:
    said = "The quick brown fox jumps over the lazy dog. " * 20
    chunks = assert_same("openai.chat", p.completion({"role": "assistant", "content": said}))
    texts = [chunk.text for chunk in chunks if chunk.text]
    assert len(texts) == 15
    assert all(text.startswith(" ") for text in texts[1:])


@pytest.mark.parametrize(
    "cluster",
    [
        "👩\u200d👩\u200d👧",
        "👍🏽",
        "🇨🇭",
        "e\u0301\u0323",
        "\r\n",
        "\u0915\u094d\u0937\u093f",
        "\u1100\u1161\u11a8",
        "\u0e01\u0e33",
        "🏴\U000e0067\U000e0062\U000e007f",
        "a\ufe0f\u20e3",
    ],
    ids=["joined", "skin tone", "flag", "marks", "line end", "conjunct", "jamo", "sara am", "tags", "keycap"],
)
def test_what_people_see_as_one_character_is_never_cut(cluster: str) -> None:
    for before in range(55, 65):
        parts = list(pieces("x" * before + cluster + "y" * 100))
        assert any(cluster in part for part in parts)


@FUZZ
@given(st.text(alphabet=st.characters(), max_size=400) | TEXTS)
def test_pieces_join_to_the_text(text: str) -> None:
    parts = list(pieces(text))
    assert "".join(parts) == text
    assert all(parts)


def test_the_pieces_of_a_huge_text_are_not_too_many() -> None:
    assert len(list(pieces("x" * 1_000_000))) == 1000
    assert len(list(pieces("word " * 200_000))) < 1100
    assert [len(part) for part in pieces("x" * 130)] == [64, 64, 2]


@FUZZ
@given(st.sampled_from(sorted(FORMATS)), JSON, st.booleans())
def test_a_body_of_another_shape_is_one_event(api: str, body: Any, include_usage: bool) -> None:
    chunks = FORMATS[api].replay(body, include_usage=include_usage)
    assert len(chunks) == 2
    assert chunks[0].data == body
    if body is not None:
        replay(api, body, include_usage=include_usage)


STRANGE = st.sampled_from(
    [None, 0, 1, "", "x", [], {}, [None], [{}], [{"index": 0}], {"content": "x"}, {"index": 1, "type": "text"}, [[]]]
)


def strange(value: Any, draw: Any) -> Any:
    """`value` with some members replaced by what nobody expects there."""
    if draw(st.integers(0, 6)) == 0:
        return draw(STRANGE)
    if isinstance(value, dict):
        return {name: strange(inner, draw) for name, inner in value.items() if draw(st.integers(0, 9))}
    return [strange(inner, draw) for inner in value] if isinstance(value, list) else value


@FUZZ
@given(st.data(), st.sampled_from([*WHOLE.values(), p.ANTHROPIC, p.ANTHROPIC_ERROR]), st.sampled_from(sorted(FORMATS)))
def test_no_body_raises_and_every_replay_is_what_its_reader_reads(data: Any, body: Any, api: str) -> None:
    odd = strange(body, data.draw)
    if odd is not None:
        replay(api, odd, include_usage=data.draw(st.booleans()))


@pytest.mark.parametrize("api", sorted(FORMATS))
def test_nothing_is_an_event_without_data(api: str) -> None:
    nothing, last = FORMATS[api].replay(None, include_usage=True)
    assert nothing == Chunk()
    assert last.terminal


def test_an_answer_of_an_unknown_format_is_one_event() -> None:
    chunks = assert_same("unknown", p.OPENAI_TEXT)
    assert [(chunk.data, chunk.content, chunk.terminal) for chunk in chunks] == [
        (p.OPENAI_TEXT, True, False),
        (None, False, True),
    ]


def test_an_answer_that_says_that_it_is_the_last_event_is() -> None:
    """Ollama's `done`."""
    [chunk] = assert_same("unknown", {"message": {"role": "assistant", "content": "hi"}, "done": True})
    assert (chunk.text, chunk.content, chunk.terminal) == ("hi", True, True)


@pytest.mark.parametrize("api", sorted(FORMATS))
def test_an_error_stays_an_error(api: str) -> None:
    chunks, reply = replay(api, p.ANTHROPIC_ERROR)
    assert chunks[0].error == reply.error
    assert reply.error is not None
    assert reply.error.type == "overloaded_error"


def test_sdks_raise_what_anthropics_error_says() -> None:
    first, _ = sse_bytes(ANTHROPIC.replay({"error": {"message": "no"}}, include_usage=True))
    assert first.startswith(b"event: error\n")


def deep(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("api", sorted(FORMATS))
@pytest.mark.parametrize(
    "place",
    [
        lambda value: value,
        lambda value: {"choices": [{"message": {"content": value}}], "x": value},
        lambda value: {"content": [{"type": "tool_use", "input": value}], "x": value},
    ],
)
def test_no_depth_raises_and_what_cannot_be_written_is_an_error(api: str, place: Any) -> None:
    chunks = FORMATS[api].replay(place(deep(100_000)), include_usage=True)
    assert chunks[-1].terminal
    reader: StreamReader = FORMATS[api].reader()
    for event in sse_bytes(chunks):
        reader.feed(event)
    assert reader.error is not None
    assert reader.error.type == "invalid_response"


def test_bytes_are_ascii_whatever_the_text_is() -> None:
    """Many clients cut lines at U+2028 and U+0085 too."""
    said = "a\u2028b\u0085c\ud83dd🌍"
    stream = b"".join(sse_bytes(OPENAI.replay(p.completion({"content": said}), include_usage=True)))
    assert stream.isascii()
    assert replay("openai.chat", p.completion({"role": "assistant", "content": said}))[1].text == said


def test_a_name_with_a_line_break_is_not_written() -> None:
    [event] = sse_bytes([Chunk(data={}, event="a\ndata: [DONE]\n")])
    assert event == b"data: {}\n\n"


def test_an_error_without_data_is_written_and_silence_is_not() -> None:
    [event] = sse_bytes([Chunk(error=ProviderError(type="invalid_response", message="é")), Chunk(event="ping")])
    assert events(event) == [("error", {"type": "error", "error": {"type": "invalid_response", "message": "é"}})]


def test_replaying_changes_nothing_in_the_body() -> None:
    for form, body in ((OPENAI, p.OPENAI_TOOLS), (ANTHROPIC, p.ANTHROPIC), (UNKNOWN, p.OPENAI_TEXT)):
        before = json.dumps(body)
        form.replay(body, include_usage=True)
        assert json.dumps(body) == before
