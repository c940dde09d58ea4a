"""Every way in which an app can be done with a call: told once, as what it was."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from typing import Any

import pytest

from beastmode_otel import instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import LIBRARIES, QUESTION, STREAMED, App, Blocking, Tasks, chat, make, transport_of
from support.law import assert_law
from support.recorder import Recorder

SLOW = Behaviour(chunks=6, chunk_delay=0.4)  # not over before it is left, however busy the machine is
STUCK = Behaviour(latency=20.0)


def outcomes(recorder: Recorder) -> list[tuple[Any, Any]]:
    found = [span.attributes or {} for span in recorder.spans()]
    return [(each["beastmode.outcome"], each.get("error.type")) for each in found]


def test_reading_stops_early(app: App, simulator: Simulator, hooked: Recorder) -> None:
    """Left by `break` or closed early, it is cancelled; read to its last event, and closed late or never, ok."""
    simulator.define("slow", SLOW)
    app.break_off(chat(simulator, "slow"))
    gc.collect()
    app.close_response(app.open(chat(simulator, "slow")))
    response = app.open(chat(simulator, "slow"))
    app.some(response, 2)
    app.close_response(response)
    assert outcomes(hooked) == [("cancelled", None)] * 3
    response = app.open(chat(simulator))
    app.pieces(response)
    never_closed = app.open(chat(simulator))
    while b"[DONE]" not in app.some_more(never_closed):
        pass
    assert outcomes(hooked)[3:] == [("ok", None)] * 2
    app.close_response(never_closed)
    assert_law(hooked, simulator, calls=5)


def test_bare_break(simulator: Simulator, hooked: Recorder) -> None:
    """httpx2 closes the response with its iterator, which is an end; httpx leaves it to whoever finds it."""
    simulator.define("slow", SLOW)
    for library in LIBRARIES.values():
        app = Blocking(library)
        for _ in app.open(chat(simulator, "slow")).iter_lines():
            break
        gc.collect()
        app.close()
    assert_law(hooked, simulator, calls=2)
    assert outcomes(hooked) == [("abandoned", None), ("cancelled", None)]


def test_abandoned_to_the_collector(app: App, simulator: Simulator, hooked: Recorder) -> None:
    """In a circle that only the garbage collector finds."""
    simulator.define("slow", SLOW)
    app.abandon(chat(simulator, "slow"))
    assert_law(hooked, simulator, calls=1)
    ((outcome, error),) = outcomes(hooked)
    # The loop closes what the collector has found, as the app itself would.
    assert (outcome in ("abandoned", "cancelled"), error) == (True, None)
    assert outcome == "abandoned" or app.world == "async"


def test_kept_and_forgotten(
    app: App, simulator: Simulator, recorder: Recorder, tmp_path: Any, monkeypatch: Any
) -> None:
    """A response that somebody holds and nobody reads is given up after the idle limit, whole answers too."""
    config = tmp_path / "beastmode.toml"
    config.write_text("timeouts = { idle = 0.05 }\n")
    monkeypatch.setenv("BEASTMODE_CONFIG", str(config))
    simulator.define("slow", SLOW)
    instrument(**recorder.providers)
    try:
        held = [app.open(chat(simulator, "slow")), app.open(chat(simulator), QUESTION)]
        app.some(held[0], 1)
        until = time.monotonic() + 20
        while len(recorder.spans()) < 2 and time.monotonic() < until:
            time.sleep(0.05)
            recorder.metrics()
        assert outcomes(recorder) == [("abandoned", None)] * 2
        for response in held:
            app.close_response(response)  # too late to change anything
        assert_law(recorder, simulator, calls=2)
    finally:
        uninstrument()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("stream", [False, True])
def test_cancelled_task(stream: bool, library: str, simulator: Simulator, hooked: Recorder) -> None:
    simulator.define("stuck", STUCK)
    simulator.define("slow", Behaviour(chunks=3, chunk_delay=20.0))
    app = Tasks(LIBRARIES[library])

    async def go() -> None:
        async def call() -> None:
            if not stream:
                await app.client.post(chat(simulator, "stuck"), json=QUESTION)
                return
            async with app.client.stream("POST", chat(simulator, "slow"), json=STREAMED) as response:
                async for _ in response.aiter_bytes():
                    reading.set()

        reading = asyncio.Event()
        task = asyncio.create_task(call())
        if stream:
            await reading.wait()
        while not simulator.in_flight:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    app.run(go)
    app.close()
    assert outcomes(hooked) == [("cancelled", None)]
    assert_law(hooked, simulator, calls=1)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("stream", [False, True])
def test_keyboard_interrupt(stream: bool, library: str, simulator: Simulator, hooked: Recorder) -> None:
    simulator.define("stuck", STUCK)
    simulator.define("slow", Behaviour(chunks=3, chunk_delay=20.0))
    app = Blocking(LIBRARIES[library])

    def strike() -> None:
        while not simulator.in_flight:
            time.sleep(0.005)
        time.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    striking = threading.Thread(target=strike)
    striking.start()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        if stream:
            with app.client.stream("POST", chat(simulator, "slow"), json=STREAMED) as response:
                list(response.iter_bytes())
        else:
            app.post(chat(simulator, "stuck"))
    striking.join()
    app.close()
    assert outcomes(hooked) == [("cancelled", None)]
    assert_law(hooked, simulator, calls=1)


FAULTS = {
    "cut": (Behaviour(cut_after=1), "stream_truncated"),
    "error": (Behaviour(error_event_after=1), "server_error"),
    "reset": (Behaviour(reset=True), "connection_reset"),
    "drop": (Behaviour(drop=True), "connection_reset"),
    "html": (Behaviour(html=True), "invalid_response"),
    "wrong": (Behaviour(wrong_json=True), "invalid_response"),
    "late": (STUCK, "read_timeout"),
    "lull": (Behaviour(chunks=3, chunk_delay=20.0), "read_timeout"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_on_the_way(fault: str, kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    """The app sees the library's own exceptions, with a note on them; telemetry has the category."""
    behaviour, category = FAULTS[fault]
    simulator.define("bad", behaviour)
    patience = 1.0 if category == "read_timeout" else 20.0
    app = make(*kind, timeout=LIBRARIES[kind[0]].Timeout(20.0, read=patience))
    raised: BaseException | None = None
    try:
        app.pieces(app.open(chat(simulator, "bad")))
    except LIBRARIES[kind[0]].HTTPError as exc:
        raised = exc
    app.close()
    assert outcomes(hooked) == [("error", category)]
    assert (raised is not None) == (fault in ("cut", "reset", "drop", "late", "lull"))
    if raised is not None:
        assert [note for note in raised.__notes__ if note.startswith(f"beastmode_otel: {category}")]
    assert_law(hooked, simulator, calls=1)


