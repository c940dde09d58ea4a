"""Invalidation in both worlds: what it removes, how it is told, and what was on its way while it happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.simulator import Simulator
from support.crowd import CROWDS, wait_until
from support.law import assert_law
from support.recorder import Recorder
from telemetry.cache_expected import hit, miss
from telemetry.cache_stage import Stage, evicted, l3_entries, l3_of
from telemetry.matrix import GOOD, TEXT


@pytest.fixture(params=CROWDS)
def stage(request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(request.param, simulator, recorder, tmp_path)
    yield made
    made.close()


class Slow:
    """A tier that takes its time to write, and to read on the pool. Everything else is the inner tier's."""

    def __init__(self, inner: Any, seconds: float = 0.1) -> None:
        self._inner, self._seconds = inner, seconds
        self.taken = threading.Event()

    def put(self, entry: Any) -> None:
        time.sleep(self._seconds)
        self._inner.put(entry)

    def ask(self, key: Any) -> Any:
        self._asked = self._inner.ask(key)
        return self

    def drop(self) -> None: ...

    def ready(self, timeout: float) -> bool:
        return False

    def take(self) -> Any:
        found = self._asked.take()
        self.taken.set()
        time.sleep(self._seconds)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


BY: dict[str, Callable[[Any, Any], dict[str, Any]]] = {
    "key": lambda answer, entry: {"key": entry.key.digest.hex()},
    "request_id": lambda answer, entry: {"request_id": answer.request_id},
    "model": lambda answer, entry: {"model": "chat"},
    "tag": lambda answer, entry: {"tag": "docs"},
    "scope": lambda answer, entry: {"scope": entry.key.scope.hex()},
    "age": lambda answer, entry: {"older_than": 0.001},
    "tenant": lambda answer, entry: {"tenant": entry.key.tenant},
}


@pytest.mark.parametrize("by", BY)
def test_invalidation(by: str, stage: Stage) -> None:
    """In every tier, counted by what it was asked for by; nobody else's entry goes."""
    router, other = stage.router(), stage.router(tenant="other")
    stage.route(other, tags=["docs"])
    stage.settle(other)
    answer = stage.route(router, tags=["docs"])
    (entry,) = [found for found in l3_entries(router) if found.key.tenant != "other"]
    time.sleep(0.002)
    assert router.call("invalidate", **BY[by](answer, entry)) == 1
    assert router.call("invalidate", **BY[by](answer, entry)) == 0
    stage.route(router)
    stage.route(other)
    told = {"beastmode.cache.invalidations": {frozenset({("beastmode.cache.invalidation.by", by)}): 1}}
    stage.check(miss(), miss(), miss(), hit(), extra=evicted("invalidated") | told)


def test_what_was_invalidated_on_its_way_to_the_file_does_not_come_back(stage: Stage) -> None:
    """A background write that has not happened yet counts as stored."""
    router = stage.router()
    l3 = l3_of(router)
    l3.tier = Slow(l3.tier)
    stage.route(router, tags=["docs"])
    assert router.call("invalidate", tag="docs") == 1
    assert l3.pool.drain(10)
    assert stage.route(stage.router()).cache.status == "miss"


@pytest.mark.parametrize("action", ["route", "read"])
def test_an_answer_under_way_is_not_stored(action: str, stage: Stage) -> None:
    """It was asked for before; its caller gets it, nobody after."""
    stage.behave(replace(GOOD, latency=1.0, chunk_delay=0.02), GOOD)
    router = stage.router()
    leader = stage.begin(router, action, tags=["docs"])
    wait_until(lambda: stage.simulator.received)
    router.call("invalidate", tag="docs")
    late = stage.route(router)  # nor does whoever comes now wait for it
    assert stage.simulator.received == 2
    found = leader.result()
    answer = found[1] if action == "read" else found
    assert (answer.text, answer.cache.reason) == (TEXT, "invalidated")
    assert (late.cache.status, late.cache.collapsed) == ("miss", False)
    stage.close()
    assert_law(stage.recorder, stage.simulator, calls=stage.calls)


def test_an_answer_under_way_for_somebody_else_is_stored(stage: Stage) -> None:
    """Only what the filter means is void."""
    stage.behave(replace(GOOD, latency=0.2))
    router = stage.router()
    leader = stage.begin(router, "route", tags=["news"])
    wait_until(lambda: stage.simulator.received)
    router.call("invalidate", tag="docs")
    assert leader.result().cache.reason is None
    assert stage.route(router).cache.status == "hit"


@pytest.mark.parametrize("soft", [5.0, 0.02], ids=["in time", "late"])
def test_a_read_under_way_is_not_promoted(soft: float, stage: Stage) -> None:
    """What a slower tier said before the invalidation does not fill L1 after it."""
    stage.route(stage.router(), tags=["docs"])
    stage.close()
    router = stage.router({"l3": stage.l3(soft=soft)})
    l3 = l3_of(router)
    assert len(l3_entries(router)) == 1
    l3.tier = Slow(l3.tier, 0.2)
    reader = stage.begin(router, "route")
    assert l3.tier.taken.wait(10)
    router.call("invalidate", tag="docs")
    assert reader.result().text == TEXT
    stage.settle(router)
    tags = [node.entry.tags for node in router.router._parts.tiered.memory._snapshot()]
    assert ("docs",) not in tags
    assert all(entry.tags != ("docs",) for entry in l3_entries(router))
