"""One event of a stream that is no JSON: left out where the answer is whole without it, an error where it is not."""

from __future__ import annotations

import json

import pytest

from beastmode_otel.cache.key import KeyTarget
from beastmode_otel.cache.storable import OK, may_store
from beastmode_otel.wire import FORMATS, StreamReader, categorise

from .samples import SAMPLES

STREAMS = pytest.mark.parametrize("api", [api for api, row in SAMPLES.items() if row.stream is not None])
MAIN = KeyTarget("vendor", "https://vendor.test", "m")
NOTHING_IN_IT = [
    '{"id": "x", "choices": [{"delta": {"content":',
    '{"a": }',
    "{",
    '{"choices": [{"delta": {"content": "',
]


def events_of(api: str) -> list[bytes]:
    """Each with what ends it."""
    end = b"\n" if FORMATS[api].framing == "ndjson" else b"\n\n"
    return [event + end for event in (SAMPLES[api].stream or b"").split(end) if event.strip()]


def broken(api: str, data: str) -> bytes:
    return f"{data}\n".encode() if FORMATS[api].framing == "ndjson" else f"data: {data}\n\n".encode()


def read(api: str, events: list[bytes]) -> StreamReader:
    reader = FORMATS[api].reader()
    for event in events:
        reader.feed(event)
    reader.end()
    return reader


@STREAMS
@pytest.mark.parametrize("data", NOTHING_IN_IT)
def test_one_beside_a_whole_answer_changes_nothing_in_it(api: str, data: str) -> None:
    """Wherever it stands before the last event. It is not stored: what was in it nobody knows."""
    events, untouched = events_of(api), read(api, events_of(api)).reply()
    for place in range(len(events)):
        reader = read(api, [*events[:place], broken(api, data), *events[place:]])
        reply = reader.reply()
        assert (reader.finished, reader.error) == (True, None)
        assert (reply.body, reply.usage, reply.broken_events) == (untouched.body, untouched.usage, 1)
        verdict = may_store(reply, api=api, asked=OK, status=200, size=9, answered=MAIN, targets=[MAIN])
        assert verdict.reason == "broken_event"


@STREAMS
def test_one_in_which_a_text_had_begun_is_an_error(api: str) -> None:
    events = events_of(api)
    begun = '{"type": "x", "choices": [{"delta": {"content": "Grü'
    reader = read(api, [*events[:1], broken(api, begun), *events[1:]])
    assert categorise(reader.error).name == "invalid_response"


@STREAMS
def test_one_in_the_place_of_all_the_answer_is_an_error(api: str) -> None:
    form = FORMATS[api]
    end = "[DONE]" if form.done else json.dumps({**form.final}) if form.final is not None else None
    for events in ([], [] if end is None else [broken(api, end)]):
        reader = read(api, [broken(api, "{"), *events])
        assert (reader.finished, categorise(reader.error).name) == (False, "invalid_response")


def test_one_in_the_place_of_the_end_is_an_error() -> None:
    """What ends a stream says why; `[DONE]` alone does not."""
    events = [event for event in events_of("openai.chat") if b'"finish_reason":"stop"' not in event.replace(b" ", b"")]
    assert len(events) < len(events_of("openai.chat"))
    assert read("openai.chat", events).finished
    reader = read("openai.chat", [*events[:-1], broken("openai.chat", "{"), events[-1]])
    assert (reader.finished, categorise(reader.error).name) == (False, "invalid_response")
