"""A scope is read once from the slower tiers, then only what is new in it; nothing of that is in a request's way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from beastmode_otel.cache import Entry, Key, ResilientTier, TierTimes, TierUnavailable
from beastmode_otel.cache.semantic import hydration
from beastmode_otel.cache.semantic.hydration import Hydration
from beastmode_otel.cache.semantic.index import Index
from beastmode_otel.observer import NullObserver
from beastmode_otel.runtime import BlockingRuntime, WorkerPool
from beastmode_otel.testing.samples import entry, key

VECTOR = np.array([1, 0], "<f4").tobytes()


class Held:
    """A tier that tells what it holds, and notes how much of it was looked at."""

    name = "held"

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.looked_at: list[int] = []
        self.ill = False

    def in_scope(self, key: Key, limit: int) -> Iterator[Entry]:
        if self.ill:
            raise TierUnavailable("away")
        self.looked_at.append(0)
        for one in sorted(self.entries, key=lambda one: -one.created_at)[:limit]:
            self.looked_at[-1] += 1
            yield one


class Stand:
    def __init__(self, held: Any) -> None:
        self.held, self.index = held, Index()
        times = TierTimes(ttl=60, soft=1)
        self.tier = ResilientTier(
            "l3", held, times, pool=WorkerPool("l3"), runtime=BlockingRuntime(), observer=NullObserver(),
            late=lambda entry, asked: None,
        )  # fmt: skip
        self.tested = Hydration(self.index, "e 1", 2)

    def read(self, of: Key | None = None) -> int:
        """How many vectors are there afterwards."""
        for job in self.tested.begin(of or key("asked"), [self.tier]):
            job.result(10)
        return len(self.index.search(of or key("asked"), np.array([[1, 0]], np.float32), 999))

    def put(self, name: str, *, age: float = 0.0, **more: Any) -> None:
        made = entry(key(name), question=name, vector=VECTOR, embedder="e 1")
        now = time.time()
        self.held.entries.append(replace(made, created_at=now - age, expires_at=now + 1000, **more))


@pytest.fixture
def stand() -> Iterator[Stand]:
    made = Stand(Held())
    yield made
    made.tier.pool.close()


def test_a_scope_is_read_when_it_is_first_asked_for_and_not_again_at_once(stand: Stand) -> None:
    stand.put("a")
    assert (stand.read(), stand.read()) == (1, 1)
    assert stand.held.looked_at == [1]
    stand.read(key("asked", scope="another"))
    assert stand.held.looked_at == [1, 1]


def test_after_a_while_only_what_is_new_is_read(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        stand.put(str(number), age=1000)
    assert stand.read() == 50
    stand.put("new")
    assert stand.read() == 50
    monkeypatch.setattr(hydration, "AGAIN_SECONDS", 0.0)
    assert stand.read() == 51
    assert stand.held.looked_at == [50, 2]


def test_what_was_dropped_here_is_read_again_whole(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hydration, "AGAIN_SECONDS", 0.0)
    for number in range(5):
        stand.put(str(number), age=1000)
    assert stand.read() == 5
    stand.index.invalidate(None)
    assert stand.read() == 5


def test_vectors_of_others_are_left_out(stand: Stand) -> None:
    stand.put("mine")
    stand.put("another's", embedder="e 2")
    stand.put("none", embedder=None, vector=None)
    stand.put("of another size", vector=VECTOR * 2)
    assert stand.read() == 1


def test_a_tier_that_is_ill_is_told_to_its_breaker_and_not_asked_when_it_rests(stand: Stand) -> None:
    stand.held.ill = True
    for number in range(3):
        assert stand.read(key("asked", scope=str(number))) == 0
    assert not stand.tier.breaker.closed
    stand.held.ill = False
    assert stand.read(key("asked", scope="more")) == 0
    assert stand.held.looked_at == []


def test_a_tier_that_cannot_tell_is_not_asked() -> None:
    stand = Stand(object())
    assert stand.tested.begin(key(), [stand.tier]) == []


def test_scopes_are_remembered_within_a_bound(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hydration, "_SCOPES", 3)
    for number in range(9):
        stand.read(key("asked", scope=str(number)))
    assert len(stand.tested._read) == 3
