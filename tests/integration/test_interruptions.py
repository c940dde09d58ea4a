"""What the HTTP library did not raise goes through as it is: recorded, nothing retried, nothing served for it."""

from __future__ import annotations

import asyncio
import copy
import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import httpx2
import pytest

from beastmode_otel import ModelRouter, UpstreamError, instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import DRIVERS, QUESTION
from support.law import assert_law
from support.recorder import Recorder

LIBRARIES = {"httpx": httpx, "httpx2": httpx2}
STALE = {"mode": "on", "l1": {"ttl": 0.05}, "l3": {"url": "off"}, "stale_if_error": 60}
FRESH = {"mode": "on", "l3": {"url": "off"}}
STUCK = Behaviour(latency=30.0)
STUCK_STREAM = Behaviour(text="one two three", chunks=3, chunk_delay=30.0)
ACTIONS = {"route": STUCK, "read": STUCK_STREAM}


class SoftTimeLimitExceeded(Exception):
    """As Celery's."""


class Late(TimeoutError):
    """As many recipes with signal.alarm have it."""


RAISED = [SoftTimeLimitExceeded, Late, TimeoutError, ConnectionResetError, RuntimeError, ValueError]


@contextmanager
def soft_limit(kind: type[Exception], when: Callable[[], bool]) -> Iterator[list[Exception]]:
    """A handler that raises in the main thread once `when` holds; what it has raised."""
    raised: list[Exception] = []

    def handler(_: object, number: int, frame: Any) -> None:
        raised.append(kind("soft limit"))
        raise raised[0]

    def watch() -> None:
        while not when():
            if over.wait(0.005):
                return
        time.sleep(0.05)
        if not over.is_set():
            signal.pthread_kill(main, signal.SIGALRM)

    over, main = threading.Event(), threading.main_thread().ident or 0
    before = signal.signal(signal.SIGALRM, functools.partial(handler, None))
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield raised
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGALRM, before)


def config(simulator: Simulator, **more: Any) -> dict[str, Any]:
    """A deployment that the tests break, and a spare that would answer."""
    simulator.define("spare", Behaviour(text="from the spare"))
    names = ("first", "spare")
    made = {name: {"kind": "openai", "base_url": simulator.url(name), "model": "m", "api_key": "k"} for name in names}
    both = [{"name": name, "order": order} for order, name in enumerate(names, 1)]
    return {"deployments": made, "routes": {"both": {"deployments": both}}, **more}


def was_recorded(recorder: Recorder, simulator: Simulator, *, calls: int = 1) -> None:
    assert_law(recorder, simulator, calls=calls)
    assert recorder.total("beastmode.errors", error__type="_OTHER") == 1
    attempts = [
        dict(span.attributes or {}) for span in recorder.spans() if "beastmode.attempt" in (span.attributes or {})
    ]
    assert (attempts[-1]["beastmode.outcome"], attempts[-1]["error.type"]) == ("error", "_OTHER")
    assert recorder.total("beastmode.retries") == recorder.total("beastmode.fallbacks") == 0


@pytest.mark.parametrize("cache", [{"mode": "off"}, FRESH, STALE], ids=["off", "on", "stale"])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("kind", RAISED)
def test_a_signal_during_a_request(
    kind: type[Exception], action: str, cache: Any, simulator: Simulator, recorder: Recorder
) -> None:
    good = Behaviour(text="an old answer")
    simulator.define("first", *([good] if cache is STALE else []), ACTIONS[action])
    driver = DRIVERS["sync"](simulator, config(simulator, cache=cache), **recorder.providers)
    before = 0
    if cache is STALE:
        driver.act("route", "both", copy.deepcopy(QUESTION))
        time.sleep(0.1)
        before = 1
    with soft_limit(kind, lambda: simulator.received > before and simulator.in_flight > 0) as raised:
        got = driver.act(action, "both", copy.deepcopy(QUESTION))
    driver.close()
    assert got is raised[0]
    assert simulator.received_by("spare") == 0
    was_recorded(recorder, simulator, calls=before + 1)


