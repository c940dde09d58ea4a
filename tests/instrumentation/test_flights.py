"""Many callers of an app that ask the same at the same time: one call, and nobody pays for another's bad luck."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import LIBRARIES, QUESTION, Tasks, chat
from support.crowd import wait_until
from support.law import assert_law
from support.recorder import Recorder

MARK = "x-beastmode-cache"
CALLERS = 8


class Crowd:
    """Threads with one blocking client, or tasks of one loop in a thread with one asynchronous client."""

    def __init__(self, library: Any, world: str, **options: Any) -> None:
        self.world = world
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        self.client = library.Client(**options) if world == "sync" else library.AsyncClient(**options)

    def begin(self, url: str, **options: Any) -> Callable[[], Any]:
        """Starts a call; what comes back waits for its response, or gives the exception."""
        if self.world == "async":
            task = asyncio.run_coroutine_threadsafe(self.client.post(url, json=QUESTION, **options), self.loop)
            return _Handle(task)
        found: list[Any] = []

        def run() -> None:
            try:
                found.append(self.client.post(url, json=QUESTION, **options))
            except BaseException as exc:
                found.append(exc)

        thread = threading.Thread(target=run)
        thread.start()
        return lambda: (thread.join(20), found[0])[1]

    def close(self) -> None:
        if self.world == "sync":
            self.client.close()
        else:
            asyncio.run_coroutine_threadsafe(self.client.aclose(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()


class _Handle:
    def __init__(self, task: Any) -> None:
        self.task = task

    def __call__(self) -> Any:
        try:
            return self.task.result(20)
        except BaseException as exc:
            return exc


@pytest.fixture
def crowd(kind: tuple[str, str]) -> Any:
    made = Crowd(LIBRARIES[kind[0]], kind[1])
    yield made
    made.close()


def statuses(answers: list[Any]) -> list[Any]:
    return sorted((getattr(answer, "status_code", type(answer).__name__) for answer in answers), key=str)


def test_one_call_for_all(crowd: Crowd, simulator: Simulator, cached: Recorder) -> None:
    simulator.define("slow", Behaviour(latency=0.3))
    calls = [crowd.begin(chat(simulator, "slow")) for _ in range(CALLERS)]
    answers = [call() for call in calls]
    assert statuses(answers) == [200] * CALLERS
    assert simulator.received == 1
    assert len({answer.text for answer in answers}) == 1
    marks = sorted(answer.headers.get(MARK, "") for answer in answers)
    assert marks[0] == ""
    assert set(marks[1:]) <= {"hit; tier=flight", "hit; tier=l1"}
    assert_law(cached, simulator, calls=CALLERS)


def test_both_worlds_and_libraries_at_once(simulator: Simulator, cached: Recorder) -> None:
    simulator.define("slow", Behaviour(latency=1.5))
    crowds = [Crowd(library, world) for library in LIBRARIES.values() for world in ("sync", "async")]
    calls = [crowd.begin(chat(simulator, "slow")) for crowd in crowds for _ in range(3)]
    answers = [call() for call in calls]
    for crowd in crowds:
        crowd.close()
    assert statuses(answers) == [200] * 12
    assert simulator.received == 1
    assert_law(cached, simulator, calls=12)


@pytest.mark.parametrize("first", [Behaviour(latency=0.3, status=500), Behaviour(latency=0.3, drop=True)])
def test_leader_that_fails(first: Behaviour, crowd: Crowd, simulator: Simulator, cached: Recorder) -> None:
    """Its error is its own: the others call themselves."""
    simulator.define("fails", first, Behaviour())
    calls = [crowd.begin(chat(simulator, "fails")) for _ in range(CALLERS)]
    answers = statuses([call() for call in calls])
    assert answers.count(200) == CALLERS - 1
    assert simulator.received <= CALLERS
    assert_law(cached, simulator, calls=CALLERS)


def test_leader_whose_answer_may_not_be_stored(crowd: Crowd, simulator: Simulator, cached: Recorder) -> None:
    """Nobody else is given it."""
    simulator.define("cut", Behaviour(latency=0.2, finish_reason="length"))
    answers = [call() for call in [crowd.begin(chat(simulator, "cut")) for _ in range(4)]]
    assert statuses(answers) == [200] * 4
    assert all(MARK not in answer.headers for answer in answers)
    assert simulator.received == 4


@pytest.mark.parametrize("library", LIBRARIES)
def test_leader_that_is_cancelled(library: str, simulator: Simulator, cached: Recorder) -> None:
    """One of those who wait takes over; the others wait on."""
    simulator.define("slow", Behaviour(latency=1.0))
    crowd = Crowd(LIBRARIES[library], "async")
    leader: Any = crowd.begin(chat(simulator, "slow"))
    wait_until(lambda: simulator.in_flight == 1)
    others = [crowd.begin(chat(simulator, "slow")) for _ in range(4)]
    wait_until(lambda: cached.total("beastmode.requests.active") == 5)
    leader.task.cancel()
    answers = [call() for call in others]
    crowd.close()
    assert statuses(answers) == [200] * 4
    assert simulator.received == 2
    assert sum(MARK in answer.headers for answer in answers) == 3
    assert cached.total("beastmode.request.duration", beastmode__outcome="cancelled") == 1
    assert_law(cached, simulator, calls=5)


@pytest.mark.parametrize("library", LIBRARIES)
def test_waiter_that_is_cancelled(library: str, simulator: Simulator, cached: Recorder) -> None:
    simulator.define("slow", Behaviour(latency=1.0))
    crowd = Crowd(LIBRARIES[library], "async")
    leader = crowd.begin(chat(simulator, "slow"))
    wait_until(lambda: simulator.in_flight == 1)
    waiter: Any = crowd.begin(chat(simulator, "slow"))
    wait_until(lambda: cached.total("beastmode.requests.active") == 2)
    waiter.task.cancel()
    wait_until(lambda: cached.total("beastmode.requests.active") == 1)
    assert leader().status_code == 200
    crowd.close()
    assert_law(cached, simulator, calls=2)


def test_nobody_waits_longer_than_for_a_call_of_its_own(crowd: Crowd, simulator: Simulator, cached: Recorder) -> None:
    """A patient leader's call hangs; an impatient app asks for itself, and is answered."""
    simulator.define("first hangs", Behaviour(latency=90.0), Behaviour())
    leader = crowd.begin(chat(simulator, "first hangs"), timeout=120)
    wait_until(lambda: simulator.in_flight == 1)
    answer = crowd.begin(chat(simulator, "first hangs"), timeout=1.5)()
    assert answer.status_code == 200
    assert MARK not in answer.headers
    wait_until(lambda: simulator.in_flight == 1)  # the leader has not come back yet
    simulator.stop()
    assert isinstance(leader(), Exception)


