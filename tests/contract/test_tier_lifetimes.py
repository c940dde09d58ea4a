"""How long entries live in L1 and a slower tier together: jitter, promotion, and clocks that are set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.resilient_tier import ResilientTier, TierTimes
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.observer import NULL_SCOPE, NullObserver
from beastmode_otel.runtime import BlockingRuntime, WorkerPool, run_sync
from beastmode_otel.testing import Stand
from contract.samples import NOW, entry, key
from contract.stands import STANDS

L1_TTL, TTL = 100.0, 1000.0
DAY = 86_400.0


class Tiers:
    """Two processes with an L1 of their own over one store, whose clock is moved."""

    def __init__(self, stand: Stand, *, jitter: float = 0.0, stale: float = 0.0) -> None:
        self.stand, self.jitter, self.stale, self._made = stand, jitter, stale, list[Tiered]()

    def process(self) -> Tiered:
        tiered = Tiered(
            Memory(max_entries=20_000, stale=self.stale), l1_ttl=L1_TTL, jitter=self.jitter, observer=NullObserver(),
            clock=self.stand.clock,
        )  # fmt: skip
        tiered.tiers = [
            ResilientTier(
                "l3",
                self.stand.tier(stale=self.stale),
                TierTimes(ttl=TTL, soft=20.0, jitter=self.jitter),
                pool=WorkerPool("l3"),
                runtime=BlockingRuntime(),
                observer=NullObserver(),
                late=tiered.late,
                clock=self.stand.clock,
            )
        ]
        self._made.append(tiered)
        return tiered

    def pass_time(self, seconds: float) -> None:
        self.stand.clock.now += seconds

    def close(self) -> None:
        for tiered in self._made:
            tiered.tiers[0].pool.close(10)


@pytest.fixture(params=STANDS)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    made = STANDS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def tiers(stand: Stand) -> Iterator[Tiers]:
    made = Tiers(stand)
    yield made
    made.close()


def store(tiered: Tiered, *entries: Entry) -> None:
    for one in entries:
        tiered.store(one, asked=0.0)
    assert tiered.drain(30)


def find(tiered: Tiered, of: Any = None) -> Entry | None:
    """What a request would be answered with: fresh, from L1 or else from the slower tier, which promotes it."""
    now = tiered._clock()
    held = tiered.lookup_l1(of or key())
    if held is not None and held.fresh(now):
        return held
    found = run_sync(tiered.lookup_tiers(of or key(), NULL_SCOPE))
    return found.entry if found is not None and found.entry.fresh(now) else None


def in_l1(tiered: Tiered) -> Entry | None:
    return tiered.lookup_l1(key())


# Promotion.


@pytest.mark.parametrize("life", [60.0, 900.0])
def test_promotion_keeps_what_is_left_of_a_life(life: float, tiers: Tiers) -> None:
    """Copied up at any time, again and again, an answer ends when it was to end; never later."""
    store(tiers.process(), entry(ttl=life))
    served = 0
    for second in range(0, 1100, 10):
        tiers.stand.clock.now = NOW + second
        found = find(tiers.process() if second % 50 == 0 else tiers._made[-1])
        assert (found is not None) == (second < life), second
        held = in_l1(tiers._made[-1])
        if found is not None and held is not None:
            assert held.expires_at <= NOW + life
            assert held.expires_at <= tiers.stand.clock.now + L1_TTL
            served += 1
    assert served > 2


def test_what_is_left_is_left_exactly(tiers: Tiers) -> None:
    store(tiers.process(), entry(ttl=900.0))
    tiers.pass_time(850)
    second = tiers.process()
    assert find(second) is not None
    assert in_l1(second).expires_at == NOW + 900  # type: ignore[union-attr]


def test_what_is_about_to_end_is_not_copied_up(tiers: Tiers) -> None:
    store(tiers.process(), entry(ttl=900.0))
    tiers.pass_time(896)
    second = tiers.process()
    assert find(second) is not None
    assert in_l1(second) is None


# Jitter.


@pytest.mark.parametrize("jitter", [0.1, 0.5, 0.99])
def test_jitter_only_shortens_and_is_the_same_wherever_an_entry_lies(jitter: float, stand: Stand) -> None:
    """Each entry has its own part of it: in L1 after the write and after a promotion, and in the store."""
    tiers = Tiers(stand, jitter=jitter)
    first, second = tiers.process(), tiers.process()
    keys = [key(n) for n in range(60)]
    store(first, *(entry(one, ttl=one.jittered(10 * DAY, jitter)) for one in keys))
    parts = set()
    for one in keys:
        part = 1 - one.jittered(1.0, jitter)
        assert 0 <= part < jitter
        parts.add(round(part, 9))
        assert find(second, one) is not None
        stored = first.tiers[0].tier.ask(one).take()
        lives = [tiered.lookup_l1(one).expires_at - NOW for tiered in (first, second)]  # type: ignore[union-attr]
        assert lives == pytest.approx([L1_TTL * (1 - part)] * 2)
        assert stored.expires_at - NOW == pytest.approx(TTL * (1 - part))
    assert len(parts) == len(keys)
    tiers.close()


def test_without_jitter_lives_are_what_they_are_said_to_be(tiers: Tiers) -> None:
    first = tiers.process()
    store(first, *(entry(key(n), ttl=10 * DAY) for n in range(5)))
    assert {first.lookup_l1(key(n)).expires_at for n in range(5)} == {NOW + L1_TTL}  # type: ignore[union-attr]
    assert {first.tiers[0].tier.ask(key(n)).take().expires_at for n in range(5)} == {NOW + TTL}


COUNT, JITTER = 10_000, 0.1
MOST = 0.06  # of the entries, in any twentieth of the spread


@pytest.mark.parametrize("names", ["texts", "counted"])
def test_what_was_written_together_does_not_expire_together(names: str, tmp_path: Path) -> None:
    """10,000 entries of one second, in L1 and in the store: at most 6 % in any twentieth of the jitter's spread."""
    tiers = Tiers(STANDS["socket"](tmp_path), jitter=JITTER)
    first = tiers.process()
    keys = [key(n) for n in range(COUNT)]
    if names == "counted":  # a digest need not look random
        keys = [type(one)(digest=n.to_bytes(32), scope=one.scope, tenant=one.tenant, namespace="", model="")
                for n, one in enumerate(keys)]  # fmt: skip
    for n, one in enumerate(keys):
        now = tiers.stand.clock.now = NOW + n / COUNT
        first.store(entry(one, created_at=now, expires_at=now + one.jittered(10 * DAY, JITTER), body=b"{}"), asked=0.0)
        if n % 500 == 0:
            assert first.drain(30)
    assert first.drain(30)
    in_memory = [node.entry.expires_at for node in first.memory._nodes.values()]
    in_store = [one.expires_at for one in first.tiers[0].tier.scan(None, COUNT)]
    for expiries, ttl in ((in_memory, L1_TTL), (in_store, TTL)):
        assert len(expiries) == COUNT
        assert most_in_one(expiries, ttl * JITTER / 20) <= MOST * COUNT
    tiers.close()
    tiers.stand.close()


