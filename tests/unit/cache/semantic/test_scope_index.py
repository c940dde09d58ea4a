"""Within one scope, however large: the same as comparing with every row, and nothing that is not there any more."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from beastmode_otel.cache.semantic import scope_index
from beastmode_otel.cache.semantic.scope_index import BLOCK, PLAIN, ScopeIndex
from beastmode_otel.testing.samples import NOW, entry, key

DIMENSIONS = 48


@pytest.fixture
def rng() -> Any:
    return np.random.default_rng(5)


def vectors(rng: Any, count: int, dimensions: int = DIMENSIONS) -> Any:
    made = rng.normal(size=(count, dimensions)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def filled(rows: Any, *, ttl: Any = lambda _: 100.0, most: int = 10**6) -> ScopeIndex:
    index = ScopeIndex(rows.shape[1], most)
    for number, row in enumerate(rows):
        index.add(entry(key(number), ttl=ttl(number)), row, NOW)
    return index


def found(index: ScopeIndex, row: Any, most: int = 4, now: float = NOW) -> list[tuple[bytes, float]]:
    return [(one.key.digest, cosine) for one, cosine in index.search(row, most, now)]


@pytest.mark.parametrize("count", [1, 2, 3, 17, 1000, BLOCK, BLOCK + 1, PLAIN * BLOCK])
def test_as_comparing_with_every_row(rng: Any, count: int) -> None:
    rows = vectors(rng, count)
    index = filled(rows)
    for asked in vectors(rng, 5):
        cosines = rows @ asked
        best = np.argsort(-cosines)[:4]
        assert [digest for digest, _ in found(index, asked)] == [key(int(one)).digest for one in best]
        assert [cosine for _, cosine in found(index, asked)] == pytest.approx(cosines[best].tolist(), abs=1e-6)


@pytest.mark.parametrize("dimensions", [384, 100])
def test_a_large_scope_finds_what_is_near_with_exact_cosines(rng: Any, dimensions: int) -> None:
    rows = vectors(rng, PLAIN * BLOCK + 700, dimensions)
    index = filled(rows)
    for place in rng.integers(len(rows), size=50).tolist():
        asked = vectors(rng, 1, dimensions)[0] * 0.4 + rows[place]  # a cosine of about 0.93
        asked /= np.linalg.norm(asked)
        (digest, cosine), *others = found(index, asked)
        assert digest == key(place).digest
        assert cosine == pytest.approx(float(rows[place] @ asked), abs=1e-6)
        assert [one for _, one in others] == sorted((one for _, one in others), reverse=True)


def test_a_large_scope_finds_nothing_that_is_gone(rng: Any) -> None:
    """Where most rows are free, none of them takes the place of one that is not."""
    rows = vectors(rng, PLAIN * BLOCK + 10)
    index = filled(rows, ttl=lambda number: 10.0 if number % 3 else 100.0)
    for number in range(0, len(rows), 3):
        if number >= 9:
            index.discard(key(number).digest)
    for asked in (rows[1], rows[9], rows[6]):
        assert {digest for digest, _ in found(index, asked, now=NOW + 10)} <= {key(n).digest for n in (0, 3, 6)}
    assert found(index, rows[6], now=NOW + 10)[0] == (key(6).digest, pytest.approx(1.0))
    assert len(index) == 3
    for number in (0, 3, 6):
        index.discard(key(number).digest)
    assert found(index, rows[6], now=NOW + 10) == []


def test_equal_rows_in_a_large_scope_are_no_more_than_asked_for(rng: Any) -> None:
    (row,) = vectors(rng, 1)
    index = filled(np.broadcast_to(row, (PLAIN * BLOCK + 10, DIMENSIONS)))
    assert [cosine for _, cosine in found(index, row, 100)] == pytest.approx([1.0] * 100)


def test_removed_rows_are_zero_and_used_again(rng: Any) -> None:
    rows = vectors(rng, 64)
    index = filled(rows)
    size = index.nbytes
    for number in range(64):
        index.discard(key(number).digest)
    index.discard(key("nobody").digest)
    assert len(index) == 0
    assert not index._blocks[0].rows.any()
    for number in range(64):
        index.add(entry(key(f"other {number}")), rows[number], NOW)
    assert (len(index), index.nbytes) == (64, size)


def test_the_last_moment_of_an_entry(rng: Any) -> None:
    rows = vectors(rng, 5)
    index = filled(rows, ttl=lambda number: 10.0 + number)
    assert len(found(index, rows[0], 9, NOW + 9.999)) == 5
    assert len(found(index, rows[0], 9, NOW + 10)) == 4
    index.add(entry(key(0), ttl=50), rows[0], NOW + 10)  # stored anew
    assert len(found(index, rows[0], 9, NOW + 13.5)) == 2
    assert found(index, rows[0], 9, NOW + 60) == []


def test_a_full_scope_drops_what_expires_first(rng: Any) -> None:
    rows = vectors(rng, 600)
    index = filled(rows, ttl=lambda number: 1000.0 - number, most=500)
    assert len(index) <= 500 == len(index._entries)
    kept = {digest for digest, _ in found(index, rows[0], 600)}
    assert {key(number).digest for number in range(300)} < kept


def test_a_wider_query_gives_the_same(rng: Any) -> None:
    rows = vectors(rng, 50)
    index = filled(rows)
    assert found(index, rows[7].astype(np.float64)) == found(index, rows[7])


@pytest.mark.parametrize("count", [50, PLAIN * BLOCK + 10])
@pytest.mark.parametrize("asked", [np.full(DIMENSIONS, np.nan), np.array([np.nan] + [0.1] * (DIMENSIONS - 1))])
def test_no_vector_is_near_to_nan(rng: Any, asked: Any, count: int) -> None:
    assert found(filled(vectors(rng, count)), asked) == []


def test_random_work_is_as_in_a_dictionary(rng: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With blocks so small that all ways of searching and growing are gone through."""
    monkeypatch.setattr(scope_index, "BLOCK", 8)
    index, held, now = ScopeIndex(DIMENSIONS, 10**6), dict[int, tuple[Any, float]](), NOW
    for step in range(3000):
        number, kind = int(rng.integers(150)), rng.random()
        if kind < 0.6:
            (row,) = vectors(rng, 1)
            expires = now + float(rng.integers(1, 200))
            held[number] = row, expires
            index.add(entry(key(number), age=NOW - now, ttl=expires - now), row, now)
        elif kind < 0.8:
            held.pop(number, None)
            index.discard(key(number).digest)
        else:
            now += 1.0
        if step % 20 == 0:
            held = {number: one for number, one in held.items() if one[1] > now}
            for number, (row, _) in list(held.items())[:3]:
                assert found(index, row, 1, now) == [(key(number).digest, pytest.approx(1.0))]
            assert len(found(index, vectors(rng, 1)[0], 40, now)) == min(40, len(held))
            assert len(index) == len(held)


def test_threads_that_add_and_search_see_whole_rows(rng: Any) -> None:
    """Each row of a digest is one of two; no mixture of both is ever found."""
    one, other = vectors(rng, 2)
    index, over, seen = filled(np.stack([one] * 40)), threading.Event(), list[float]()

    def change() -> None:
        while not over.is_set():
            for number in range(40):
                index.add(entry(key(number)), other if number % 2 else one, NOW)
                index.add(entry(key(number)), one if number % 2 else other, NOW)

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        seen += [cosine for _, cosine in found(index, one, 40)]
    over.set()
    for thread in threads:
        thread.join()
    near = float(one @ other)
    assert {round(cosine, 4) for cosine in seen} <= {1.0, round(near, 4)}