def test_a_signal_between_two_tries(simulator: Simulator, recorder: Recorder) -> None:
    simulator.define("first", Behaviour(status=500))
    made = config(simulator, retry={"base": 30.0, "cap": 60.0, "per_deployment": 1})
    made["routes"]["both"]["deployments"].pop()
    driver = DRIVERS["sync"](simulator, made, **recorder.providers)
    with soft_limit(Late, lambda: simulator.received == 1 and simulator.in_flight == 0) as raised:
        got = driver.act("route", "both", copy.deepcopy(QUESTION))
    driver.close()
    assert got is raised[0]
    assert_law(recorder, simulator, calls=1)


@pytest.mark.parametrize("kind", [MemoryError, RecursionError])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_process_without_room_asks_no_spare(
    library: str, kind: type[Exception], simulator: Simulator, recorder: Recorder
) -> None:
    """Also where the HTTP library itself has run out of it."""
    raised = kind("no room")
    below: dict[str, Any] = {"__name__": "h11._connection", "raised": raised}
    exec("def next_event(): raise raised", below)
    module = LIBRARIES[library]

    class Transport(module.HTTPTransport):  # type: ignore[name-defined,misc]
        def handle_request(self, request: Any) -> Any:
            return below["next_event"]()

    with module.Client(transport=Transport()) as client:
        router = ModelRouter(config(simulator, cache=FRESH), client=client, **recorder.providers)
        with router, pytest.raises(kind) as got:
            router.route("both", copy.deepcopy(QUESTION))
    assert got.value is raised
    assert simulator.received == 0
    assert recorder.total("beastmode.errors", error__type="_OTHER") == 1
    assert recorder.total("beastmode.retries") == recorder.total("beastmode.fallbacks") == 0
    assert recorder.total("beastmode.requests.active") == 0


@pytest.mark.parametrize("kind", [SoftTimeLimitExceeded, Late])
def test_who_waits_for_the_same_leads_anew(kind: type[Exception], simulator: Simulator, recorder: Recorder) -> None:
    """The interrupted leader's exception is no other thread's."""
    simulator.define("first", STUCK, Behaviour(text="asked anew"))
    driver = DRIVERS["sync"](simulator, config(simulator, cache=FRESH), **recorder.providers)
    others: list[Any] = []

    def wait() -> None:
        others.append(driver.act("route", "both", copy.deepcopy(QUESTION)))

    threads = [threading.Thread(target=wait) for _ in range(3)]

    def leads() -> bool:
        if simulator.in_flight and not threads[0].ident:
            for thread in threads:
                thread.start()
            time.sleep(0.1)
        return bool(threads[0].ident)

    with soft_limit(kind, leads) as raised:
        got = driver.act("route", "both", copy.deepcopy(QUESTION))
        for thread in threads:
            thread.join()
    driver.close()
    assert got is raised[0]
    assert [answer.text for answer in others] == ["asked anew"] * 3
    assert simulator.received == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", RAISED)
def test_a_signal_under_the_hook(
    kind: type[Exception], library: str, stream: bool, simulator: Simulator, recorder: Recorder
) -> None:
    """The app gets what it would get without us, and no expired answer in its place."""
    simulator.define("first", Behaviour(text="an old answer"), STUCK)
    body = {"model": "gpt-4o-mini", **QUESTION, "stream": stream}
    url = f"{simulator.url('first')}/chat/completions"
    instrument(cache=STALE, **recorder.providers)
    try:
        with LIBRARIES[library].Client(timeout=60) as client:
            client.post(url, json=body | {"stream": False})
            time.sleep(0.1)
            with (
                soft_limit(kind, lambda: simulator.received == 2 and simulator.in_flight > 0) as raised,
                pytest.raises(Exception) as got,
            ):
                client.post(url, json=body)
    finally:
        uninstrument()
    mapped = {"Late": "ReadTimeout", "TimeoutError": "ReadTimeout", "ConnectionResetError": "ReadError"}
    if kind.__name__ in mapped:  # by httpcore, with or without us
        assert type(got.value).__name__ == mapped[kind.__name__]
    else:
        assert got.value is raised[0]
    assert not getattr(got.value, "__notes__", [])
    was_recorded(recorder, simulator, calls=2)


