"""Identical requests at the same time: one call upstream, and an end of its own for everybody."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import AsyncModelRouter, UpstreamError
from beastmode_otel.engine.shared_stream import SharedStream
from beastmode_otel.runtime import AsyncioRuntime, BlockingRuntime, run_sync
from beastmode_otel.simulator import Behaviour, Simulator
from beastmode_otel.wire import Chunk
from support.crowd import CROWDS, Crowd, wait_until
from support.drivers import QUESTION
from support.law import assert_law
from support.recorder import Recorder
from telemetry.cache_expected import Asked, collapsed, hit, miss, traces
from telemetry.cache_stage import WITH_USAGE, Stage, ask, l3_of
from telemetry.matrix import GOOD, TEXT, Try

WAITERS = 3
# Long enough for everybody to come in time on a busy machine.
SLOW = replace(GOOD, latency=0.8)
SLOW_ERROR = Behaviour(status=500, latency=0.8)
SLOW_STREAM = replace(GOOD, chunks=8, first_token=0.6, chunk_delay=0.05)
ERROR = Try(deployment="a", outcome="error", category="server_error", status=500, code="server_error")


@pytest.fixture(params=CROWDS)
def stage(request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(request.param, simulator, recorder, tmp_path)
    yield made
    made.close()


def under_way(stage: Stage, count: int = 1) -> None:
    """Until the upstream has `count` requests."""
    wait_until(lambda: stage.simulator.received >= count)


def begun(stage: Stage) -> None:
    """Until every call so far was begun."""
    wait_until(lambda: stage.recorder.total("beastmode.requests.started") == stage.calls)


def lead_and_follow(stage: Stage, router: Crowd, action: str = "route", **options: Any) -> tuple[Any, list[Any]]:
    """A leader whose call is under way, and those who wait for it."""
    leader = stage.begin(router, action, **options)
    under_way(stage)
    waiters = [stage.begin(router, action, **options) for _ in range(WAITERS)]
    begun(stage)
    return leader, waiters


def text_of(result: Any) -> str:
    assert not isinstance(result, BaseException), result
    chunks, answer = result if isinstance(result, tuple) else (None, result)
    assert chunks is None or "".join(chunk.text for chunk in chunks) == answer.text
    return str(answer.text)


def test_waiters_of_a_stream_read_the_same_stream(stage: Stage) -> None:
    """Those who come later get everything from the first chunk on."""
    stage.behave(SLOW_STREAM)
    router = stage.router()
    leader, waiters = lead_and_follow(stage, router, "read")
    assert {text_of(caller.result()) for caller in (leader, *waiters)} == {TEXT}
    stage.read(router)
    stage.check(miss(stream=True), *[collapsed(stream=True)] * WAITERS, hit(stream=True))


@pytest.mark.parametrize("leads", [True, False], ids=["the leader asks", "a follower asks"])
def test_usage_is_for_whoever_asked_for_it(stage: Stage, leads: bool) -> None:
    """Sharing a stream does not share its options."""
    stage.behave(SLOW_STREAM)
    router = stage.router()
    first = stage.begin(router, "read", request=WITH_USAGE if leads else QUESTION)
    under_way(stage)
    second = stage.begin(router, "read", request=QUESTION if leads else WITH_USAGE)
    found = [caller.result()[0][-1].usage_only for caller in (first, second)]
    assert found == [leads, not leads]
    stage.check(miss(stream=True), collapsed(stream=True))


@pytest.mark.parametrize("action", ["route", "read"])
def test_a_failing_leader(stage: Stage, action: str) -> None:
    """Its error is everybody's, each in a copy; nothing is stored; the attempt is told once."""
    stage.behave(SLOW_ERROR, GOOD)
    router = stage.router()
    leader, waiters = lead_and_follow(stage, router, action)
    errors = [leader.result(), *(waiter.result() for waiter in waiters)]
    assert all(isinstance(error, UpstreamError) for error in errors), errors
    assert len({id(error) for error in errors}) == 1 + WAITERS
    assert {str(error) for error in errors} == {str(errors[0])}
    assert all(len(error.attempts) == 1 for error in errors)
    assert stage.act(router, action)
    stream = action == "read"
    failed = {"outcome": "error", "category": "server_error", "stream": stream, "cost": None}
    told = {"http.response.status_code": 500, "beastmode.error.code": "server_error"}
    theirs = collapsed(saved=False, beside=told, **failed)
    stage.check(miss(put=None, tries=(ERROR,), **failed), *[theirs] * WAITERS, miss(stream=stream))


