"""What a tier promises that can tell what shares a scope (`cache/tier.py`, ScopedTier)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.cache.tier import Filter, TierUnavailable
from contract import samples
from contract.samples import NOW, key
from contract.stands import INSPECTABLE_STANDS, DebianRedisStand, RedisStand

ABLE = {**INSPECTABLE_STANDS, "valkey": RedisStand, "redis": DebianRedisStand}
del ABLE["memory"]


@pytest.fixture(params=sorted(ABLE))
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made: Any = ABLE[request.param](tmp_path)
    yield made
    made.close()


def entry(of: Any = None, **facts: Any) -> Any:
    return samples.entry(of, **{"vector": bytes(range(16)), "embedder": "e 1", **facts})


def in_scope(tier: Any, limit: int = 100, **place: Any) -> list[Any]:
    return list(tier.in_scope(key("asked", **place), limit))


def test_a_store_that_nothing_was_written_to_has_none(stand: Any) -> None:
    assert in_scope(stand.tier()) == []


def test_the_entries_of_a_scope_newest_first_and_bounded(stand: Any) -> None:
    tier = stand.tier()
    for number in range(120):  # several pages
        scope = ("s", "t")[number % 2]
        tier.put(entry(key(number, scope=scope), age=number % 50, ttl=1000, question=str(number)))
    found = in_scope(tier, 1000)
    assert sorted(int(one.question) for one in found) == list(range(0, 120, 2))
    assert [one.created_at for one in found] == sorted((one.created_at for one in found), reverse=True)
    assert in_scope(tier, 7) == found[:7]
    assert in_scope(tier, 0) == []
    assert len(in_scope(tier, 1000, scope="t")) == 60
    assert in_scope(tier, scope="u") == []


def test_they_come_whole(stand: Any) -> None:
    tier, one = stand.tier(), entry(question="Hi?", vector=bytes(range(16)), embedder="e 1")
    tier.put(one)
    assert in_scope(tier) == [one]


def test_of_no_other_tenant(stand: Any) -> None:
    tier = stand.tier()
    tier.put(entry(key("a", tenant="evil")))
    assert in_scope(tier) == []
    assert len(in_scope(tier, tenant="evil")) == 1


def test_what_is_damaged_or_expired_is_left_out(stand: Any) -> None:
    tier = stand.tier()
    for number in range(3):
        tier.put(entry(key(number), ttl=(100, 100, 5)[number]))
    stand.spoil(key(0), b"junk")
    stand.clock.now = NOW + 6
    assert [one.key for one in in_scope(tier)] == [key(1)]


def test_after_close_it_is_unavailable(stand: Any) -> None:
    tier = stand.tier()
    tier.put(entry())
    tier.close()
    with pytest.raises(TierUnavailable):
        in_scope(tier)


def test_what_was_taken_out_is_not_among_them(stand: Any) -> None:
    tier = stand.tier()
    for number in range(6):
        tier.put(entry(key(number, tenant="ab"[number == 5]), tags=(f"t{number}",)))
    tier.delete(key(0, tenant="a"))
    tier.invalidate(Filter(tenant="a", tag="t1"), NOW)
    assert {one.tags for one in in_scope(tier, tenant="a")} == {("t2",), ("t3",), ("t4",)}
    tier.invalidate(Filter(tenant="a"), NOW)
    assert in_scope(tier, tenant="a") == []
    assert len(in_scope(tier, tenant="b")) == 1


def test_what_was_stored_anew_comes_once_and_as_it_is_now(stand: Any) -> None:
    tier = stand.tier()
    tier.put(entry(age=9, request_id="older"))
    tier.put(entry(request_id="newer"))
    tier.put(entry(age=5, request_id="late"))
    assert [one.request_id for one in in_scope(tier)] == ["newer"]
