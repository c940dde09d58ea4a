"""What a tier tells of a scope comes into the index: once whole, then what is new, never in a request's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.resilient_tier import ResilientTier, TierTimes
from beastmode_otel.cache.semantic import hydration
from beastmode_otel.cache.semantic.hydration import LATE_SECONDS, Hydration
from beastmode_otel.cache.semantic.index import Index
from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.observer import NullObserver
from beastmode_otel.runtime import BlockingRuntime, WorkerPool
from contract.samples import entry, key

ROW = np.array([1, 0], "<f4")
PATIENCE = 20.0


def stored(name: object, age: float = 0.0, **more: Any) -> Entry:
    now = time.time()
    facts = {"vector": ROW.tobytes(), "embedder": "e 1", "created_at": now - age, "expires_at": now + 1000}
    return entry(key(name), **{**facts, **more})


class Store:
    """A tier that knows a scope. told: how many entries it was made to tell; ill, slow: from now on."""

    name = "l2"

    def __init__(self) -> None:
        self.held: list[Entry] = []
        self.told, self.limits, self.ill = 0, list[int](), False
        self.go = threading.Event()
        self.go.set()

    def in_scope(self, key: Key, limit: int) -> Iterator[Entry]:
        self.limits.append(limit)
        self.go.wait(PATIENCE)
        if self.ill:
            raise TierUnavailable("gone")
        for one in sorted(self.held, key=lambda one: -one.created_at)[:limit]:
            self.told += 1
            yield one

    def close(self) -> None:
        self.go.set()


class Seat:
    def __init__(self) -> None:
        self.store, self.index = Store(), Index()
        self.pool, self.hydration = WorkerPool("seat", size=2), Hydration(self.index, "e 1", 2)
        tiered, held = Tiered(Memory(), l1_ttl=1.0, observer=NullObserver()), self.store
        known: Any = held
        self.tier = ResilientTier(
            "l2", known, TierTimes(ttl=1000.0, soft=1.0), pool=self.pool, runtime=BlockingRuntime(),
            observer=NullObserver(), late=tiered.late,
        )  # fmt: skip

    def read(self) -> int:
        """How many entries the tier had to tell."""
        told = self.store.told
        for job in self.hydration.begin(key(), [self.tier]):
            job.result(PATIENCE)
        return self.store.told - told

    def found(self) -> int:
        return len(self.index.search(key(), ROW[np.newaxis], 10_000))


@pytest.fixture
def seat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seat]:
    monkeypatch.setattr(hydration, "AGAIN_SECONDS", 0.0)
    made = Seat()
    yield made
    made.store.close()
    made.pool.close()


def test_a_scope_is_read_whole_and_then_what_is_new(seat: Seat) -> None:
    seat.store.held = [stored(number, age=LATE_SECONDS + 10 + number) for number in range(100)]
    assert (seat.read(), seat.found()) == (100, 100)
    assert not seat.index.cut(key())
    assert seat.read() == 1  # the first that it knew already
    seat.store.held += [stored("new"), stored("late", age=LATE_SECONDS / 2)]
    assert (seat.read(), seat.found()) == (3, 102)


def test_what_the_index_has_forgotten_is_read_whole_again(seat: Seat) -> None:
    seat.store.held = [stored(number, age=LATE_SECONDS + 10) for number in range(9)]
    seat.read()
    seat.index.invalidate(None)
    assert (seat.read(), seat.found()) == (9, 9)


def test_what_a_tier_did_not_find_is_dropped_and_comes_back_if_it_was_only_slow(seat: Seat) -> None:
    seat.store.held = [stored(number, age=LATE_SECONDS + 10) for number in range(9)]
    seat.read()
    seat.index.lost(key(3))
    seat.index.lost(key("nobody", scope="another"))
    assert seat.found() == 8
    assert (seat.read(), seat.found()) == (9, 9)


def test_a_read_that_broke_off_is_not_taken_for_whole(seat: Seat) -> None:
    seat.store.held, seat.store.ill = [stored(number, age=LATE_SECONDS + 10) for number in range(9)], True
    seat.index.add(stored("own"))
    seat.read()
    seat.store.ill = False
    assert (seat.read(), seat.found()) == (9, 10)


def test_vectors_of_others_and_none_are_left_out(seat: Seat) -> None:
    seat.store.held = [
        stored("another's", embedder="e 2"), stored("longer", vector=bytes(12)), stored("none", vector=None),
        stored("good"),
    ]  # fmt: skip
    seat.read()
    assert seat.found() == 1


def test_no_more_than_the_newest(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hydration, "MOST_ENTRIES", 3)
    seat.store.held = [stored(number, age=number) for number in range(9)]
    assert (seat.read(), seat.found()) == (3, 3)
    assert seat.index.cut(key())


def test_it_takes_no_longer_than_it_may(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hydration, "MOST_SECONDS", 0.0)
    seat.store.held = [stored(number, age=LATE_SECONDS + number) for number in range(9)]
    assert (seat.read(), seat.found()) == (1, 1)
    assert seat.index.cut(key())
    monkeypatch.setattr(hydration, "MOST_SECONDS", 60.0)
    assert (seat.read(), seat.found()) == (9, 9)  # what broke off was not taken for whole


def test_nobody_waits_for_a_tier_that_hangs_and_it_is_asked_once(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hydration, "AGAIN_SECONDS", 30.0)
    seat.store.go.clear()
    began = time.monotonic()
    (job,) = seat.hydration.begin(key(), [seat.tier])
    assert seat.hydration.begin(key(), [seat.tier]) == []
    assert time.monotonic() - began < 10.0
    assert not job.done()
    seat.store.held = [stored("a")]
    seat.store.go.set()
    job.result(PATIENCE)
    assert (seat.found(), len(seat.store.limits)) == (1, 1)


def test_a_scope_is_not_read_again_at_once(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hydration, "AGAIN_SECONDS", 30.0)
    seat.store.held = [stored("a")]
    assert [seat.read(), seat.read()] == [1, 0]
    assert len(seat.hydration.begin(key(scope="another"), [seat.tier])) == 1


def test_a_tier_that_is_ill_is_told_to_its_breaker_and_not_asked_when_it_rests(seat: Seat) -> None:
    seat.store.ill = True
    for _ in range(3):
        seat.read()
    assert not seat.tier.breaker.closed
    seat.store.ill = False
    assert (seat.read(), len(seat.store.limits)) == (0, 3)


def test_a_tier_that_cannot_tell_is_not_asked(seat: Seat) -> None:
    other: Any = object()
    seat.tier.tier = other
    assert seat.hydration.begin(key(), [seat.tier]) == []


def test_scopes_are_remembered_within_a_bound(seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hydration, "_SCOPES", 3)
    for number in range(9):
        seat.hydration.begin(key(scope=str(number)), [seat.tier])
    assert len(seat.hydration._read) == 3


class Searchable(Store):
    """A tier that can search, too."""

    def nearest(self, key: Key, vector: bytes, embedder: str, limit: int, seconds: float) -> list[Entry]:
        self.asked = (vector, embedder, limit)
        return self.held[:limit]


def test_what_a_tier_finds_near_comes_into_the_index(seat: Seat) -> None:
    assert seat.hydration.reach(key(), ROW[np.newaxis], [seat.tier], PATIENCE) is None  # it cannot
    store: Any = Searchable()
    seat.tier.tier = store
    reaching = seat.hydration.reach(key(), ROW[np.newaxis], [seat.tier], PATIENCE)
    assert reaching is not None
    tier, job = reaching
    assert tier == "l2"
    assert not job.result(PATIENCE)
    store.held = [stored("near"), stored("another's", embedder="e 2"), stored("longer", vector=bytes(12))]
    reaching = seat.hydration.reach(key(), ROW[np.newaxis], [seat.tier], PATIENCE)
    assert reaching is not None
    tier, job = reaching
    assert tier == "l2"
    assert job.result(PATIENCE)
    assert store.asked == (ROW.tobytes(), "e 1", hydration.NEAREST)
    assert seat.found() == 1


def test_a_tier_whose_time_is_over_is_not_asked(seat: Seat) -> None:
    store: Any = Searchable()
    store.held = [stored("near")]
    seat.tier.tier = store
    reaching = seat.hydration.reach(key(), ROW[np.newaxis], [seat.tier], 0.0)
    assert reaching is not None
    _, job = reaching
    assert not job.result(PATIENCE)
    assert seat.found() == 0