@pytest.mark.parametrize("name", ["cut", "error event"])
def test_a_shared_stream_that_breaks(name: str, stage: Stage) -> None:
    """Every reader hears of it, behind the chunks that came; nobody takes half an answer for a whole one."""
    broken = {"cut": {"cut_after": 4}, "error event": {"error_event_after": 4}}[name]
    stage.behave(replace(SLOW_STREAM, **broken), GOOD)
    router = stage.router()
    leader, waiters = lead_and_follow(stage, router, "read")
    for caller in (leader, *waiters):
        assert isinstance(caller.result(), UpstreamError)
    assert stage.route(router).cache.status == "miss"
    assert stage.simulator.received == 2


def test_a_cancelled_leader(stage: Stage) -> None:
    """asyncio: its call goes on for those who wait. Threads: it dies with its thread, and a waiter asks anew."""
    stage.behave(SLOW)
    router = stage.router()
    leader, waiters = lead_and_follow(stage, router)
    leader.cancel()
    ended = leader.result()
    assert isinstance(ended, BaseException)
    assert not isinstance(ended, Exception)
    assert {text_of(waiter.result()) for waiter in waiters} == {TEXT}
    assert stage.simulator.received == (1 if stage.world == "async" else 2)
    stage.route(router)
    if stage.world == "async":
        gone = miss(outcome="cancelled", cost=None, attempts=1)
        stage.check(gone, *[collapsed()] * WAITERS, hit())
        return
    leader_told, *others, again = traces(stage.recorder)
    assert (told(leader_told, "outcome"), told(leader_told, "attempts")) == ("cancelled", 1)
    assert told(again, "cache.status") == "hit"
    assert sorted(told(one, "attempts") for one in others) == [0] * (WAITERS - 1) + [1]
    assert sum(bool(told(one, "cache.collapsed")) for one in others) == WAITERS - 1
    stage.close()


def told(spans: list[Any], key: str) -> Any:
    return spans[0].attributes.get(f"beastmode.{key}")


def test_a_cancelled_leader_of_a_stream(stage: Stage) -> None:
    """The others read on."""
    stage.behave(SLOW_STREAM)
    router = stage.router()
    leader = stage.begin(router, "with_break")
    under_way(stage)
    readers = [stage.begin(router, "read") for _ in range(WAITERS)]
    begun(stage)
    assert leader.result() is None
    assert {text_of(reader.result()) for reader in readers} == {TEXT}
    left = miss(stream=True, outcome="cancelled", cost=None, attempts=1)
    stage.route(router)
    stage.check(left, *[collapsed(stream=True)] * WAITERS, hit())


def test_a_cancelled_waiter(stage: Stage) -> None:
    """Nobody else notices."""
    stage.behave(SLOW)
    router = stage.router()
    leader, waiters = lead_and_follow(stage, router)
    if stage.world == "sync":  # a thread that waits for a lock cannot be interrupted from outside, but by its own clock
        late = stage.act(router, "route", timeout={"total": 0.05})
        assert isinstance(late, UpstreamError)
        assert late.category.name == "total_timeout"
        gone = Asked(status="miss", outcome="error", category="total_timeout", deployment=None)
    else:
        victim = stage.begin(router, "route")
        begun(stage)
        victim.cancel()
        assert isinstance(victim.result(), asyncio.CancelledError)
        gone = Asked(status="miss", outcome="cancelled", deployment=None)
    assert {text_of(caller.result()) for caller in (leader, *waiters)} == {TEXT}
    gone = replace(gone, collapsed=stage.world == "sync")
    stage.check(miss(), *[collapsed()] * WAITERS, gone)


def test_a_cancelled_reader_of_a_shared_stream(stage: Stage) -> None:
    """Nobody else notices."""
    stage.behave(SLOW_STREAM)
    router = stage.router()
    leader, waiters = lead_and_follow(stage, router, "read")
    assert stage.act(router, "with_break") is None
    assert {text_of(caller.result()) for caller in (leader, *waiters)} == {TEXT}
    left = collapsed(stream=True, outcome="cancelled", saved=False)
    stage.check(miss(stream=True), *[collapsed(stream=True)] * WAITERS, left)