# What a client that the team has passed in raises, in both worlds.


class Transport:
    """Raises before the head, or in the body's middle."""

    def __init__(self, error: Exception, *, mid: bool, library: Any) -> None:
        self.asked = 0
        self._error, self._mid, self._library = error, mid, library

    def _pieces(self) -> Iterator[bytes]:
        yield b'data: {"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
        raise self._error

    def answer(self, stream: Any) -> Any:
        self.asked += 1
        if not self._mid:
            raise self._error
        return self._library.Response(200, headers={"content-type": "text/event-stream"}, stream=stream(self._pieces()))


def client_raising(library: Any, world: str, transport: Transport) -> Any:
    class Body(library.SyncByteStream, library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, pieces: Iterator[bytes]) -> None:
            self._pieces = pieces

        def __iter__(self) -> Iterator[bytes]:
            return self._pieces

        async def __aiter__(self) -> Any:
            for piece in self._pieces:
                yield piece

    class Blocking(library.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            return transport.answer(Body)

    class Asynchronous(library.AsyncBaseTransport):  # type: ignore[misc]
        async def handle_async_request(self, request: Any) -> Any:
            return transport.answer(Body)

    if world == "sync":
        return library.Client(transport=Blocking())
    return library.AsyncClient(transport=Asynchronous())


@pytest.mark.parametrize("cache", [{"mode": "off"}, FRESH], ids=["off", "on"])
@pytest.mark.parametrize("action", ["route", "read", "mid"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("world", DRIVERS)
def test_an_exception_of_somebody_elses(
    world: str, library: str, action: str, cache: Any, simulator: Simulator, recorder: Recorder
) -> None:
    error = SoftTimeLimitExceeded("theirs")
    transport = Transport(error, mid=action == "mid", library=LIBRARIES[library])
    client = client_raising(LIBRARIES[library], world, transport)
    driver = DRIVERS[world](simulator, config(simulator, cache=cache), client=client, **recorder.providers)
    got = driver.act("read" if action == "mid" else action, "both", copy.deepcopy(QUESTION))
    driver.close()
    assert got is error
    assert transport.asked == 1
    assert recorder.total("beastmode.requests.active") == 0
    assert recorder.total("beastmode.errors", error__type="_OTHER") == 1


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("world", DRIVERS)
def test_what_the_library_and_the_system_raise_is_a_failure(world: str, library: str, simulator: Simulator) -> None:
    """Also where a transport of the team's own says it, and where the library says it with a built-in exception."""
    module = LIBRARIES[library]
    for error in (module.ConnectError("x"), ConnectionResetError("x"), module.ReadTimeout("x"), OSError(5, "x")):
        transport = Transport(error, mid=False, library=module)
        driver = DRIVERS[world](
            simulator, config(simulator, retry={"per_deployment": 0}), client=client_raising(module, world, transport)
        )
        got = driver.act("route", "both", copy.deepcopy(QUESTION))
        driver.close()
        assert isinstance(got, UpstreamError)
        assert {attempt.deployment for attempt in got.attempts} == {"first", "spare"}
    client = getattr(module, "Client" if world == "sync" else "AsyncClient")()
    asyncio.run(client.aclose()) if world == "async" else client.close()
    driver = DRIVERS[world](simulator, config(simulator, retry={"per_deployment": 0}), client=client)
    got = driver.act("route", "both", copy.deepcopy(QUESTION))
    driver.close()
    assert isinstance(got, UpstreamError)
    assert type(got.__cause__) is RuntimeError
