"""Storms of callers: one call for each question, nobody is lost, nothing is left behind, and the law holds."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from beastmode_otel import AsyncModelRouter, BeastModeError, ModelRouter, RequestError
from beastmode_otel.cache.single_flight import SingleFlight
from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.simulator import Behaviour, Mix, Simulator
from support.crowd import Task, wait_until
from support.law import assert_law
from support.recorder import Recorder
from telemetry.cache_stage import Stage, ask
from telemetry.matrix import GOOD, TEXT

CALLERS, QUESTIONS = 64, 12
WORLDS = {"sync": ("sync",), "async": ("async",), "mixed": ("sync", "async")}
BUSY = replace(GOOD, latency=(0.05, 0.15), chunk_delay=0.002)


@pytest.fixture
def threads() -> Iterator[None]:
    """No thread is left behind."""
    before = threading.active_count()
    yield
    wait_until(lambda: threading.active_count() <= before)


@pytest.fixture
def stage(threads: None, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> Iterator[Stage]:
    made = Stage("sync", simulator, recorder, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("how", ["route", "read"])
@pytest.mark.parametrize("worlds", WORLDS)
def test_one_call_for_each_question(
    worlds: str, how: str, stage: Stage, simulator: Simulator, recorder: Recorder
) -> None:
    """64 callers at once, identical and different: as many calls upstream as there are questions."""
    stage.behave(BUSY)
    cache = {"write_mode": "sync", "l3": stage.l3()}
    routers = [stage.router(cache, world=world) for world in WORLDS[worlds]]
    rng = random.Random(f"{worlds} {how}")
    callers = [
        stage.begin(rng.choice(routers), how, request=ask(f"question {rng.randrange(QUESTIONS)}"))
        for _ in range(CALLERS)
    ]
    for caller in callers:
        found = caller.result()
        assert not isinstance(found, BaseException), found
        answer = found[1] if how == "read" else found
        assert answer.text == TEXT
    asked = len({request.body["messages"][0]["content"] for request in simulator.requests})
    # Two routers have a memory each, and share streams only within themselves: they meet in the file.
    most = asked if how == "route" else asked * len(routers)
    assert asked <= simulator.received <= most
    stage.close()
    statuses = status_counts(recorder)
    assert sum(statuses.values()) == CALLERS
    assert recorder.total("beastmode.cache.collapsed") > 0
    assert_law(recorder, simulator, calls=stage.calls)
    check_hits(recorder)


def status_counts(recorder: Recorder) -> Counter[str]:
    found: Counter[str] = Counter()
    for labels, count in recorder.metrics()["beastmode.request.duration"].items():
        found[dict(labels)["beastmode.cache.status"]] += int(count)
    return found


def check_hits(recorder: Recorder) -> None:
    """A hit is no attempt and no money spent; who was answered by another's call has none either."""
    for span in recorder.spans():
        about = dict(span.attributes or {})
        if span.parent is None and (about["beastmode.cache.status"] == "hit" or "beastmode.cache.collapsed" in about):
            assert about["beastmode.attempts"] == 0, about
            assert about.get("beastmode.cost.usd", 0.0) == 0.0, about


@pytest.mark.parametrize("how", ["route", "read"])
@pytest.mark.parametrize("worlds", WORLDS)
def test_random_cancellations(worlds: str, how: str, stage: Stage, simulator: Simulator, recorder: Recorder) -> None:
    """Whoever was not cancelled gets the answer, and cancelled tasks cost no second call for whole answers."""
    stage.behave(replace(BUSY, latency=(0.02, 0.08), chunk_delay=0.01))
    routers = [stage.router({"write_mode": "sync"}, world=world) for world in WORLDS[worlds]]
    rng = random.Random(f"{worlds} {how}")
    callers = [storm_caller(stage, rng, rng.choice(routers), how) for _ in range(CALLERS)]
    wait_until(lambda: recorder.total("beastmode.requests.started") == CALLERS)
    for gives_up, caller in callers:
        if gives_up and isinstance(caller, Task):
            caller.cancel()
    for gives_up, caller in callers:
        found = caller.result()
        if not gives_up:
            assert not isinstance(found, BaseException), found
            assert (found[1] if how == "read" else found).text == TEXT
    if worlds == "async" and how == "route":
        assert simulator.received == len({request.body["messages"][0]["content"] for request in simulator.requests})
    stage.close()
    gc.collect()
    assert_law(recorder, simulator, calls=stage.calls)
    check_hits(recorder)