def test_when_all_readers_leave_the_upstream_stops(stage: Stage) -> None:
    """Nobody pays for what nobody reads."""
    stage.behave(replace(SLOW_STREAM, chunk_delay=10.0), GOOD)
    router = stage.router()
    callers = [stage.begin(router, "with_break") for _ in range(3)]
    for caller in callers:
        assert caller.result() is None
    assert stage.simulator.wait_idle(10)
    assert stage.simulator.received == 1
    assert stage.route(router).cache.status == "miss"


def test_an_impatient_leader(stage: Stage) -> None:
    """That its own time was up is not the waiters' affair: one of them asks anew."""
    stage.behave(replace(SLOW, latency=2.0), SLOW)
    router = stage.router()
    leader = stage.begin(router, "route", timeout={"total": 0.8})
    under_way(stage)
    waiters = [stage.begin(router, "route") for _ in range(WAITERS)]
    assert leader.result().category.name == "total_timeout"
    assert {text_of(waiter.result()) for waiter in waiters} == {TEXT}
    assert stage.simulator.received == 2


def test_waiters_of_an_l3_hit(stage: Stage) -> None:
    """A slow tier is asked once as well."""
    first = stage.router()
    stage.route(first)
    stage.settle(first)
    router = stage.router({"l3": stage.l3()})
    l3 = l3_of(router)
    l3.tier = Thoughtful(l3.tier, 0.15)
    callers = [stage.begin(router, "route") for _ in range(1 + WAITERS)]
    answers = [caller.result() for caller in callers]
    assert {answer.cache.tier for answer in answers} <= {"l3", "l1"}
    assert stage.simulator.received == 1


def test_different_requests_do_not_wait_for_each_other(stage: Stage) -> None:
    """Each its own call, at the same time."""
    stage.behave(SLOW)
    router = stage.router()
    callers = [stage.begin(router, "route", request=ask(str(number))) for number in range(4)]
    wait_until(lambda: stage.simulator.in_flight == 4)
    for caller in callers:
        text_of(caller.result())
    assert stage.simulator.received == 4


