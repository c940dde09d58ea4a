"""What is true of every format: found, read, counted, kept apart, stored, replayed. `samples.py` has a row for each."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from beastmode_otel.cache.key import KeyParts, KeyTarget, derive
from beastmode_otel.cache.storable import OK, may_lookup, may_store
from beastmode_otel.wire import FORMATS, UNKNOWN, LLMCall, Reply, prompt_text, recognise, stream_bytes

from .samples import ASKED, KEY, SAMPLES, Sample

ROWS = pytest.mark.parametrize("api", SAMPLES)
STREAMS = pytest.mark.parametrize("api", [api for api, row in SAMPLES.items() if row.stream is not None])
MAIN = KeyTarget("vendor", "https://vendor.test", "m")


def test_every_format_has_its_row() -> None:
    assert SAMPLES.keys() == FORMATS.keys() - {UNKNOWN.api}


def sent(api: str, *, stream: bool) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The request that the router makes: its URL, headers and body."""
    form, row = FORMATS[api], SAMPLES[api]
    url = row.url + form.endpoint(row.model, stream=stream)
    return url, form.headers(KEY), form.body(row.request, model=row.model, stream=stream)


def seen(api: str, *, stream: bool) -> LLMCall:
    """What the hook makes of that request."""
    url, headers, body = sent(api, stream=stream)
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    call = recognise(
        method="POST",
        host=parts.hostname or "",
        target=target.encode(),
        headers=headers,
        body=json.dumps(body).encode(),
    )
    assert call is not None
    return call


def read(api: str, stream: bytes, *, size: int | None = None) -> Reply:
    reader = FORMATS[api].reader()
    for start in range(0, len(stream), size or len(stream)):
        reader.feed(stream[start : start + (size or len(stream))])
    reader.end()
    assert (reader.finished, reader.error) == (True, None)
    return reader.reply()


def whole(api: str, body: Any = None) -> Reply:
    return FORMATS[api].read_response(json.dumps(SAMPLES[api].answer if body is None else body).encode())


def replayed(api: str, body: Any) -> Reply:
    """A stored body, as a hit that asked for a stream reads it."""
    form = FORMATS[api]
    assert form.framing is not None
    return read(api, b"".join(stream_bytes(form.replay(body, include_usage=True), form.framing)))


# Asked.


@ROWS
def test_what_the_router_sends_the_hook_recognises(api: str) -> None:
    row = SAMPLES[api]
    for stream in (False, True):
        call = seen(api, stream=stream)
        assert (call.api, call.operation, call.model) == (api, row.operation, row.model)
        assert call.stream == (stream and row.stream is not None)
        assert call.provider not in ("custom", "openai") or api.startswith("openai.")


@ROWS
def test_the_login_is_the_vendors(api: str) -> None:
    form = FORMATS[api]
    assert form.headers(KEY) == SAMPLES[api].headers
    assert KEY not in str(form.headers(None))


@ROWS
def test_a_request_is_read_into_facts(api: str) -> None:
    ask = FORMATS[api].read_request(SAMPLES[api].request)
    assert (ask.api, ask.stream) == (api, False)
    assert ask.model in (SAMPLES[api].model, None)
    if SAMPLES[api].operation != "embeddings":
        assert (ask.max_tokens, ask.temperature, ask.has_tools) == (64, 0.5, False)


@ROWS
def test_all_that_the_user_said_is_found(api: str) -> None:
    said = prompt_text(SAMPLES[api].request)
    if api != "cohere.embed":
        assert ASKED in said.splitlines()
    assert len(said) >= len(ASKED)


@ROWS
def test_the_last_user_text_is_cut_out_and_nothing_else(api: str) -> None:
    row = SAMPLES[api]
    before = json.dumps(row.request)
    cut = FORMATS[api].last_user_text(row.request)
    assert json.dumps(row.request) == before
    if row.cut is None:
        assert (cut.place, cut.text, cut.body) == ("", None, row.request)
        return
    assert (cut.place, cut.text) == (row.cut, ASKED)
    assert json.dumps(cut.body).replace("null", json.dumps(ASKED), 1) == before


# Kept apart.


def key(api: str, request: Any) -> Any:
    asked = KeyParts(tenant="t", namespace="n", api=api, targets=(MAIN,), requested="m", body=request)
    return derive(asked)