def storm_caller(stage: Stage, rng: random.Random, router: Any, how: str) -> tuple[bool, Any]:
    """Whether it gives up: a task is cancelled later; a thread has no patience, or leaves its stream at once."""
    gives_up, request = rng.random() < 0.3, ask(f"question {rng.randrange(QUESTIONS)}")
    if not gives_up or router.world == "async":
        return gives_up, stage.begin(router, how, request=request)
    if how == "read":
        return True, stage.begin(router, "with_break", request=request)
    return True, stage.begin(router, how, request=request, timeout={"total": rng.uniform(0.005, 0.05)})


# The soak.

REQUESTS_ASYNC, REQUESTS_SYNC, KINDS = 3_600, 1_400, 150
FAULTS = {
    Behaviour(text="fine"): 60,
    Behaviour(text="slow", latency=(0.0, 0.02), chunk_delay=0.001): 12,
    Behaviour(text="cut short", finish_reason="length"): 4,
    Behaviour(status=500): 4,
    Behaviour(status=429, retry_after_ms="5"): 4,
    Behaviour(reset=True): 3,
    Behaviour(drop=True): 3,
    Behaviour(cut_after=1): 4,
    Behaviour(error_event_after=1): 4,
    Behaviour(wrong_json=True): 3,
}


class Counts(SpanProcessor):
    """Counts instead of keeping, and looks at every hit."""

    def __init__(self) -> None:
        self.routes = self.attempts = self.sent = 0
        self.cheats: list[Any] = []
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        about = span.attributes or {}
        with self._lock:
            if "beastmode.attempt" in about:
                self.attempts += 1
                self.sent += bool(about["beastmode.attempt.sent"])
            elif span.name.startswith("route "):
                self.routes += 1
                if about["beastmode.cache.status"] == "hit" and about["beastmode.attempts"]:
                    self.cheats.append(dict(about))