@pytest.mark.parametrize("leader_world", CROWDS)
def test_threads_and_tasks_share_a_flight(
    leader_world: str, simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    """One call for two routers of one process, one of each world."""
    stage = Stage(leader_world, simulator, recorder, tmp_path)
    stage.behave(SLOW)
    leading = stage.router()
    following = stage.router(world="async" if leader_world == "sync" else "sync")
    leader = stage.begin(leading, "route")
    under_way(stage)
    waiter = stage.begin(following, "route")
    assert text_of(leader.result()) == text_of(waiter.result()) == TEXT
    stage.check(miss(), collapsed())


def test_a_thread_does_not_wait_for_the_loop_that_it_blocks(
    simulator: Simulator, tmp_path: Path, recorder: Recorder
) -> None:
    """A sync call inside a coroutine cannot join a flight of the same loop: it asks upstream itself."""
    stage = Stage("async", simulator, recorder, tmp_path)
    stage.behave(SLOW)
    leading, inside = stage.router(), stage.router(world="sync")

    async def both() -> tuple[Any, Any]:
        task = asyncio.create_task(leading.router.route("chat", QUESTION))
        while not simulator.received:
            await asyncio.sleep(0.005)
        return inside.router.route("chat", QUESTION), await task

    assert isinstance(leading, CROWDS["async"])
    first, second = asyncio.run_coroutine_threadsafe(both(), leading.loop).result(20)
    stage.calls += 2
    assert text_of(first) == text_of(second) == TEXT
    assert simulator.received == 2
    stage.check(miss(), miss())


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stream_whose_loop_ended_blocks_nobody(simulator: Simulator, recorder: Recorder, tmp_path: Path) -> None:
    """The end of asyncio.run stops the pump; who asks the same afterwards gets an answer at once."""
    stage = Stage("async", simulator, recorder, tmp_path)
    leave_a_stream_behind(stage)
    stage.calls = 2
    first, second = traces(recorder)
    assert (told(first, "outcome"), told(first, "attempts")) == ("error", 1)
    assert (told(second, "outcome"), told(second, "cache.collapsed")) == ("ok", None)
    assert_law(recorder, simulator, calls=2)
    gc.collect()  # the first loop's connection could not be closed in it


def leave_a_stream_behind(stage: Stage) -> None:
    stage.behave(replace(SLOW_STREAM, chunk_delay=30.0), GOOD)
    router = AsyncModelRouter(stage.config(), **stage.recorder.providers)

    async def open_only() -> Any:
        return await router.stream("chat", QUESTION)

    async def again() -> Any:
        async with asyncio.timeout(20), router.stream("chat", QUESTION) as stream:
            return [chunk async for chunk in stream]

    left = asyncio.run(open_only())
    assert asyncio.run(again())

    async def end() -> None:
        with pytest.raises(UpstreamError, match="interrupted"):
            async for _ in left:
                pass
        await router.aclose()

    asyncio.run(end())


@pytest.mark.parametrize("action", ["route", "read"])
def test_who_comes_just_after_a_landing_looks_again(
    action: str, simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    """Between a look at L1 and the start of a flight another one can land: its answer is at hand."""
    stage = Stage("sync", simulator, recorder, tmp_path)
    router = stage.router({"l3": {"url": "off"}})
    tiered = router.router._parts.tiered
    tiered.memory = Raced(tiered.memory, lambda: stage.act(router, action))
    assert text_of(stage.act(router, action))
    stream = action == "read"
    late, early = hit(stream=stream), miss(stream=stream, l3=None, put=None)
    stage.check(late, early, l3=False)


class Raced:
    """An L1 whose first answer is overtaken by somebody else's request."""

    def __init__(self, inner: Any, race: Callable[[], Any]) -> None:
        self._inner, self._race = inner, race

    def get(self, key: Any, now: float) -> Any:
        found = self._inner.get(key, now)
        race, self._race = self._race, lambda: None
        race()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __len__(self) -> int:
        return len(self._inner)


def test_a_thread_that_found_nothing_to_read_passes_its_turn_on() -> None:
    """Who waits for a chunk while another thread has the turn, and reads nothing with it, gets it."""

    async def landed() -> None: ...

    source: Any = Script([Chunk(text="one"), Chunk(text="two")])
    shared = SharedStream(source, BlockingRuntime(), landed=landed, over=lambda: None)
    shared.enter()
    assert run_sync(shared.at(0, lambda: 5.0)) == Chunk(text="one")
    shared._pulling.acquire()  # another thread at the same chunk, which has just found that it was read meanwhile
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(run_sync(shared.at(1, lambda: 5.0))))
    waiting.start()
    wait_until(lambda: shared._news is not None)
    run_sync(shared._pull_here(0))
    waiting.join(20)
    assert found == [Chunk(text="two")]


class Script:
    """A routed stream of these chunks."""

    ending = False

    def __init__(self, chunks: list[Chunk]) -> None:
        self._chunks = chunks

    @property
    def complete(self) -> bool:
        return not self._chunks

    async def next(self) -> Chunk | None:
        return self._chunks.pop(0) if self._chunks else None

    async def release(self) -> None: ...


def test_background_work_that_never_began_is_told() -> None:
    """Who waits for it would wait for ever."""
    lost: list[bool] = []

    async def work() -> None:
        raise AssertionError("it began")

    async def main() -> None:
        runtime = AsyncioRuntime()
        runtime.background(work, lambda: lost.append(True))
        await runtime.aclose()

    asyncio.run(main())
    assert lost == [True]


class Thoughtful:
    """A tier whose answers take `seconds`. Everything else is the inner tier's."""

    def __init__(self, inner: Any, seconds: float) -> None:
        self._inner, self._seconds = inner, seconds

    def ask(self, key: Any) -> Any:
        return _Later(self._inner, key, self._seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Later:
    def __init__(self, inner: Any, key: Any, seconds: float) -> None:
        self._inner, self._key, self._seconds = inner, key, seconds

    def drop(self) -> None: ...

    def ready(self, timeout: float) -> bool:
        return False

    def take(self) -> Any:
        time.sleep(self._seconds)
        return self._inner.ask(self._key).take()
