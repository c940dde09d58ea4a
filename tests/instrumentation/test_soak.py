"""Some thousand calls under faults and cancellations, in both libraries and worlds: the law holds, nothing is left."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from beastmode_otel import instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Mix, Simulator
from instrumentation.apps import LIBRARIES, QUESTION, STREAMED, chat
from support.crowd import wait_until
from support.recorder import Recorder

TASKS, BLOCKING = 800, 240  # of each library; three quarters of them are made
FAULTS = {
    Behaviour(text="fine"): 60,
    Behaviour(text="slow", latency=(0.0, 0.02), chunk_delay=0.001): 10,
    Behaviour(text="packed", encoding="gzip"): 8,
    Behaviour(status=500): 4,
    Behaviour(status=429, retry_after_ms="5"): 4,
    Behaviour(reset=True): 3,
    Behaviour(drop=True): 3,
    Behaviour(cut_after=1): 4,
    Behaviour(error_event_after=1): 4,
    Behaviour(wrong_json=True): 3,
    Behaviour(html=True): 3,
}


class Counting(SpanProcessor):
    """Counts instead of keeping: the soak looks at memory."""

    def __init__(self) -> None:
        self.sent = self.ended = 0
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        attributes = span.attributes or {}
        with self._lock:
            self.ended += "beastmode.outcome" in attributes
            self.sent += bool(attributes.get("beastmode.attempt.sent"))


class Lean(Recorder):
    """A recorder whose spans are only counted."""

    def __init__(self) -> None:
        self.counting = Counting()
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


def sockets() -> int:
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(entry))
        except OSError:
            continue
    return sum(link.startswith("socket:") for link in links)


def resident_kib() -> int:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])


async def one(client: Any, url: str, rng: random.Random) -> None:
    how, body = rng.random(), {"seed": rng.randrange(1 << 30)}  # nearly no two are the same
    if how < 0.5:
        await client.post(url, json=QUESTION | body)
        return
    async with client.stream("POST", url, json=STREAMED | body) as response:
        async for _ in response.aiter_raw():
            if how > 0.9:
                return


async def many(library: Any, url: str, count: int, seed: int) -> int:
    """The calls that were made: a task that was cancelled before its first step made none."""
    rng, gate, made = random.Random(seed), asyncio.Semaphore(30), 0

    async def guarded(client: Any) -> None:
        nonlocal made

        async def call() -> None:
            nonlocal made
            made += 1
            await one(client, url, rng)

        async with gate:
            task = asyncio.create_task(call())
            if rng.random() < 0.15:
                await asyncio.sleep(rng.random() * 0.03)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async with library.AsyncClient(timeout=10) as client:
        await asyncio.gather(*(guarded(client) for _ in range(count)))
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == []
    return made


def blocking(library: Any, url: str, count: int, seed: int) -> int:
    rng = random.Random(seed)
    with library.Client(timeout=10) as client:
        for _ in range(count):
            body = {"seed": rng.randrange(1 << 30)}
            try:
                if rng.random() < 0.6:
                    client.post(url, json=QUESTION | body)
                    continue
                with client.stream("POST", url, json=STREAMED | body) as response:
                    for _ in response.iter_bytes():
                        if rng.random() < 0.1:
                            break
            except library.HTTPError:
                pass
    return count


@pytest.mark.parametrize("cache", [None, {"l3": {"url": "off"}, "l1": {"max_entries": 64}}], ids=["seen", "cached"])
def test_soak(cache: Any, simulator: Simulator) -> None:
    """started = finished = calls, sent = received; no task, thread, socket or memory left behind."""
    simulator.define("chaos", Mix(FAULTS, seed=5))
    url, lean = chat(simulator, "chaos"), Lean()
    threads, open_before = threading.active_count(), sockets()
    instrument(cache=cache, **lean.providers)
    made: list[int] = []  # calls of each worker

    def round_of(share: int, seed: int) -> None:
        for library in LIBRARIES.values():

            def work(seed: int, library: Any = library) -> None:
                made.append(blocking(library, url, BLOCKING // share // 2, seed))

            workers = [threading.Thread(target=work, args=(seed + number,)) for number in range(2)]
            for worker in workers:
                worker.start()
            made.append(asyncio.run(many(library, url, TASKS // share, seed)))
            for worker in workers:
                worker.join()

    try:
        round_of(4, 1)
        gc.collect()
        early = resident_kib()
        round_of(2, 2)
        gc.collect()
        growth = resident_kib() - early
        assert simulator.wait_idle(10)
        total = sum(made)
        started = lean.total("beastmode.requests.started")
        finished = lean.total("beastmode.request.duration")
        assert (lean.total("beastmode.requests.active"), started, finished) == (0, total, total)
        assert lean.counting.ended == total
        assert lean.counting.sent == simulator.received
        assert growth < 24 * 1024
    finally:
        uninstrument()
        lean.shutdown()
    wait_until(lambda: threading.active_count() <= threads)
    gc.collect()
    wait_until(lambda: sockets() <= open_before + simulator.connections)