class Lean(Recorder):
    """A recorder whose spans are only counted."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(self.counts)
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader])

    @property
    def providers(self) -> dict[str, Any]:
        return {"tracer_provider": self.tracer_provider, "meter_provider": self.meter_provider}

    def shutdown(self) -> None:
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()


@pytest.fixture
def lean() -> Iterator[Lean]:
    recording = Lean()
    yield recording
    recording.shutdown()


def options(rng: random.Random) -> dict[str, Any]:
    """What a caller says: mostly nothing."""
    said: dict[str, Any] = {"request": ask(f"question {int(rng.expovariate(1 / 30)) % KINDS}")}
    dice = rng.random()
    if dice < 0.08:
        said["cache"] = rng.choice(["off", "refresh", "only"])
    elif dice < 0.35:
        said["ttl"] = 0.05
    return said


async def one_async(router: AsyncModelRouter, rng: random.Random) -> None:
    said, model, dice = options(rng), rng.choice(["solo", "pair", "pair", "poor"]), rng.random()
    if dice < 0.5:
        await router.route(model, **said)
    elif dice < 0.8:
        async with router.stream(model, **said) as stream:
            async for _ in stream:
                pass
    elif dice < 0.9:
        async with router.stream(model, **said) as stream:
            async for _ in stream:
                break
    else:
        async for _ in router.stream(model, **said):
            break


async def many_async(router: AsyncModelRouter, count: int, rng: random.Random, calls: Counter[str]) -> None:
    gate = asyncio.Semaphore(40)

    async def one() -> None:
        calls["made"] += 1
        try:
            await one_async(router, rng)
        except BeastModeError as error:
            calls[error.category.name] += 1
        except asyncio.CancelledError:
            calls["cancelled"] += 1

    async def guarded() -> None:
        try:
            task = asyncio.create_task(one())
            if rng.random() < 0.15:
                await asyncio.sleep(rng.random() * 0.02)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        finally:
            gate.release()

    tasks = set()
    for number in range(count):
        await gate.acquire()
        task = asyncio.create_task(guarded())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if number % 400 == 399:
            with contextlib.suppress(RequestError):  # a locked file
                await router.invalidate(model=rng.choice(["solo", "pair"]))
    await asyncio.gather(*tasks)


def many_sync(router: ModelRouter, count: int, rng: random.Random, calls: Counter[str]) -> None:
    for number in range(count):
        said, model, dice = options(rng), rng.choice(["solo", "pair", "pair", "poor"]), rng.random()
        calls["made"] += 1
        try:
            if dice < 0.6:
                router.route(model, **said)
            else:
                for _ in router.stream(model, **said):
                    if rng.random() < 0.1:
                        break
        except BeastModeError as error:
            calls[error.category.name] += 1
        if number % 100 == 99:
            calls["invalidated"] += invalidated(router)


def invalidated(router: ModelRouter) -> bool:
    """A file that stays locked for longer than we wait is said so, and nothing worse."""
    try:
        router.invalidate(model="solo")
    except RequestError as error:
        if not isinstance(error.__cause__, TierUnavailable):
            raise
        return False
    return True


class Flaky:
    """A tier that is down now and then; everything else is the inner tier's."""

    def __init__(self, inner: Any, rng: random.Random) -> None:
        self._inner, self._rng = inner, rng

    def put(self, entry: Any) -> None:
        if self._rng.random() < 0.2:
            raise TierUnavailable("down on command")
        self._inner.put(entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_soak(simulator: Simulator, lean: Lean, tmp_path: Path, threads: None) -> None:
    """5,000 requests with repeats, faults and cancellations in both worlds at once: the law holds."""
    settings = soak_config(simulator, tmp_path)
    calls = [Counter[str]() for _ in range(5)]
    sync_router = ModelRouter(settings, **lean.providers)
    l3 = sync_router._parts.tiered.tiers[0]
    l3.tier = Flaky(l3.tier, random.Random(5))
    workers = [
        threading.Thread(target=many_sync, args=(sync_router, REQUESTS_SYNC // 4, random.Random(index), calls[index]))
        for index in range(4)
    ]

    async def run() -> None:
        async with AsyncModelRouter(settings, **lean.providers) as router:
            await many_async(router, REQUESTS_ASYNC, random.Random(9), calls[4])
        assert len(asyncio.all_tasks()) == 1

    for worker in workers:
        worker.start()
    asyncio.run(run())
    for worker in workers:
        worker.join(600)
        assert not worker.is_alive()
    gc.collect()
    lean.metrics()  # sweeps what the last requests abandoned
    sync_router.close()
    check_soak(simulator, lean, sum(calls, Counter()))


def soak_config(simulator: Simulator, folder: Path) -> dict[str, Any]:
    simulator.define("chaos", Mix(FAULTS, seed=3))
    simulator.define("calm", Behaviour(text="calm"))
    simulator.define("poor", Mix({Behaviour(text="poor"): 1, Behaviour(status=503): 1}, seed=4))
    return {
        "deployments": {
            name: {"base_url": simulator.url(name), "model": "gpt-4o-mini"} for name in ("chaos", "calm", "poor")
        },
        "routes": {
            "solo": {"deployments": ["chaos"]},
            "poor": {"deployments": ["poor"]},
            "pair": {"deployments": [{"name": "chaos", "order": 1}, {"name": "calm", "order": 2}]},
        },
        "retry": {"base": 0.002, "per_deployment": 1},
        "breaker": {"failures": 8, "cooldown": 0.05},
        "timeouts": {"read": 5, "first_token": 2, "total": 10},
        "cache": {"mode": "on", "stale_if_error": 5, "l3": {"url": f"sqlite:///{folder}/soak.db"}},
    }


def check_soak(simulator: Simulator, lean: Lean, calls: Counter[str]) -> None:
    made = calls["made"]
    assert simulator.wait_idle(10)
    assert made > 4_800
    assert lean.total("beastmode.requests.active") == 0
    assert lean.total("beastmode.requests.started") == made == lean.counts.routes
    assert lean.total("beastmode.request.duration") == made
    assert lean.total("beastmode.attempt.duration") == lean.counts.attempts
    assert lean.counts.sent == simulator.received
    assert not lean.counts.cheats
    kinds = ("ok", "error", "cancelled", "abandoned")
    outcomes = {kind: lean.total("beastmode.request.duration", beastmode__outcome=kind) for kind in kinds}
    assert all(outcomes.values()), outcomes
    statuses = status_counts(lean)
    assert {"hit", "miss", "stale", "bypass"} <= statuses.keys(), statuses
    assert simulator.received < made
    assert lean.total("beastmode.cost", beastmode__cost__kind="saved") >= 0
    assert calls["cancelled"] > 50


def test_flights_hand_over_until_somebody_lands() -> None:
    """A leader that dies leaves no flight behind, however many die in a row."""
    flights: SingleFlight[int] = SingleFlight()
    results: list[Any] = []
    dying = iter([KeyboardInterrupt, SystemExit, GeneratorExit])
    gate = threading.Event()

    async def work() -> int:
        gate.wait(60)
        death = next(dying, None)
        if death is not None:
            raise death
        return 42

    def call() -> None:
        from beastmode_otel.runtime import BlockingRuntime, run_sync

        try:
            results.append(run_sync(flights.join(b"key", BlockingRuntime(), work, 60.0)).value)
        except BaseException as exc:
            results.append(type(exc))

    callers = [threading.Thread(target=call) for _ in range(10)]
    for caller in callers:
        caller.start()
    gate.set()
    for caller in callers:
        caller.join(60)
    assert sorted(map(str, results)) == sorted(map(str, [KeyboardInterrupt, SystemExit, GeneratorExit, *[42] * 7]))
    assert len(flights) == 0
