"""Every byte as it was sent, when it was sent, however it is read."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import pytest

from beastmode_otel import instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import LIBRARIES, QUESTION, READS, STREAMED, App, chat
from instrumentation.servers import Gate, serving
from support.law import assert_law
from support.recorder import Recorder

TEXT = "Ünïcode and\r\nlines, \U0001f40d as they are."
ENCODINGS = (None, "gzip", "deflate", "br", "zstd")
FIXED = {"headers": {"x-request-id": "r", "date": "d"}}


def facts(response: Any, pieces: list[Any]) -> dict[str, Any]:
    """All that an app can see of a response which it has read."""
    joined = b"".join(pieces) if isinstance(pieces[0], bytes) else "|".join(pieces)
    return {
        "joined": joined,
        "status": response.status_code,
        "closed": response.is_closed,
        "consumed": response.is_stream_consumed,
        "downloaded": response.num_bytes_downloaded > 0,
        "encoding": response.encoding,
        "elapsed": response.elapsed.total_seconds() > 0,
        "extensions": sorted(response.extensions),
        "http": response.http_version,
        "history": response.history,
        "headers": sorted(set(response.headers) - {"date"}),
    }


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_way_to_read_is_as_without_us(encoding: Any, app: App, simulator: Simulator, recorder: Recorder) -> None:
    """Streamed and whole, in each content coding: the same facts with and without the hook, and the right tokens."""
    simulator.define("said", Behaviour(text=TEXT, encoding=encoding, input_tokens=11, output_tokens=7, **FIXED))
    url = chat(simulator, "said")

    def all_ways() -> list[dict[str, Any]]:
        found = []
        for body in (STREAMED, QUESTION):
            for how in READS:
                response = app.open(url, body)
                found.append(facts(response, app.pieces(response, how)))
        response = app.post(url)
        found.append(facts(response, [response.content]) | {"json": response.json()["choices"]})
        return found

    def steady(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Without what the provider changes each time: ids and times."""
        return [{k: v for k, v in one.items() if k not in ("joined", "json")} for one in found]

    def words(found: list[dict[str, Any]]) -> list[int]:
        return [len(one["joined"]) for one in found if isinstance(one["joined"], str) or encoding is None]

    without = all_ways()
    instrument(**recorder.providers)
    try:
        seen = all_ways()
    finally:
        uninstrument()
    assert steady(seen) == steady(without)
    assert words(seen) == words(without)
    calls = len(seen)
    assert recorder.total("beastmode.tokens", beastmode__token__type="input") == 11 * calls
    assert recorder.total("beastmode.tokens", beastmode__token__type="output") == 7 * calls
    assert recorder.total("beastmode.request.duration", beastmode__outcome="ok") == calls


def events(count: int) -> list[bytes]:
    step = b'data: {"choices":[{"index":0,"delta":{"content":"%d"}}]}\n\n'
    last = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    return [step % number for number in range(count)] + [last]


@pytest.mark.parametrize("compressed", [False, True])
def test_nothing_is_held_back(compressed: bool, app: App, hooked: Recorder) -> None:
    """The app has each piece before the server sends the next, byte for byte."""
    parts = events(5)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
    if compressed:
        parts = [gzip.compress(part) for part in parts]  # each a member of its own
        head += b"content-encoding: gzip\r\n"
    gate = Gate(parts, head + b"\r\n")
    got: list[bytes] = []
    with serving(gate.serve) as url:
        response = app.open(f"{url}/v1/chat/completions")
        chunks = response.iter_raw() if app.world == "sync" else response.aiter_raw()
        for number in range(1, len(parts) + 1):
            gate.let()
            got.append(next(chunks) if app.world == "sync" else app.run(lambda: anext(chunks)))
            assert gate.sent == number
        app.close_response(response)
        if app.world == "async":
            app.run(chunks.aclose)
    assert got == parts
    (span,) = hooked.spans()
    assert span.attributes["beastmode.outcome"] == "ok"


def test_two_readers_in_step(app: App, hooked: Recorder) -> None:
    """One that waits for its provider does not hold up another."""
    slow, quick = Gate(events(1)), Gate(events(1))
    with serving(slow.serve) as slow_url, serving(quick.serve) as quick_url:
        waiting = app.open(f"{slow_url}/v1/chat/completions")
        for _ in range(2):
            quick.let()
        assert b"".join(app.pieces(app.open(f"{quick_url}/v1/chat/completions"))) == b"".join(events(1))
        for _ in range(2):
            slow.let()
        assert b"".join(app.pieces(waiting)) == b"".join(events(1))
    assert hooked.total("beastmode.request.duration", beastmode__outcome="ok") == 2