def test_streams_are_never_shared_on_the_way(simulator: Simulator, cached: Recorder) -> None:
    """Each reader of a stream that is under way has one of its own; what one left behind serves the next."""
    simulator.define("slow", Behaviour(chunks=4, chunk_delay=0.02))
    app = Tasks(LIBRARIES["httpx2"])
    streams = [app.open(chat(simulator, "slow")) for _ in range(3)]
    for stream in streams:
        assert b"[DONE]" in b"".join(app.pieces(stream))
    assert simulator.received == 3
    assert MARK in app.open(chat(simulator, "slow")).headers
    app.close()
    assert_law(cached, simulator, calls=4)


def test_blocking_call_inside_a_loop_that_leads(simulator: Simulator, cached: Recorder) -> None:
    """A task waits for its call; the loop's own thread makes the same one, blocking: it does not wait for itself."""
    simulator.define("slow", Behaviour(latency=0.2))
    app = Tasks(LIBRARIES["httpx2"])

    async def go() -> int:
        task = asyncio.create_task(app.client.post(chat(simulator, "slow"), json=QUESTION))
        while not simulator.in_flight:
            await asyncio.sleep(0.005)
        with LIBRARIES["httpx"].Client() as blocking:
            inside = blocking.post(chat(simulator, "slow"), json=QUESTION)
        return inside.status_code + (await task).status_code

    assert app.run(go) == 400
    app.close()
    assert simulator.received == 2
    assert_law(cached, simulator, calls=2)
