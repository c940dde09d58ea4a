"""A tier's breaker and recovery queue, with a clock that the test moves."""

from __future__ import annotations

import random

from beastmode_otel.cache.breaker import FIRST_REST, LONGEST_REST, RecoveryQueue, TierBreaker, TierWrite
from beastmode_otel.cache.entry import Entry, Key


def breaker() -> tuple[TierBreaker, list[str]]:
    told: list[str] = []
    return TierBreaker(told.append, random.Random(1)), told


def test_three_health_errors_in_a_row_open_it() -> None:
    """Two are not enough, and a success in between starts the count anew."""
    made, told = breaker()
    made.failed(0.0)
    made.failed(0.0)
    made.succeeded()
    made.failed(0.0)
    made.failed(0.0)
    assert made.closed
    made.failed(0.0)
    assert not made.closed
    assert told == ["open"]


def test_timeouts_count_only_when_they_span_time() -> None:
    """A stalled loop times out everything at once, which says nothing about the tier."""
    made, _ = breaker()
    for _ in range(50):
        made.timed_out(0.0)
    assert made.closed
    made.timed_out(5.1)
    assert not made.closed


def test_a_write_ends_no_row_of_timeouts() -> None:
    """It says that the tier is there, not that a request gets an answer in time; a read in time does."""
    made, _ = breaker()
    for now in (0.0, 2.0, 4.0, 5.5):
        made.timed_out(now)
        made.succeeded(write=True)
    assert made.closed
    made.timed_out(6.0)
    assert made.slow
    made.succeeded(write=True)
    assert not made.closed
    made.succeeded()
    assert made.closed
    assert not made.slow
    for now in (10.0, 12.0, 14.0, 16.0, 18.0, 20.0):
        made.timed_out(now)
        made.succeeded()
    assert made.closed


def test_one_probe_per_rest_and_the_rest_doubles() -> None:
    """Nobody is let through but one background probe; its failure rests the tier for longer, at most a minute."""
    made, told = breaker()
    for _ in range(3):
        made.failed(0.0)
    now, rest = 0.0, FIRST_REST
    for _ in range(6):
        assert not made.due(now + rest * 0.79)
        now += rest * 1.21
        assert made.due(now)
        assert not made.due(now)
        made.failed(now)
        rest = min(rest * 2, LONGEST_REST)
    assert made.due(now + LONGEST_REST * 1.21)
    made.succeeded()
    assert made.closed
    assert told[-2:] == ["half_open", "closed"]


def entry(number: int, expires_at: float = 100.0) -> Entry:
    key = Key(digest=bytes([number]) * 32, scope=b"s" * 32, tenant="t", namespace="n", model="m")
    return Entry(
        key=key,
        request_id="r",
        api="openai.chat",
        provider="openai",
        deployment="d",
        model_served="m",
        created_at=0.0,
        expires_at=expires_at,
        body=b"{}",
        text="",
    )


def test_the_newest_work_per_key_wins_and_deletes_go_first() -> None:
    """An entry that was deleted after it was written must not come back."""
    queue = RecoveryQueue()
    one, two = entry(1), entry(2)
    queue.add(TierWrite(key=one.key, entry=one))
    queue.add(TierWrite(key=two.key, entry=two))
    queue.add(TierWrite(key=one.key, entry=None))
    assert queue.take(now=1.0) == [TierWrite(key=one.key, entry=None), TierWrite(key=two.key, entry=two)]
    assert len(queue) == 0


def test_the_queue_is_bounded_and_forgets_what_has_expired() -> None:
    """The oldest work is dropped first, and counted."""
    queue = RecoveryQueue(limit=3)
    for number in range(5):
        queue.add(TierWrite(key=entry(number).key, entry=entry(number, expires_at=50.0 if number == 4 else 100.0)))
    assert queue.dropped == 2
    assert [work.key.digest[0] for work in queue.take(now=60.0)] == [2, 3]
