"""What is near, within one scope of one tenant, and nothing that has expired or was taken out."""

from __future__ import annotations

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
    clock.now = NOW + 10
    assert near(index, 1, 0) == []
    index.add(stored("late", 1, 0, age=-10, ttl=100))
    assert names(index, 1, 0) == [key("late").digest]
    assert len(next(iter(index._scopes.values())).rows) == 16  # it has not grown


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
    index.add(stored("a", 1, 0))
    (held,) = [one for scope in index._scopes.values() for one in scope.entries if one is not None]
    assert (held.body, held.text, held.question, held.vector) == (b"", "", None, None)


def test_its_bytes_are_bounded_and_the_scope_used_last_stays(clock: Clock) -> None:
    index = Index(3 * 16 * 2 * 4, clock=clock)
    for scope in "abc":
        index.add(stored("x", 1, 0, scope=scope))
    near(index, 1, 0, scope="a")
    index.add(stored("x", 1, 0, scope="d"))
    assert [len(near(index, 1, 0, scope=scope)) for scope in "abcd"] == [1, 0, 1, 1]
    for number in range(200):
        index.add(stored(str(number), 1, number, scope="d"))
    assert len(index._scopes) == 1  # one scope alone may be larger than the bound


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
