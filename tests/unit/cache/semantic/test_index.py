"""What is near, within one scope of one tenant, and nothing that has expired or was taken out."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from beastmode_otel.cache import Entry, Filter
from beastmode_otel.cache.semantic.index import Index
from beastmode_otel.testing.samples import NOW, Clock, entry, key


def row(*numbers: float) -> Any:
    made = np.array([numbers], np.float32)
    return made / np.linalg.norm(made)


def stored(name: str, *numbers: float, **more: Any) -> Entry:
    place = {name: more.pop(name) for name in ("scope", "tenant", "model") if name in more}
    vector = row(*numbers).astype("<f4").tobytes()
    return entry(key(name, **place), question=name, vector=vector, embedder="e 1", **more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def index(clock: Clock) -> Index:
    return Index(clock=clock)


def near(index: Index, *numbers: float, most: int = 9, **place: Any) -> list[tuple[bytes, float]]:
    found = index.search(key("asked", **place), row(*numbers), most)
    return [(one.key.digest, round(one.similarity, 4)) for one in found]


def names(index: Index, *numbers: float, **place: Any) -> list[bytes]:
    return [digest for digest, _ in near(index, *numbers, **place)]


def test_the_nearest_comes_first(index: Index) -> None:
    for name, numbers in (("a", (1, 0)), ("b", (1, 1)), ("c", (0, 1))):
        index.add(stored(name, *numbers))
    assert near(index, 1, 0) == [(key("a").digest, 1.0), (key("b").digest, 0.7071), (key("c").digest, 0.0)]
    assert names(index, 0, 1)[:2] == [key("c").digest, key("b").digest]
    assert len(near(index, 1, 0, most=1)) == 1


def test_only_the_same_scope_of_the_same_tenant(index: Index) -> None:
    index.add(stored("a", 1, 0))
    assert near(index, 1, 0, scope="another") == near(index, 1, 0, tenant="another") == []
    index.add(stored("a", 1, 0, tenant="another"))
    assert len(near(index, 1, 0)) == len(near(index, 1, 0, tenant="another")) == 1


def test_a_newer_entry_takes_the_place_of_its_elder(index: Index) -> None:
    index.add(stored("a", 1, 0))
    index.add(stored("a", 0, 1))
    assert near(index, 0, 1) == [(key("a").digest, 1.0)]


def test_what_has_expired_is_not_found_and_gives_room(index: Index, clock: Clock) -> None:
    for number in range(16):
        index.add(stored(str(number), 1, number, ttl=10))
    size = index.nbytes
    clock.now = NOW + 10
    assert near(index, 1, 0) == []
    index.add(stored("late", 1, 0, age=-10, ttl=100))
    assert names(index, 1, 0) == [key("late").digest]
    assert index.nbytes == size  # it has not grown


def test_what_has_expired_before_it_comes_is_left_out(index: Index, clock: Clock) -> None:
    clock.now = NOW + 10
    index.add(stored("a", 1, 0, ttl=10))
    assert index.nbytes == 0


def test_what_was_taken_out_is_not_found(index: Index) -> None:
    for name in ("a", "b", "c"):
        index.add(stored(name, 1, 0, tags=(name,)))
    index.discard(key("a"))
    index.discard(key("nobody"))
    index.invalidate(Filter(tenant="another"))
    index.invalidate(Filter(tenant="acme", tag="b"))
    assert names(index, 1, 0) == [key("c").digest]
    index.invalidate(None)
    assert near(index, 1, 0) == []


def test_an_entry_without_a_vector_is_none(index: Index) -> None:
    index.add(entry())
    assert near(index, 1, 0) == []


@pytest.mark.parametrize("numbers", [(np.nan, 0), (np.inf, 0), (0, 0), (2, 0), (0.5, 0)])
def test_what_is_no_vector_of_length_one_is_left_out(index: Index, numbers: Any) -> None:
    index.add(replace(stored("a", 1, 0), vector=np.array(numbers, "<f4").tobytes()))
    assert near(index, 1, 0) == []


def test_vectors_of_another_size_are_never_compared(index: Index) -> None:
    index.add(stored("a", 1, 0, 0))
    assert near(index, 1, 0) == []
    index.add(stored("b", 1, 0))
    assert names(index, 1, 0) == [key("b").digest]
    assert near(index, 1, 0, 0) == []


def test_it_keeps_no_answers(index: Index) -> None:
    index.add(stored("a", 1, 0, body=b"a long answer"))
    (scope,) = index._scopes.values()
    (held,) = scope.entries(None)
    assert (held.body, held.text, held.question, held.vector) == (b"", "", None, None)


@pytest.mark.parametrize(
    ("which", "left"),
    [
        (Filter(tenant="acme", digest=key("a").digest), "bc"),
        (Filter(tenant="acme", scope=key("a").scope), ""),
        (Filter(tenant="acme", scope=key("a", scope="another").scope), "abc"),
        (Filter(tenant="acme", request_id="r-b"), "ac"),
        (Filter(tenant="acme", model="another"), "ab"),
        (Filter(tenant="acme", tag="b"), "ac"),
        (Filter(tenant="acme", older_than=5), "bc"),
        (Filter(tenant="acme"), ""),
        (Filter(tenant="another"), "abc"),
    ],
)
def test_every_filter_removes_what_it_covers(index: Index, which: Filter, left: str) -> None:
    index.add(stored("a", 1, 0, age=9, request_id="r-a"))
    index.add(stored("b", 1, 0, tags=("b",), request_id="r-b"))
    index.add(stored("c", 1, 0, model="another", request_id="r-c"))
    index.invalidate(which)
    assert sorted(names(index, 1, 0)) == sorted(key(name).digest for name in left)
    assert (index.nbytes == 0) == (not left)


def test_its_bytes_are_bounded_and_the_scope_used_last_stays(clock: Clock) -> None:
    alone = Index(clock=clock)
    alone.add(stored("x", 1, 0))
    index = Index(3 * alone.nbytes, clock=clock)
    for scope in "abc":
        index.add(stored("x", 1, 0, scope=scope))
    near(index, 1, 0, scope="a")
    index.add(stored("x", 1, 0, scope="d"))
    assert [len(near(index, 1, 0, scope=scope)) for scope in "abcd"] == [1, 0, 1, 1]
    assert index.nbytes == 3 * alone.nbytes


def test_one_scope_alone_keeps_within_the_bytes_too(clock: Clock) -> None:
    index = Index(20_000, clock=clock)
    index.add(stored("x", 1, 0, scope="another"))
    for number in range(200):
        index.add(stored(str(number), 1, number, ttl=1000 - number if number % 2 else 1000 + number))
    assert index.nbytes <= 20_000
    assert near(index, 1, 0, scope="another") == []
    held = set(names(index, 1, 0, most=200))
    assert 20 < len(held) < 40
    assert held >= {key(str(number)).digest for number in range(150, 200, 2)}  # they expire last


def test_a_scope_that_did_not_fit_is_known_to_be_cut(clock: Clock) -> None:
    index, asked = Index(20_000, clock=clock), stored("0", 1.0).key
    assert not index.cut(asked)
    index.add(stored("0", 1.0))
    assert not index.cut(asked)
    for number in range(1, 100):
        index.add(stored(str(number), 1.0))
    assert index.cut(asked)
    index.invalidate(None)
    index.add(stored("0", 1.0))
    assert not index.cut(asked)


def test_a_child_begins_empty_with_a_lock_of_its_own(index: Index) -> None:
    index.add(stored("a", 1, 0))
    with index._lock:  # another thread of the parent is in the middle of something
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            found = near(index, 1, 0)
            index.add(stored("b", 1, 0))
            os._exit(0 if (found, names(index, 1, 0)) == ([], [key("b").digest]) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert names(index, 1, 0) == [key("a").digest]


def test_many_threads_at_once(index: Index) -> None:
    failed: list[BaseException] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for number in range(200):
                index.add(stored(str(number % 37), *rng.normal(size=2)))
                found = index.search(key(), row(*rng.normal(size=2)), 4)
                assert sorted((one.similarity for one in found), reverse=True) == [one.similarity for one in found]
                index.discard(key(str(number % 11)))
        except BaseException as exc:  # the test tells it
            failed.append(exc)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_random_adds_and_removals_are_as_in_a_dictionary(index: Index) -> None:
    rng, held = np.random.default_rng(1), dict[str, Any]()
    for _ in range(600):
        name = str(rng.integers(50))
        if rng.random() < 0.7:
            held[name] = rng.normal(size=3)
            index.add(replace(stored(name, *held[name])))
        else:
            held.pop(name, None)
            index.discard(key(name))
    asked = rng.normal(size=3)
    exact = {key(name).digest: round(float((row(*numbers) @ row(*asked).T)[0, 0]), 4) for name, numbers in held.items()}
    assert dict(near(index, *asked, most=99)) == pytest.approx(exact, abs=1e-3)
