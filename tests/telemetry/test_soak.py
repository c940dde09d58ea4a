"""A soak of 20,000 mixed requests under faults and cancellations: the law holds, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from beastmode_otel import AsyncModelRouter, BeastModeError, ModelRouter
from beastmode_otel.simulator import Behaviour, Mix, Simulator
from support.crowd import wait_until
from support.drivers import QUESTION
from support.recorder import Recorder

ASYNC_REQUESTS, SYNC_REQUESTS = 16_000, 4_000
FAULTS = {
    Behaviour(text="fine"): 60,
    Behaviour(text="slow", latency=(0.0, 0.02), chunk_delay=0.001): 10,
    Behaviour(status=500): 4,
    Behaviour(status=429, retry_after_ms="5"): 4,
    Behaviour(status=401): 2,
    Behaviour(reset=True): 3,
    Behaviour(drop=True): 3,
    Behaviour(cut_after=1): 4,
    Behaviour(error_event_after=1): 4,
    Behaviour(wrong_json=True): 3,
    Behaviour(html=True): 3,
}


class CountingSpans(SpanProcessor):
    """Counts instead of keeping: the soak looks at memory."""

    def __init__(self) -> None:
        self.attempts = self.sent = self.routes = 0
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        attributes = span.attributes or {}
        with self._lock:
            if "beastmode.attempt" in attributes:
                self.attempts += 1
                self.sent += bool(attributes["beastmode.attempt.sent"])
            else:
                self.routes += 1


class Lean(Recorder):
    """A recorder whose spans are only counted."""

    def __init__(self) -> None:
        self.counting = CountingSpans()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(self.counting)
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader])

    @property
    def providers(self) -> dict[str, Any]:
        return {"tracer_provider": self.tracer_provider, "meter_provider": self.meter_provider}

    def shutdown(self) -> None:
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()


def config(simulator: Simulator) -> dict[str, Any]:
    simulator.define("chaos", Mix(FAULTS, seed=3))
    simulator.define("calm", Behaviour(text="calm"))
    deployments = {
        "chaos": {"base_url": simulator.url("chaos"), "model": "gpt-4o-mini"},
        "calm": {"base_url": simulator.url("calm"), "model": "gpt-4o-mini"},
        "gone": {"base_url": simulator.refused_url(), "model": "gpt-4o-mini"},
    }
    routes = {
        "solo": {"deployments": ["chaos"]},
        "pair": {"deployments": [{"name": "chaos", "order": 1}, {"name": "calm", "order": 2}]},
        "dead": {"deployments": [{"name": "gone", "order": 1}, {"name": "calm", "order": 2}]},
    }
    return {
        "deployments": deployments,
        "routes": routes,
        "retry": {"base": 0.002, "per_deployment": 1},
        "breaker": {"failures": 8, "cooldown": 0.05},
        "timeouts": {"read": 5, "first_token": 2, "total": 10},
    }


def open_sockets() -> int:
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(entry))
        except OSError:
            continue
    return sum(link.startswith("socket:") for link in links)


def resident_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


async def one_async(router: AsyncModelRouter, rng: random.Random, seen: Counter[str]) -> None:
    model = rng.choice(["solo", "pair", "pair", "dead", "nonsense" if rng.random() < 0.2 else "pair"])
    how = rng.random()
    try:
        if how < 0.5:
            await router.route(model, QUESTION)
        elif how < 0.8:
            async with router.stream(model, QUESTION) as stream:
                async for _ in stream:
                    pass
        elif how < 0.9:
            async with router.stream(model, QUESTION) as stream:
                async for _ in stream:
                    break
        else:
            async for _ in router.stream(model, QUESTION):
                break
        seen["returned"] += 1
    except BeastModeError as error:
        seen[error.category.name] += 1
    except asyncio.CancelledError:
        seen["cancelled"] += 1


async def many_async(router: AsyncModelRouter, count: int, seed: int, seen: Counter[str]) -> None:
    rng = random.Random(seed)
    gate = asyncio.Semaphore(40)

    async def guarded() -> None:
        try:
            task = asyncio.create_task(one_async(router, rng, seen))
            if rng.random() < 0.15:
                await asyncio.sleep(rng.random() * 0.03)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # A task that was cancelled before its first step has called nothing.
            seen["called"] += not task.cancelled()
        finally:
            gate.release()

    tasks = set()
    for _ in range(count):
        await gate.acquire()
        task = asyncio.create_task(guarded())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)


def many_sync(router: ModelRouter, count: int, seed: int, seen: Counter[str]) -> None:
    rng = random.Random(seed)
    for _ in range(count):
        model = rng.choice(["solo", "pair", "dead", "pair"])
        try:
            if rng.random() < 0.6:
                router.route(model, QUESTION)
            else:
                for _ in router.stream(model, QUESTION):
                    if rng.random() < 0.1:
                        break
        except BeastModeError:
            pass
        seen["called"] += 1


@pytest.fixture
def lean() -> Any:
    recording = Lean()
    yield recording
    recording.shutdown()


def test_soak(simulator: Simulator, lean: Lean) -> None:
    """20,000 requests in both worlds: started = finished = calls, sent = received, nothing left behind."""
    settings = config(simulator)
    threads_before, sockets_before = threading.active_count(), open_sockets()
    seen: Counter[str] = Counter()

    async def run() -> int:
        async with AsyncModelRouter(settings, **lean.providers) as router:
            await many_async(router, ASYNC_REQUESTS // 4, 1, seen)
            gc.collect()
            early = resident_kib()
            await many_async(router, ASYNC_REQUESTS * 3 // 4, 2, seen)
            gc.collect()
            growth = resident_kib() - early
        assert len(asyncio.all_tasks()) == 1
        return growth

    growth = asyncio.run(run())
    per_thread = [Counter[str]() for _ in range(8)]
    with ModelRouter(settings, **lean.providers) as router:
        workers = [
            threading.Thread(target=many_sync, args=(router, SYNC_REQUESTS // 8, index, per_thread[index]))
            for index in range(8)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        gc.collect()
        lean.metrics()  # sweeps what the last requests abandoned
    calls = seen["called"] + sum(counter["called"] for counter in per_thread)

    assert simulator.wait_idle(10)
    assert calls > 19_500
    assert lean.total("beastmode.requests.active") == 0
    assert lean.total("beastmode.requests.started") == calls
    assert lean.total("beastmode.request.duration") == calls == lean.counting.routes
    assert lean.total("beastmode.attempt.duration") == lean.counting.attempts
    assert lean.counting.sent == simulator.received
    outcomes = {
        kind: lean.total("beastmode.request.duration", beastmode__outcome=kind)
        for kind in ("ok", "error", "cancelled", "abandoned")
    }
    assert all(outcomes.values()), outcomes
    assert seen["cancelled"] > 500
    assert growth < 16_000, f"{growth} KiB"
    gc.collect()
    wait_until(lambda: threading.active_count() <= threads_before)
    wait_until(lambda: open_sockets() <= sockets_before + simulator.connections)