@ROWS
def test_what_changes_nothing_is_ignored_and_another_question_is_another_key(api: str) -> None:
    row = SAMPLES[api]
    first = key(api, row.request)
    assert key(api, {**row.request, **row.ignored, "model": "other", "stream": True}) == first
    assert key(api, {**row.request, "max_tokens": 7}).digest != first.digest
    other = key(api, json.loads(json.dumps(row.request).replace(ASKED, "And the sea?")))
    assert other.digest != first.digest
    assert (other.scope == first.scope) == (row.cut is not None)


@ROWS
def test_the_clients_tools_are_cached_and_whatever_may_run_at_the_provider_is_not(api: str) -> None:
    row = SAMPLES[api]
    assert may_lookup(row.request, api=api) == OK
    assert may_lookup({**row.request, "tools": [row.client_tool]}, api=api) == OK
    for tool in row.server_tools:
        for tools in ([tool], [row.client_tool, tool]):
            assert may_lookup({**row.request, "tools": tools}, api=api).reason == "stateful"
    for kept in (row.kept, {"tools": "auto"}, {"previous_response_id": "r"}):
        assert may_lookup({**row.request, **kept}, api=api).reason == "stateful"


@STREAMS
def test_a_stream_and_a_whole_answer_are_asked_of_the_same_address(api: str) -> None:
    addresses = set()
    for stream in (False, True):
        parts = urlsplit(sent(api, stream=stream)[0])
        addresses.add(FORMATS[api].address(f"{parts.path}?{parts.query}".rstrip("?").encode()))
    assert len(addresses) == 1


# Answered.


def check(row: Sample, reply: Reply) -> None:
    assert (reply.parsed, reply.error, reply.empty) == (True, None, False)
    assert (reply.text, reply.finish_reasons, reply.usage) == (row.text, row.finish, row.usage)


@ROWS
def test_an_answer_is_read_counted_and_may_be_stored(api: str) -> None:
    reply = whole(api)
    check(SAMPLES[api], reply)
    assert reply.body == SAMPLES[api].answer
    told = {"api": api, "asked": OK, "status": 200, "size": 9, "answered": MAIN, "targets": (MAIN,)}
    assert may_store(reply, **told) == OK
    if reply.finish_reasons:
        strange = replace(reply, finish_reasons=("never heard of",))
        assert may_store(strange, **told).reason == "unfinished"
        assert may_store(replace(reply, finish_reasons=()), **told).reason == "unfinished"


@ROWS
def test_an_error_is_no_answer_and_never_stored(api: str) -> None:
    for body in ({"error": {"message": "overloaded"}}, [], "x", {"unheard": 1}):
        reply = whole(api, body)
        assert reply.error is not None or not reply.parsed


@STREAMS
def test_a_stream_says_the_same_however_it_is_split(api: str) -> None:
    row = SAMPLES[api]
    assert row.stream is not None
    for size in (None, 1, 7, 100):
        check(row, read(api, row.stream, size=size))


@STREAMS
def test_a_cut_stream_is_not_finished(api: str) -> None:
    stream = SAMPLES[api].stream
    assert stream is not None
    reader = FORMATS[api].reader()
    reader.feed(stream[: len(stream) // 2])
    reader.end()
    assert not reader.finished


@STREAMS
def test_what_a_miss_streams_is_what_is_stored_and_what_a_hit_replays(api: str) -> None:
    """Round trips: stream, stored, stream; whole, stored, stream; and the last is as good a miss as the first."""
    row = SAMPLES[api]
    assert row.stream is not None
    missed = read(api, row.stream)
    stored = json.loads(json.dumps(missed.body))
    hit = replayed(api, stored)
    assert (hit.body, hit.text, hit.usage, hit.finish_reasons) == (stored, row.text, row.usage, row.finish)
    assert replayed(api, row.answer) == whole(api)
    check(row, whole(api, stored))


@ROWS
def test_an_api_without_streams_replays_none(api: str) -> None:
    form = FORMATS[api]
    assert (form.framing is None) == (SAMPLES[api].stream is None)
    if form.framing is None:
        assert form.replay(SAMPLES[api].answer, include_usage=True) == []
