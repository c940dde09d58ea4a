"""A stream read by the difference of its events says the same, after each piece, as one whose every event is read."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beastmode_otel.wire import BodyReader, format_named

from . import payloads as p

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORDS = ["stop", "assistant", "m", "", " word", 'a "quoted" \\ one', "two\nlines", "Grüße 🌍", "\u2028", "\ud800", "x"]
# What a piece of text could be taken for: the ends of strings, of objects and of events.
TRAPS = ['"', '\\"', '"}', "\\", '","obfuscation":"', '"},"finish_reason":null}]}', "data: [DONE]", "\x7f", "\\u0022"]
text = st.one_of(st.sampled_from(WORDS + TRAPS), st.text(max_size=12))


def chat(choice: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": None, **choice}], **more}


def say(**delta: Any) -> dict[str, Any]:
    return chat({"delta": delta})


def call(index: int, said: str, **more: Any) -> dict[str, Any]:
    return say(tool_calls=[{"index": index, "function": {"arguments": said}, **more}])


def grow(index: int, kind: str, member: str, said: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, member: said}}


def begin(index: int, said: str) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": said}}


# Each makes an event of a text and a padding.
CHAT = [
    lambda said, pad: say(content=said),
    lambda said, pad: say(content=said, role="assistant"),
    lambda said, pad: say(role=said, content="assistant"),
    lambda said, pad: say(content=said, reasoning_content=pad),
    lambda said, pad: say(content=None, reasoning_content=said),
    lambda said, pad: say(content=[{"type": "text", "text": said}]),
    lambda said, pad: say(content=[{"type": "text", "text": said, "index": 0}]),
    lambda said, pad: say(parts=[{"text": said}]),
    lambda said, pad: say(audio={"data": said, "id": "a"}),
    lambda said, pad: say(audio={"data": "same", "transcript": said}),
    lambda said, pad: call(0, said),
    lambda said, pad: call(1, said),
    lambda said, pad: call(0, said, id=pad),
    lambda said, pad: say(tool_calls=[{"index": 0, "id": pad, "function": {"name": "f", "arguments": said}}]),
    lambda said, pad: say(tool_calls=[{"function": {"arguments": said}}]),
    lambda said, pad: chat({"delta": {"content": said}, "index": 1}),
    lambda said, pad: chat({"delta": {"content": said}, "finish_reason": "stop"}),
    lambda said, pad: chat({"delta": {"content": said}, "finish_reason": pad}),
    lambda said, pad: chat({"delta": {"content": said}, "logprobs": {"content": [{"token": "t"}]}}),
    lambda said, pad: chat({"delta": {"content": said}, "logprobs": {"note": "n"}}),
    lambda said, pad: chat({"delta": {"content": said}}, obfuscation=pad),
    lambda said, pad: {"obfuscation": pad, **say(content=said)},
    lambda said, pad: chat({"delta": {"content": said}}, obfuscation=7),
    lambda said, pad: chat({"delta": {"content": said}}, usage={"prompt_tokens": 1, "completion_tokens": len(said)}),
    lambda said, pad: chat({"delta": {"content": said}}, usage=None, created=len(pad)),
    lambda said, pad: chat({"delta": {"content": said}}, error={"message": pad}),
    lambda said, pad: chat({"delta": {"content": said}}, x_groq={"error": {"message": pad}}),
    lambda said, pad: chat({"delta": {"content": said}}, object="error"),
    lambda said, pad: chat({"delta": {"content": said}, "error": {"message": "no"}}),
    lambda said, pad: {"choices": [{"index": n, "delta": {"content": part}} for n, part in enumerate((said, "one"))]},
    lambda said, pad: {"choices": [{"index": 0, "delta": {"content": part}} for part in (said, pad)]},
    lambda said, pad: {"choices": [], "model": said},
]
COMPLETIONS = [
    lambda said, pad: {"id": "c", "choices": [{"index": 0, "text": said, "finish_reason": None}]},
    lambda said, pad: {"id": "c", "choices": [{"index": 1, "text": said, "finish_reason": None}]},
    lambda said, pad: {"id": "c", "choices": [{"text": said, "logprobs": {"tokens": ["t"]}, "finish_reason": None}]},
    lambda said, pad: {"id": "c", "choices": [{"text": said, "finish_reason": "stop"}]},
]
CLAUDE = [
    lambda said, pad: begin(0, pad),
    lambda said, pad: begin(1, said),
    lambda said, pad: grow(0, "text_delta", "text", said),
    lambda said, pad: grow(1, "text_delta", "text", said),
    lambda said, pad: grow(0, "thinking_delta", "thinking", said),
    lambda said, pad: grow(0, "input_json_delta", "partial_json", said),
    lambda said, pad: grow(0, "citations_delta", "citation", said),
    lambda said, pad: {**grow(0, "text_delta", "text", said), "type": "error"},
    lambda said, pad: {"type": "message_delta", "delta": {"stop_reason": said}},
    lambda said, pad: {"type": "ping"},
]


def streams(shapes: list[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Of two or three shapes, as streams are, in runs: each run of one shape, with texts that differ."""

    def of(few: list[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
        run = st.tuples(st.sampled_from(few), st.lists(st.tuples(text, st.one_of(st.just("aZ"), text)), max_size=5))
        return st.lists(run, max_size=6).map(lambda runs: [make(*it) for make, texts in runs for it in texts])

    return st.lists(st.sampled_from(shapes), min_size=1, max_size=3).flatmap(of)


def written(events: list[dict[str, Any]], *, compact: bool, ascii_only: bool, names: bool, end: str) -> list[bytes]:
    """Most servers write all events alike, so repeated ones really are."""
    separators = (",", ":") if compact else None
    lines = [json.dumps(event, separators=separators, ensure_ascii=ascii_only) for event in events]
    named = [f"event: {event.get('type', 'x')}{end}" if names else "" for event in events]
    pairs = zip(named, lines, strict=True)
    return [f"{head}data: {line}{end}{end}".encode("utf-8", "surrogatepass") for head, line in pairs]


ways = st.fixed_dictionaries(
    {
        "compact": st.booleans(),
        "ascii_only": st.booleans(),
        "names": st.booleans(),
        "end": st.sampled_from(["\n", "\n", "\r\n", "\r"]),
    }
)


def reader(api: str) -> BodyReader:
    return BodyReader(format_named(api), {"content-type": "text/event-stream"}, stream=True)


def state(it: BodyReader) -> tuple[Any, ...]:
    return it.known, it.finished, it.error, it.reply()


def same(api: str, pieces: list[bytes]) -> int:
    """How many of the pieces were read by their difference; everything is compared after each."""
    quick, slow, repeated = reader(api), reader(api), 0
    for piece in pieces:
        went_on = quick.goes_on(piece)
        repeated += went_on
        chunks = slow.feed(piece)
        if went_on:
            assert not any(chunk.terminal or chunk.error for chunk in chunks)
        else:
            assert quick.feed(piece) == chunks
        assert state(quick) == state(slow)
    assert quick.end() == slow.end()
    assert state(quick) == state(slow)
    return repeated


def cut(pieces: list[bytes], seed: int) -> list[bytes]:
    """Most events come alone, some together, some in halves."""
    dice, found = random.Random(seed), list[bytes]()
    for piece in pieces:
        at = dice.randrange(len(piece))
        match dice.choice(["alone", "alone", "alone", "with", "halves"]):
            case "with" if found:
                found[-1] += piece
            case "halves":
                found += [piece[:at], piece[at:]]
            case _:
                found.append(piece)
    return found


@pytest.mark.parametrize(
    ("api", "shapes"),
    [("openai.chat", CHAT), ("openai.completions", COMPLETIONS), ("anthropic.messages", CLAUDE)],
    ids=lambda value: value if isinstance(value, str) else "",
)
@SETTINGS
@given(st.data(), ways, st.integers())
def test_it_says_the_same(api: str, shapes: list[Any], data: st.DataObject, way: dict[str, Any], seed: int) -> None:
    same(api, cut(written(data.draw(streams(shapes)), **way), seed))


@pytest.mark.parametrize("first", CHAT)
@pytest.mark.parametrize("second", CHAT[:2])
def test_every_shape_after_itself(first: Any, second: Any) -> None:
    """Four times each, and back, with texts that are found elsewhere in the event too."""
    alone = [("one", "p"), ("two", "q"), ("assistant", "m"), ("stop", 'a"b'), ("m", "\\"), ("c", "same"), ("", "a")]
    alike = [
        ("one", "same"),
        ("two", "same"),
        ("three", "same"),
        ("m", "m"),
        ("m", "n"),
        ("stop", "stop"),
        ("stop", "n"),
    ]
    events = [make(*it) for make in (first, second, first) for it in alone + alike]
    for ascii_only in (True, False):
        same("openai.chat", written(events, compact=True, ascii_only=ascii_only, names=False, end="\n"))


@pytest.mark.parametrize("ascii_only", [True, False])
def test_half_a_character(ascii_only: bool) -> None:
    """It waits for its second half, or is shown as what it is, in the middle of events that repeat."""
    events = [COMPLETIONS[0](said, "aZ") for said in ("a", "b", "c", "\ud83d", "\ude00", "d", "e", "\ud800", "f", "g")]
    same("openai.completions", written(events, compact=True, ascii_only=ascii_only, names=False, end="\n"))


@SETTINGS
@given(streams(CHAT), ways, st.integers())
def test_broken_bytes(events: list[dict[str, Any]], way: dict[str, Any], seed: int) -> None:
    """One byte of each third piece is another one: JSON that is none, text that is no UTF-8, lines cut in two."""
    dice, pieces = random.Random(seed), written(events, **way)
    for place in range(2, len(pieces), 3):
        at = dice.randrange(len(pieces[place]))
        other = bytes([dice.choice([0, 10, 13, 34, 92, 0x80, 0xFF, dice.randrange(256)])])
        pieces[place] = pieces[place][:at] + other + pieces[place][at + 1 :]
    same("openai.chat", cut(pieces, seed))


@pytest.mark.parametrize("shape", [{}, {"obfuscation": "pad"}, {"usage": None}])
def test_it_is_used(shape: dict[str, Any]) -> None:
    """Of a common stream all but the first events, the last, and those after them are read by their difference."""
    said = [f" word{n}" for n in range(50)]
    events = [p.chunk({"role": "assistant", "content": ""}), *(p.chunk({"content": word}, **shape) for word in said)]
    events.append(p.chunk({}, finish="stop"))
    pieces = [p.sse(event, done=False) for event in events] + [b"data: [DONE]\n\n"]
    assert same("openai.chat", pieces) >= 49 - 1
    assert same("openai.chat", [*pieces[:20], b"".join(pieces[20:40]), *pieces[40:]]) >= 30 - 1


@pytest.mark.parametrize("bad", [b"\n", b"\x01", b'"', b"\\", b"\xff", b'","content":"'])
@pytest.mark.parametrize("place", [b"text", b"padding"])
def test_a_string_that_is_none(bad: bytes, place: bytes) -> None:
    good = p.sse(chat({"delta": {"content": "a text"}}, obfuscation="a padding"), done=False)
    same("openai.chat", [good, good, good, good.replace(place, place + bad), good, good])


def test_the_name_of_an_event_counts() -> None:
    """The name comes apart from its event here, and the next one has another: `error` is one whatever it holds."""
    event = p.sse(say(content="a"), done=False)
    same("openai.chat", [event, event, b"event: x\n", event, event, b"event: error\n", event, event])


def test_a_piece_beyond_the_bound_is_counted() -> None:
    """The bound on a stream's text holds for what is read by its difference, too."""
    it = BodyReader(format_named("openai.chat"), {}, stream=True, max_whole=100)
    pieces = [p.sse(p.chunk({"content": "0123456789"}), done=False) for _ in range(12)]
    for piece in pieces:
        if not it.goes_on(piece):
            it.feed(piece)
    assert not it.known
    assert it.reply().text == ""
