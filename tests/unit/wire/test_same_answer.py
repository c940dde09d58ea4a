"""Every recorded stream of every format, as servers and proxies send it: one answer, missed, stored and replayed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beastmode_otel.cache.key import KeyTarget
from beastmode_otel.cache.storable import OK, may_store
from beastmode_otel.wire import FORMATS, BodyReader, Reply, stream_bytes

from .samples import SAMPLES

STREAMS = [api for api, row in SAMPLES.items() if row.stream is not None]
TYPES = ("text/event-stream", "text/event-stream; charset=utf-8", "application/json", "text/plain", "", "binary/x")
# What may be left out of an event or come again, and changes nothing.
SPARE = frozenset({"system_fingerprint", "service_tier", "object", "created", "created_at", "obfuscation", "logprobs"})
MAIN = KeyTarget("vendor", "https://vendor.test", "m")


def events_of(stream: bytes) -> list[tuple[str, str]]:
    """Name and data of each."""
    found = []
    for block in stream.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((fields.get("event", ""), fields["data"]))
    return found


@st.composite
def written(draw: st.DrawFn, data: str) -> str:
    """The same JSON, with its members in another order, some of them twice, some that mean nothing, some left out."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    members = [(name, member) for name, member in value.items() if name not in SPARE or draw(st.booleans())]
    members = draw(st.permutations(members))
    members += draw(st.lists(st.sampled_from(members), max_size=2)) if members else []
    texts = [f"{json.dumps(name)}:{json.dumps(member, ensure_ascii=draw(st.booleans()))}" for name, member in members]
    texts += draw(st.lists(st.sampled_from(['"error":null', '"x_unheard":{"a":[1]}', '"trace":""']), max_size=1))
    gap = draw(st.sampled_from(["", " ", "  "]))
    return "{" + gap + f"{gap},".join(texts) + gap + "}"


@st.composite
def sse(draw: st.DrawFn, stream: bytes, *, pings: bool) -> bytes:
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quiet = st.sampled_from([f": keep-alive{end}{end}", f":{end}", end, f"retry: 10{end}", f"id: 7{end}{end}"])
    if pings:
        quiet |= st.just(f'event: ping{end}data: {{"type":"ping"}}{end}{end}')
    named = draw(st.booleans())
    parts = [draw(st.sampled_from(["", "\ufeff"])), *draw(st.lists(quiet, max_size=2))]
    for name, data in events_of(stream):
        if name and named:
            parts.append(f"event: {name}{end}")
        parts.append(f"data:{draw(st.sampled_from(['', ' ']))}{draw(written(data))}{end}{end}")
        parts += draw(st.lists(quiet, max_size=1))
    return "".join(parts).encode()


@st.composite
def lines(draw: st.DrawFn, stream: bytes) -> bytes:
    end = draw(st.sampled_from(["\n", "\r\n", "\n\n", " \n"]))
    return "".join(draw(written(line)) + end for line in stream.decode().splitlines() if line).encode()


@st.composite
def pieces(draw: st.DrawFn, body: bytes) -> list[bytes]:
    places = sorted(draw(st.sets(st.integers(1, len(body) - 1), max_size=12)))
    size = draw(st.sampled_from([None, 1, 2, 3, 50]))
    if size is not None:
        places = list(range(size, len(body), size))
    return [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]


def check(api: str, reply: Reply) -> None:
    row = SAMPLES[api]
    assert (reply.parsed, reply.error, reply.empty, reply.is_nothing) == (True, None, False, False)
    assert (reply.text, reply.finish_reasons, reply.usage) == (row.text, row.finish, row.usage)


@pytest.mark.parametrize("api", STREAMS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_is_missed_is_what_is_stored_and_what_is_replayed(api: str, data: st.DataObject) -> None:
    form, row = FORMATS[api], SAMPLES[api]
    assert row.stream is not None
    assert form.framing is not None
    pings = api == "anthropic.messages"
    body = data.draw(sse(row.stream, pings=pings) if form.framing == "sse" else lines(row.stream), label="body")
    # JSON lines that are not told to be such, in an answer to who asked for the whole, are told by their first.
    headers = {"content-type": data.draw(st.sampled_from(TYPES), label="type")}
    reader = BodyReader(form, headers, stream=data.draw(st.booleans(), label="asked"))
    chunks: list[Any] = []
    skims = data.draw(st.booleans(), label="skims")
    for piece in data.draw(pieces(body), label="pieces"):
        if not (skims and reader.goes_on(piece)):
            chunks += reader.feed(piece)
    chunks += reader.end()
    assert (reader.streams, reader.known, reader.finished, reader.error) == (True, True, True, None)
    missed = reader.reply()
    check(api, missed)
    if not skims:
        assert "".join(chunk.text for chunk in chunks) == row.text

    told = {"api": api, "asked": OK, "status": 200, "size": 9, "answered": MAIN, "targets": (MAIN,)}
    assert may_store(missed, **told) == OK
    stored = json.loads(json.dumps(missed.body))
    check(api, form.read_body(stored))

    replayed = form.replay(stored, include_usage=True)
    assert "".join(chunk.text for chunk in replayed) == row.text
    hit = BodyReader(form, {"content-type": "text/event-stream"}, stream=True)
    for piece in stream_bytes(replayed, form.framing):
        hit.feed(piece)
    hit.end()
    assert (hit.finished, hit.error) == (True, None)
    check(api, hit.reply())
    assert hit.reply().body == stored


@pytest.mark.parametrize("api", STREAMS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_stream_that_is_cut_is_no_answer_and_never_stored(api: str, data: st.DataObject) -> None:
    """Wherever it is cut before the last event that says anything."""
    stream = SAMPLES[api].stream
    assert stream is not None
    body = stream.removesuffix(b"data: [DONE]\n\n")
    reader = FORMATS[api].reader()
    reader.feed(body[: data.draw(st.integers(0, len(body) // 2))])
    reader.end()
    assert not reader.finished
    reply = reader.reply()
    told = {"api": api, "asked": OK, "status": 200, "size": 9, "answered": MAIN, "targets": (MAIN,)}
    assert not reply.finish_reasons
    assert may_store(reply, **told).ok is False