def most_in_one(moments: list[float], span: float) -> int:
    """The most of `moments` that lie within any stretch of `span` seconds, wherever it begins."""
    moments, begin, most = sorted(moments), 0, 0
    for end, moment in enumerate(moments):
        while moment - moments[begin] > span:
            begin += 1
        most = max(most, end - begin + 1)
    return most


def test_most_in_one_finds_the_thickest_stretch() -> None:
    moments = [0.0, 4.9, 5.0, 5.1, 9.0]
    assert most_in_one(moments, 0.2) == 3
    assert Counter(int(moment) for moment in moments)[5] == 2  # which fixed stretches would hide


# Clocks.


def test_a_clock_that_is_set_back_makes_a_miss_that_a_new_answer_replaces(tiers: Tiers) -> None:
    """Beyond the skew nobody knows how old it is, in L1 and in the store; the new answer is found in both."""
    first = tiers.process()
    store(first, entry(request_id="ahead"))
    tiers.pass_time(-3600)
    assert find(first) is None
    assert find(tiers.process()) is None
    store(first, entry(created_at=NOW - 3600, expires_at=NOW - 3500, request_id="now"))
    assert find(first).request_id == "now"  # type: ignore[union-attr]
    assert find(tiers.process()).request_id == "now"  # type: ignore[union-attr]


def test_a_clock_that_is_set_back_within_the_skew_changes_nothing(tiers: Tiers) -> None:
    first = tiers.process()
    store(first, entry())
    tiers.pass_time(-59)
    assert find(first) is not None
    second = tiers.process()
    assert find(second) is not None
    assert in_l1(second).expires_at <= NOW + 100  # type: ignore[union-attr]


@pytest.mark.parametrize("life", [90.0, 900.0])
def test_a_clock_that_was_ahead_while_copying_up_lengthens_no_life(life: float, tiers: Tiers) -> None:
    """L1 was filled by a wrong clock: set right, the entry ends with its own life all the same."""
    store(tiers.process(), entry(ttl=life))
    second = tiers.process()
    tiers.pass_time(life / 2)  # the clock of this machine runs ahead, and is set right after it has copied up
    assert find(second) is not None
    tiers.stand.clock.now = NOW
    assert find(second) is not None
    tiers.stand.clock.now = NOW + life
    assert find(second) is None
    assert find(tiers.process()) is None


def test_a_clock_that_is_set_forward_ends_lives_early_and_back_again_serves_nothing_wrong(tiers: Tiers) -> None:
    """A needless miss, never an answer past its life; what was made meanwhile by the wrong clock is a miss after it."""
    first = tiers.process()
    store(first, entry(request_id="before"))
    tiers.pass_time(DAY)
    assert find(first) is None
    store(first, entry(created_at=NOW + DAY, expires_at=NOW + DAY + 100, request_id="by the wrong clock"))
    assert find(first).request_id == "by the wrong clock"  # type: ignore[union-attr]
    tiers.stand.clock.now = NOW + 50
    assert find(first) is None
    assert find(tiers.process()) is None
    store(first, entry(created_at=NOW + 50, expires_at=NOW + 150, request_id="after"))
    assert find(tiers.process()).request_id == "after"  # type: ignore[union-attr]


@pytest.mark.parametrize("moved", [-3600.0, 3600.0])
def test_nothing_of_another_time_stands_in_for_a_failing_provider(moved: float, stand: Stand) -> None:
    """Within stale_if_error an expired entry is found, but none of a clock that ran ahead, nor one beyond the limit."""
    tiers = Tiers(stand, stale=60.0)
    first = tiers.process()
    store(first, entry(ttl=100))
    tiers.pass_time(130)
    expired = run_sync(first.lookup_tiers(key(), NULL_SCOPE))
    assert expired is not None
    assert not expired.entry.fresh(stand.clock.now)
    tiers.stand.clock.now = NOW + moved
    assert first.lookup_l1(key()) is None
    assert run_sync(tiers.process().lookup_tiers(key(), NULL_SCOPE)) is None
    tiers.close()
