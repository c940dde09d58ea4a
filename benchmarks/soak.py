"""Router, asynchronous router and hook in one process, for a while, at a low load, under faults.

    python benchmarks/soak.py [--seconds 600] [--rate 40]

What must be equal at rest: attempts that our spans call sent, and requests that the provider received. An attempt that
was cut between the kernel's send buffer and the provider's accept may be counted on one side alone: such attempts are
told apart by their category. Memory, descriptors and threads are read every tenth of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from beastmode_otel import AsyncModelRouter, BeastModeError, ModelRouter, instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Mix, Simulator

FAULTS = {
    Behaviour(text="fine"): 70,
    Behaviour(text="slow", latency=(0.0, 0.05), chunk_delay=0.002): 10,
    Behaviour(status=500): 4,
    Behaviour(status=429, retry_after_ms="5"): 4,
    Behaviour(reset=True): 3,
    Behaviour(drop=True): 3,
    Behaviour(cut_after=1): 3,
    Behaviour(wrong_json=True): 3,
}
BODY = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16, "temperature": 0}


class Sent(SpanProcessor):
    """Counts attempts by what their spans say; sent ones without an answer also by their error."""

    def __init__(self) -> None:
        self.attempts = self.sent = 0
        self.errors: Counter[str] = Counter()
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        facts = span.attributes or {}
        if "beastmode.attempt.sent" not in facts:
            return
        with self._lock:
            self.attempts += 1
            self.sent += bool(facts["beastmode.attempt.sent"])
            if "error.type" in facts or not facts["beastmode.attempt.sent"]:
                self.errors[f"{facts.get('error.type')} sent={facts['beastmode.attempt.sent']}"] += 1
            if facts.get("beastmode.outcome") == "cancelled":
                self.errors[f"cancelled sent={facts['beastmode.attempt.sent']}"] += 1


def body(rng: random.Random) -> dict[str, Any]:
    return {**BODY, "seed": rng.randrange(10**9)}


def blocking(router: ModelRouter, until: float, pause: float, rng: random.Random) -> None:
    while time.monotonic() < until:
        try:
            if rng.random() < 0.3:
                with router.stream("chat", body(rng)) as stream:
                    list(stream)
            else:
                router.route("chat", body(rng))
        except BeastModeError:
            pass
        time.sleep(pause)


async def asynchronous(
    config: dict[str, Any], providers: dict[str, Any], until: float, pause: float, cancel: float
) -> None:
    rng = random.Random(7)
    router = AsyncModelRouter(config, **providers)
    while time.monotonic() < until:
        task = asyncio.ensure_future(router.route("chat", body(rng)))
        if rng.random() < cancel:  # a caller who goes away
            await asyncio.sleep(rng.random() * 0.01)
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(pause)
    await router.aclose()


def hooked(url: str, until: float, pause: float) -> None:
    rng = random.Random(8)
    with httpx2.Client(timeout=10) as client:
        while time.monotonic() < until:
            try:
                client.post(f"{url}/chat/completions", json={**body(rng), "model": "gpt-4o-mini"})
            except httpx2.HTTPError:
                pass
            time.sleep(pause)


def state() -> tuple[int, int, int]:
    """Megabytes, descriptors, threads."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return (
        pages * os.sysconf("SC_PAGE_SIZE") // 2**20,
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second, of the three together")
    parser.add_argument("--cancel", type=float, default=0.05, help="share of the asynchronous calls that are cancelled")
    given = parser.parse_args()
    sent, meters, tracers = Sent(), MeterProvider(), TracerProvider()
    tracers.add_span_processor(sent)
    providers = {"tracer_provider": tracers, "meter_provider": meters}
    pause, until = 3 / given.rate, time.monotonic() + given.seconds
    with Simulator() as simulator:
        simulator.define("chaos", Mix(FAULTS, seed=3))
        url = simulator.url("chaos")
        config = {
            "deployments": {"main": {"base_url": url, "model": "gpt-4o-mini"}},
            "routes": {"chat": {"deployments": ["main"]}},
            "cache": {"mode": "on", "l3": "off"},
        }
        instrument(cache="off", **providers)
        router = ModelRouter(config, **providers)
        workers = [
            threading.Thread(target=blocking, args=(router, until, pause, random.Random(6))),
            threading.Thread(target=lambda: asyncio.run(asynchronous(config, providers, until, pause, given.cancel))),
            threading.Thread(target=hooked, args=(url, until, pause)),
        ]
        for worker in workers:
            worker.start()
        while time.monotonic() < until:
            time.sleep(given.seconds / 10)
            print("MB, descriptors, threads:", *state(), "attempts:", sent.attempts, flush=True)
        for worker in workers:
            worker.join()
        router.close()
        uninstrument()
        time.sleep(1)  # the provider may still be reading
        received = simulator.received_by("chaos")
    print("attempts", sent.attempts, "sent", sent.sent, "received", received, "apart", sent.sent - received)
    for name, count in sent.errors.most_common():
        print(" ", name, count)


if __name__ == "__main__":
    main()