CLASSES = {
    "ConnectTimeout": "connect_timeout",
    "ReadTimeout": "read_timeout",
    "WriteTimeout": "write_timeout",
    "PoolTimeout": "pool_timeout",
    "ConnectError": "connection_failed",
    "ReadError": "connection_reset",
    "WriteError": "connection_reset",
    "CloseError": "connection_reset",
    "NetworkError": "connection_failed",
    "TimeoutException": "read_timeout",
    "ProxyError": "connection_failed",
    "UnsupportedProtocol": "invalid_url",
    "LocalProtocolError": "protocol_error",
    "RemoteProtocolError": "protocol_error",
    "ProtocolError": "connection_failed",
    "DecodingError": "decoding_error",
    "TooManyRedirects": "redirect_loop",
    "TransportError": "connection_failed",
    "RequestError": "_OTHER",
    "HTTPError": "_OTHER",
}


def test_every_class_of_the_library_is_known() -> None:
    """A class that comes new with a release must be looked at."""
    for library in LIBRARIES.values():
        kinds = {name for name in dir(library) if _is_error(getattr(library, name), library)}
        assert kinds - {"HTTPStatusError", "SSEError"} == set(CLASSES)  # those two are raised after the call


def _is_error(found: Any, library: Any) -> bool:
    return isinstance(found, type) and issubclass(found, library.HTTPError)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_told_apart(name: str, kind: tuple[str, str], hooked: Recorder) -> None:
    library, world = LIBRARIES[kind[0]], kind[1]

    def fail(request: Any) -> Any:
        raise getattr(library, name)("as told")

    app = make(*kind, transport=transport_of(library, world, fail))
    for act in (app.post, app.open):
        with pytest.raises(getattr(library, name), match="as told"):
            act("http://llm.example/v1/chat/completions")
    app.close()
    assert outcomes(hooked) == [("error", CLASSES[name])] * 2


UNREACHABLE = {
    "refused_url": "connection_refused",
    "dns_failure_url": "dns_error",
    "tls_url": "tls_handshake",
    "blackhole_url": "connect_timeout",
}


@pytest.mark.parametrize("where", UNREACHABLE)
def test_nothing_was_sent(where: str, kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    app = make(*kind, timeout=LIBRARIES[kind[0]].Timeout(10.0, connect=0.3), trust_env=False)
    with pytest.raises(LIBRARIES[kind[0]].TransportError):
        app.post(getattr(simulator, where)() + "/chat/completions")
    app.close()
    (span,) = hooked.spans()
    assert (span.attributes["error.type"], span.attributes["beastmode.attempt.sent"]) == (UNREACHABLE[where], False)
