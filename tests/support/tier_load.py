"""Callers of both worlds under a steady rate, in a process of its own, whose shared tiers are made ill meanwhile.

Argument: JSON of `config` and `rate`. A line on stdin is a phase's name, `invalidate TEXT` (answers from now on must
be TEXT), or `stop`, which prints what happened.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import threading
import time
from typing import Any

from beastmode_otel import AsyncModelRouter, ModelRouter
from beastmode_otel.cache.tier import Filter, TierUnavailable
from support.recorder import Recorder

QUESTIONS = 40
CONTROL_ONE_IN = 4  # requests: without a cache, so that what the machine does meanwhile is known


class Load:
    """samples: phase, seconds since the phase began, seconds that it took, status. stale: how many were invalidated."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.samples: list[tuple[str, float, float, str]] = []
        self.failed: list[str] = []
        self.stale = self.calls = 0
        self.over = threading.Event()
        self._expected: str | None = None
        self.enter("before")

    def enter(self, phase: str) -> None:
        self._phase = phase, time.monotonic()

    def expect(self, text: str) -> None:
        self._expected = text

    def begin(self) -> tuple[str, float, float, str | None]:
        phase, since = self._phase
        return phase, time.monotonic() - since, time.perf_counter(), self._expected

    def end(self, begun: tuple[str, float, float, str | None], response: Any, problem: Exception | None) -> None:
        phase, since, start, expected = begun
        took = time.perf_counter() - start
        with _counting:
            self.calls += 1
            if problem is not None:
                self.failed.append(repr(problem))
                return
            self.stale += expected is not None and response.text != expected
            self.samples.append((phase, since, took, str(response.cache.tier or response.cache.status)))


_counting = threading.Lock()


def asked(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    question = {"messages": [{"role": "user", "content": f"question {number % QUESTIONS}"}]}
    return question, {"cache": "off"} if number % CONTROL_ONE_IN == 0 else {}


def blocking(load: Load, router: ModelRouter) -> None:
    due = time.monotonic()
    for number in itertools.count():
        due = max(due + 1 / load.rate, time.monotonic() - 0.1)
        if load.over.wait(max(0.0, due - time.monotonic())):
            return
        question, options = asked(number)
        begun, response, problem = load.begin(), None, None
        try:
            response = router.route("chat", question, **options)
        except Exception as exc:  # whatever it is, it is a failed request
            problem = exc
        load.end(begun, response, problem)


async def asynchronous(load: Load, router: AsyncModelRouter) -> None:
    async def one(number: int) -> None:
        question, options = asked(number)
        begun, response, problem = load.begin(), None, None
        try:
            response = await router.route("chat", question, **options)
        except Exception as exc:  # as above
            problem = exc
        load.end(begun, response, problem)

    async with router, asyncio.TaskGroup() as group:
        for number in itertools.count():
            if load.over.is_set():
                break
            group.create_task(one(number))
            await asyncio.sleep(1 / load.rate)


def settled(routers: list[Any], seconds: float) -> tuple[float, int]:
    """How long until every tier is asked again and nothing waits for one; and what still waits then."""
    began = time.monotonic()
    tiers = [tier for router in routers for tier in router._parts.tiered.tiers]
    while time.monotonic() - began < seconds:
        if all(tier.breaker.closed and not tier.queued for tier in tiers):
            break
        time.sleep(0.02)
    return time.monotonic() - began, sum(tier.queued for tier in tiers)


def invalidate(routers: list[Any]) -> None:
    for router in routers:
        tiered = router._parts.tiered
        for tenant in {node.entry.key.tenant for node in tiered.memory._snapshot()} or {"default"}:
            try:
                tiered.invalidate(Filter(tenant=tenant))
            except TierUnavailable:
                pass  # it is owed, and nothing of it is believed until then


def main() -> None:
    given = json.loads(sys.argv[1])
    load, recorder = Load(given["rate"]), Recorder()
    routers: list[Any] = [
        ModelRouter(given["config"], **recorder.providers),
        AsyncModelRouter(given["config"], **recorder.providers),
    ]
    threads = [
        threading.Thread(target=blocking, args=(load, routers[0])),
        threading.Thread(target=lambda: asyncio.run(asynchronous(load, routers[1]))),
    ]
    for thread in threads:
        thread.start()
    recovered, queued = 0.0, 0
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "stop":
            break
        if verb == "invalidate":
            invalidate(routers)
            load.expect(rest)
        elif verb == "settle":
            recovered, queued = settled(routers, float(rest))
        else:
            load.enter(verb)
        print("done", flush=True)
    load.over.set()
    for thread in threads:
        thread.join()
    routers[0].close()
    law = {
        "active": recorder.total("beastmode.requests.active"),
        "started": recorder.total("beastmode.requests.started"),
        "finished": recorder.total("beastmode.request.duration"),
        "calls": load.calls,
    }
    print(json.dumps({
        "samples": load.samples, "failed": load.failed[:5], "failures": len(load.failed), "stale": load.stale,
        "law": law, "recovered": recovered, "queued": queued,
    }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