def test_ollama_lines(app: App, simulator: Simulator, hooked: Recorder) -> None:
    """A stream of lines that nobody asked for: Ollama's default."""
    simulator.define("ollama", Behaviour(text=TEXT, input_tokens=5, output_tokens=3, chunks=4))
    url = simulator.url("ollama", path="/api/chat")
    body = QUESTION | {"options": {"seed": 1}}
    lines = app.pieces(app.open(url, body), "lines")
    assert len(lines) >= 4
    assert lines[-1].endswith("}")
    assert hooked.total("beastmode.tokens", beastmode__token__type="output") == 3
    assert_law(hooked, simulator, calls=1)


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_apps_to_raise(
    status: int, stream: bool, app: App, simulator: Simulator, hooked: Recorder
) -> None:
    simulator.define("bad", Behaviour(status=status, encoding="gzip"))
    if stream:
        response = app.open(chat(simulator, "bad"))
        app.pieces(response, "read")
    else:
        response = app.post(chat(simulator, "bad"))
    with pytest.raises(app.library.HTTPStatusError):
        response.raise_for_status()
    assert response.json()["error"]["message"]
    (span,) = hooked.spans()
    assert span.attributes["http.response.status_code"] == status
    assert span.attributes["beastmode.outcome"] == "error"
    assert_law(hooked, simulator, calls=1)


HUGE = 40 * 1024 * 1024


@pytest.mark.parametrize("stream", [False, True])
def test_huge_body_is_not_kept(stream: bool, app: App, hooked: Recorder) -> None:
    """It passes whole; of it we hold a bounded part, and say nothing that we do not know."""
    piece = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
    count = HUGE // len(piece)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    gate = Gate([piece] * count, head % HUGE)
    for _ in range(count):
        gate.let()
    got = 0
    with serving(gate.serve) as url:
        if stream:
            response = app.open(f"{url}/v1/chat/completions", QUESTION)
            got = sum(map(len, app.pieces(response)))
        else:
            got = len(app.post(f"{url}/v1/chat/completions").content)
    assert got == HUGE
    (span,) = hooked.spans()
    assert span.attributes["beastmode.outcome"] == "ok"
    assert "gen_ai.usage.input_tokens" not in span.attributes


def test_memory_of_a_huge_stream(app: App, hooked: Recorder) -> None:
    """What is held beside the app's own reading stays far below the size of the body."""
    import tracemalloc

    piece = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % (b"x" * 65_000)
    gate = Gate([piece] * 600)
    for _ in range(600):
        gate.let()
    with serving(gate.serve) as url:
        response = app.open(f"{url}/v1/chat/completions")
        tracemalloc.start()
        try:
            size = _drain(app, response)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert size == 600 * len(piece)
    assert peak < size * 0.7
    assert hooked.total("beastmode.requests.active") == 0


def _drain(app: App, response: Any) -> int:
    if app.world == "sync":
        return sum(len(piece) for piece in response.iter_raw())

    async def read() -> int:
        return sum([len(piece) async for piece in response.aiter_raw()])

    return app.run(read)


@pytest.mark.parametrize("stream", [False, True])
def test_body_that_cannot_be_decoded(stream: bool, app: App, hooked: Recorder) -> None:
    """The library raises what it always raises; the call's error says what was wrong."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-encoding: gzip\r\n\r\n"
    gate = Gate([b"this is no gzip, whatever its head says"], head)
    gate.let()
    with serving(gate.serve) as url:
        if stream:
            response = app.open(f"{url}/v1/chat/completions", QUESTION)
            with pytest.raises(app.library.DecodingError):
                app.pieces(response, "read")
            app.close_response(response)
        else:
            with pytest.raises(app.library.DecodingError):
                app.post(f"{url}/v1/chat/completions")
    (span,) = hooked.spans()
    assert span.attributes["error.type"] == "decoding_error"
    assert hooked.total("beastmode.requests.active") == 0


def test_closed_by_another_thread_while_reading(simulator: Simulator, hooked: Recorder) -> None:
    """As a user interface does it; the reader hears of it as it would without us, and the call has one end."""
    simulator.define("slow", Behaviour(chunks=3, chunk_delay=0.05))
    for library in LIBRARIES.values():
        with library.Client() as client:
            request = client.build_request("POST", chat(simulator, "slow"), json=STREAMED)
            response = client.send(request, stream=True)
            chunks = response.iter_raw()
            next(chunks)
            closing = threading.Thread(target=response.close)
            closing.start()
            closing.join()
            with pytest.raises((library.HTTPError, library.StreamError, StopIteration)):  # noqa: PT012
                while True:
                    next(chunks)
    assert hooked.total("beastmode.request.duration") == 2
    assert hooked.total("beastmode.requests.active") == 0
