"""What every store of leases promises (cache/lease.py), over each tier that processes share."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.cache.lease import DONE_SECONDS
from contract.samples import key
from contract.stands import LEASE_STANDS, Stand

LIFE = 0.4  # seconds


@pytest.fixture(params=LEASE_STANDS)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    made = LEASE_STANDS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def leases(stand: Stand) -> Any:
    return stand.tier().leases


def elapse(stand: Stand, seconds: float) -> None:
    """On every clock that a store may go by: the stand's, and its server's."""
    stand.clock.now += seconds
    time.sleep(seconds)


def test_one_gets_it_and_the_others_hear_how_long_it_lives(leases: Any) -> None:
    assert leases.acquire(key(), LIFE).token is not None
    other = leases.acquire(key(), 5.0)
    assert other.token is None
    assert 0.0 < other.left <= LIFE + 0.001


def test_other_keys_and_tenants_have_their_own(leases: Any) -> None:
    held = [key(), key("another"), key(tenant="another")]
    assert all(leases.acquire(one, LIFE).token is not None for one in held)
    assert all(leases.acquire(one, LIFE).token is None for one in held)


def test_it_ends_by_itself_and_the_next_token_is_greater(leases: Any, stand: Stand) -> None:
    first = leases.acquire(key(), LIFE).token
    elapse(stand, LIFE + 0.1)
    second = leases.acquire(key(), LIFE).token
    assert second > first


def test_one_that_is_about_to_end_is_not_said_to_be_given_back(leases: Any, stand: Stand) -> None:
    """Whoever hears that looks for an answer, and asks upstream without a lease: each of those who wait."""
    for number in range(5):
        of = key(f"soon {number}")
        assert leases.acquire(of, 0.03).token is not None
        until = time.monotonic() + 10.0
        while (grant := leases.acquire(of, LIFE)).token is None:
            assert grant.left > 0.0
            assert time.monotonic() < until
            stand.clock.now += 0.0001


def test_it_lives_on_when_renewed(leases: Any, stand: Stand) -> None:
    token = leases.acquire(key(), LIFE).token
    for _ in range(3):
        elapse(stand, LIFE / 2)
        assert leases.renew(key(), token, LIFE)
    assert leases.acquire(key(), LIFE).token is None


def test_after_its_end_nobody_gets_it_for_a_moment(leases: Any, stand: Stand) -> None:
    token = leases.acquire(key(), 5.0).token
    leases.release(key(), token)
    ended = leases.acquire(key(), 5.0)
    assert (ended.token, ended.left) == (None, 0.0)
    elapse(stand, DONE_SECONDS + 0.1)
    assert leases.acquire(key(), 5.0).token > token


def test_a_holder_that_came_too_late_changes_nothing(leases: Any, stand: Stand) -> None:
    late = leases.acquire(key(), LIFE).token
    elapse(stand, LIFE + 0.1)
    token = leases.acquire(key(), 5.0).token
    assert leases.renew(key(), late, 60.0) is False
    leases.release(key(), late)
    other = leases.acquire(key(), 5.0)
    assert other.token is None
    assert 0.0 < other.left <= 5.001
    assert leases.renew(key(), token, 5.0)


def test_what_has_ended_cannot_be_renewed(leases: Any) -> None:
    token = leases.acquire(key(), 5.0).token
    leases.release(key(), token)
    assert leases.renew(key(), token, 5.0) is False
    assert leases.acquire(key(), 5.0).left == 0.0


def test_of_many_at_once_exactly_one_gets_it(stand: Stand) -> None:
    tiers = [stand.tier() for _ in range(4)]
    for tier in tiers:
        tier.ping()  # to begin a store takes its time, which is not what is asked here
    stores = [tier.leases for tier in tiers]
    for round_ in range(10):
        granted: list[int] = []
        gate = threading.Barrier(8)

        def ask(store: Any, name: int, gate: threading.Barrier = gate, granted: list[int] = granted) -> None:
            gate.wait()
            token = store.acquire(key(name), 5.0).token
            if token is not None:
                granted.append(token)

        threads = [threading.Thread(target=ask, args=(stores[number % 4], round_)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(granted) == 1
