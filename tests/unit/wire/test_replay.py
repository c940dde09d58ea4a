"""A whole answer, replayed as a stream: what a reader makes of its bytes is the answer again."""

from __future__ import annotations

import itertools
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
    SSEDecoder,
    StreamReader,
    categorise,
    format_named,
    sse_bytes,
    stream_bytes,
    whole_bytes,
)
from beastmode_otel.wire.pieces import pieces

from . import more_payloads as m
from . import payloads as p

OPENAI, ANTHROPIC, UNKNOWN = (format_named(api) for api in ("openai.chat", "anthropic.messages", "unknown"))
STREAMING = sorted(api for api, form in FORMATS.items() if form.framing is not None)
FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def replay(api: str, body: Any, *, include_usage: bool = True) -> tuple[list[Chunk], Reply]:
    """The chunks of a replay, and what its bytes say to a reader; held to everything that is true of all replays."""
    chunks = FORMATS[api].replay(body, include_usage=include_usage)
    reader = FORMATS[api].reader()
    read = [chunk for event in written(api, chunks) for chunk in reader.feed(event)] + reader.end()
    assert read == chunks
    assert [chunk.terminal for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert reader.finished
    reply = reader.reply()
    assert "".join(chunk.text for chunk in chunks) == reply.text
    return chunks, reply


def told(chunks: list[Chunk]) -> list[str]:
    return [chunk.event for chunk in chunks]


def written(api: str, chunks: list[Chunk]) -> list[bytes]:
    framing = FORMATS[api].framing
    assert framing is not None
    return list(stream_bytes(chunks, framing))


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


def answers(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(members)


PARTS = st.one_of(
    answers(type=st.just("output_text"), text=TEXTS, annotations=st.lists(OBJECTS, max_size=2)),
    answers(type=st.just("output_text"), text=TEXTS, annotations=st.just([]), logprobs=st.lists(OBJECTS, max_size=2)),
    answers(type=st.just("refusal"), refusal=TEXTS),
    answers(type=st.just("strange"), text=TEXTS),
)
THOUGHTS = st.lists(answers(type=st.just("summary_text"), text=TEXTS), max_size=2)
ITEMS = st.one_of(
    answers(type=st.just("message"), id=TEXTS, role=st.just("assistant"), status=TEXTS, content=st.lists(PARTS)),
    answers(type=st.just("reasoning"), id=TEXTS, summary=THOUGHTS, encrypted_content=MAYBE_TEXTS),
    answers(type=st.just("function_call"), id=TEXTS, call_id=TEXTS, name=TEXTS, arguments=TEXTS),
    answers(type=st.just("custom_tool_call"), call_id=TEXTS, name=TEXTS, input=TEXTS),
    answers(type=st.just("web_search_call"), action=OBJECTS),
    OBJECTS,
)
RESPONSES = st.fixed_dictionaries(
    {"id": TEXTS, "model": TEXTS, "status": st.sampled_from(["completed", "incomplete"]), "output": st.lists(ITEMS)},
    optional={"usage": st.just(m.RESPONSE_USAGE), "error": st.none(), "strange": JSON, "incomplete_details": OBJECTS},
)
TEXT_CHOICES = answers(
    text=TEXTS, finish_reason=st.sampled_from(["stop", "length"]), logprobs=st.none() | st.just(m.probabilities("a"))
)
TEXT_COMPLETIONS = st.builds(
    lambda choices: m.text_completion(*({"index": at, **choice} for at, choice in enumerate(choices))),
    st.lists(TEXT_CHOICES, max_size=3),
)
END = {"model": TEXTS, "done": st.just(True), "done_reason": TEXTS, "eval_count": COUNTS}
OLLAMA_MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": TEXTS},
    optional={"thinking": TEXTS, "tool_calls": st.just(m.OLLAMA_CALLS), "images": st.lists(TEXTS, max_size=2)},
)
OLLAMA_CHATS = st.fixed_dictionaries({**END, "message": OLLAMA_MESSAGES}, optional={"logprobs": st.lists(OBJECTS)})
GEMINI_PARTS = st.one_of(
    answers(text=TEXTS),
    answers(text=TEXTS, thought=st.booleans()),
    answers(text=TEXTS, thoughtSignature=TEXTS),
    answers(functionCall=OBJECTS),
    answers(inlineData=OBJECTS),
)
GEMINI_CANDIDATES = st.fixed_dictionaries(
    {"finishReason": st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY"])},
    optional={
        "content": st.fixed_dictionaries({"role": st.just("model")}, optional={"parts": st.lists(GEMINI_PARTS)}),
        "safetyRatings": st.lists(OBJECTS, max_size=2),
        "groundingMetadata": OBJECTS,
    },
)
GEMINIS = st.builds(
    lambda top, candidates: {**top, "candidates": [{**one, "index": at} for at, one in enumerate(candidates)]},
    st.fixed_dictionaries(
        {"modelVersion": TEXTS},
        optional={
            "responseId": TEXTS,
            "usageMetadata": st.just(m.GEMINI_USAGE),
            "promptFeedback": st.just({"safetyRatings": m.GEMINI_RATINGS}),
        },
    ),
    st.lists(GEMINI_CANDIDATES, min_size=1, max_size=3),
)
COHERE_BLOCKS = st.one_of(
    answers(type=st.just("text"), text=TEXTS), answers(type=st.just("thinking"), thinking=TEXTS), OBJECTS
)
COHERE_CALLS = st.one_of(
    answers(id=TEXTS, type=st.just("function"), function=answers(name=TEXTS, arguments=TEXTS)),
    answers(id=TEXTS, type=st.just("function")),
)
COHERES = st.fixed_dictionaries(
    {
        "message": st.fixed_dictionaries(
            {"role": st.just("assistant")},
            optional={
                "content": st.none() | st.lists(COHERE_BLOCKS, max_size=3),
                "tool_calls": st.lists(COHERE_CALLS, max_size=2),
                "tool_plan": MAYBE_TEXTS,
                "citations": st.lists(OBJECTS, max_size=2),
                "strange": JSON,
            },
        ),
        "finish_reason": st.sampled_from(["COMPLETE", "MAX_TOKENS", "TOOL_CALL"]),
    },
    optional={"id": TEXTS, "usage": st.just(m.COHERE_USAGE), "logprobs": st.lists(OBJECTS, max_size=2)},
)
OLLAMA_TEXTS = st.fixed_dictionaries({**END, "response": TEXTS}, optional={"thinking": TEXTS, "context": JSON})


@FUZZ
@given(
    st.one_of(
        st.tuples(st.just("openai.responses"), RESPONSES),
        st.tuples(st.just("openai.completions"), TEXT_COMPLETIONS),
        st.tuples(st.just("ollama.chat"), OLLAMA_CHATS),
        st.tuples(st.just("ollama.generate"), OLLAMA_TEXTS),
        st.tuples(st.just("gemini.generate_content"), GEMINIS),
        st.tuples(st.just("cohere.chat"), COHERES),
    )
)
def test_an_answer_of_the_other_formats_survives_its_stream(case: tuple[str, dict[str, Any]]) -> None:
    assert_same(*case)


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


MORE = {
    "openai.responses": m.RESPONSE,
    "openai.completions": m.COMPLETION,
    "ollama.chat": m.OLLAMA_CHAT,
    "ollama.generate": m.OLLAMA_GENERATE,
    "gemini.generate_content": m.GEMINI,
    "cohere.chat": m.COHERE,
}


@pytest.mark.parametrize("api", MORE)
def test_the_answers_of_the_other_formats_survive(api: str) -> None:
    assert_same(api, MORE[api])


CASES = [(api, stream) for api in ("openai.chat", "anthropic.messages") for stream in p.STREAMS[api]]
CASES += [("openai.completions", stream) for stream in m.NEW_STREAMS["openai.completions"]]
CASES += [("cohere.chat", m.COHERE_STREAM), ("gemini.generate_content", m.GEMINI_STREAM)]


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


def test_tool_calls_come_whole_and_numbered() -> None:
    """Mistral's SDK refuses a delta of a call without the function's name."""
    deltas = [
        chunk.data["choices"][0]["delta"] for chunk in OPENAI.replay(p.OPENAI_TOOLS, include_usage=False) if chunk.data
    ]
    assert deltas == [
        {"role": "assistant", "content": None, "refusal": None},
        {"tool_calls": [{"index": 0, **p.WEATHER}]},
        {"tool_calls": [{"index": 1, **p.CLOCK}]},
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
@given(st.sampled_from(STREAMING), JSON, st.booleans())
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
@given(
    st.data(),
    st.sampled_from([*WHOLE.values(), p.ANTHROPIC, p.ANTHROPIC_ERROR, *MORE.values()]),
    st.sampled_from(STREAMING),
)
def test_no_body_raises_and_every_replay_is_what_its_reader_reads(data: Any, body: Any, api: str) -> None:
    odd = strange(body, data.draw)
    if odd is not None:
        replay(api, odd, include_usage=data.draw(st.booleans()))


@pytest.mark.parametrize("api", STREAMING)
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


@pytest.mark.parametrize("api", STREAMING)
def test_an_error_stays_an_error(api: str) -> None:
    chunks, reply = replay(api, p.ANTHROPIC_ERROR)
    assert chunks[0].error == reply.error
    assert reply.error is not None
    assert reply.error.message == "Overloaded"


def test_sdks_raise_what_anthropics_error_says() -> None:
    first, _ = sse_bytes(ANTHROPIC.replay({"error": {"message": "no"}}, include_usage=True))
    assert first.startswith(b"event: error\n")


def deep(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("api", STREAMING)
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
    for event in written(api, chunks):
        reader.feed(event)
    assert reader.error is not None
    assert categorise(reader.error).name == "invalid_response"


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


def test_groqs_usage_comes_in_its_last_choice_asked_or_not() -> None:
    body = {**p.OPENAI_TEXT, "x_groq": {"id": "req_1"}}
    chunks, reply = replay("openai.chat", body, include_usage=False)
    with_groq = [chunk.data["x_groq"] for chunk in chunks if chunk.data and "x_groq" in chunk.data]
    assert with_groq == [{"id": "req_1"}, {"id": "req_1", "usage": p.OPENAI_USAGE}]
    assert reply.body == body
    assert_same("openai.chat", body)


def test_the_parts_of_mistrals_content_survive() -> None:
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Hello"}]
    assert_same("openai.chat", p.completion({"role": "assistant", "content": content}))


def test_the_events_of_a_response_are_numbered_and_named() -> None:
    chunks = assert_same("openai.responses", m.RESPONSE)
    assert [chunk.data["sequence_number"] for chunk in chunks] == [*range(len(chunks))]
    assert [chunk.event for chunk in chunks] == [chunk.data["type"] for chunk in chunks]
    real = [event["type"] for event in m.RESPONSE_EVENTS if event["type"] != "response.web_search_call.searching"]
    # In real life a text came in two deltas that comes in one here.
    assert [kind for kind, _ in itertools.groupby(real)] == [kind for kind, _ in itertools.groupby(told(chunks))]
    assert chunks[-1].data["response"] == m.RESPONSE
    assert chunks[-1].finish_reason == "tool_calls"


@pytest.mark.parametrize("status", ["failed", "cancelled", "in_progress", "queued", None])
def test_a_response_that_did_not_end_has_no_equal_stream(status: str | None) -> None:
    body = {**m.RESPONSE, "status": status}
    first, last = FORMATS["openai.responses"].replay(body, include_usage=True)
    assert (first.data, first.terminal, last.terminal) == (body, False, True)


def test_ollamas_lines_are_those_of_ollama() -> None:
    stream = b"".join(written("ollama.chat", assert_same("ollama.chat", m.OLLAMA_CHAT)))
    said = [json.loads(line) for line in stream.splitlines()]
    assert [line["done"] for line in said] == [False, False, False, True]
    assert [line["message"] for line in said] == [
        {"role": "assistant", "thinking": "Hm."},
        {"role": "assistant", "content": "Grüße 🌍"},
        {"role": "assistant", "tool_calls": m.OLLAMA_CALLS},
        {"role": "assistant", "content": "", "thinking": ""},
    ]
    assert {"done_reason", *m.OLLAMA_COUNTS} <= said[-1].keys()
    assert not {"done_reason", *m.OLLAMA_COUNTS} & said[0].keys()


@pytest.mark.parametrize("api", sorted({*FORMATS} - {*STREAMING}))
def test_what_is_never_streamed_is_not_replayed_as_a_stream(api: str) -> None:
    assert FORMATS[api].operation == "embeddings"
    assert FORMATS[api].replay(m.EMBEDDINGS, include_usage=True) == []


def test_a_whole_answer_is_written_as_ascii() -> None:
    written = whole_bytes({"a": "é\ud83d"})
    assert written == b'{"a":"\\u00e9\\ud83d"}'
    assert whole_bytes(deep(100_000)) is None
    assert whole_bytes({"a": object()}) is None


def test_an_error_line_is_a_text_which_ollamas_client_raises() -> None:
    lines = list(
        stream_bytes([Chunk(error=ProviderError(message="no")), Chunk(data={"a": object()}), Chunk()], "ndjson")
    )
    assert [type(json.loads(line)["error"]) for line in lines] == [str, str]


def test_a_part_that_is_strange_where_it_stands_comes_whole() -> None:
    part = {"type": "output_text", "text": "no answer", "annotations": []}
    body = {**m.RESPONSE, "output": [{"id": "rs_1", "type": "reasoning", "summary": [], "content": [part]}]}
    chunks = assert_same("openai.responses", body)
    assert not any(chunk.text for chunk in chunks)
