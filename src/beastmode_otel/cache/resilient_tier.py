"""One slow tier behind its breaker, its soft timeout and its recovery queue: it may be ill, requests never are."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from beastmode_otel.cache.breaker import TierBreaker
from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.memory import matches
from beastmode_otel.cache.recovery import RecoveryQueue, UnderWay, Work
from beastmode_otel.cache.tier import BlockingTier, Filter, TierUnavailable
from beastmode_otel.observer import LookupScope, Observer, TierName
from beastmode_otel.runtime import Job, Lane, LaneFull, Runtime

PURGE_SECONDS = 300.0
FILL_SECONDS = 1.0  # how old the numbers of `fill` may be
SHORTEST_STAY = 5.0  # seconds: what would expire sooner is not worth a write


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """How long entries stay in a tier. ttl: seconds. soft: seconds that a request waits for it."""

    ttl: float
    soft: float


class Late(Protocol):
    """What happens to an answer that came after its request had stopped waiting."""

    def __call__(self, entry: Entry, asked: float) -> None:
        """asked: when, on the monotonic clock."""


class Shelf:
    """The tiered cache's way to a slow tier. Thread-safe.

    - `get` never raises and never waits longer than its soft timeout; the question goes on, and a late answer still
      promotes. An ill tier is skipped.
    - `put` and `delete` run on the lane; what fails there waits in a bounded queue until the tier is back.
    """

    def __init__(
        self,
        name: TierName,
        tier: BlockingTier,
        stay: Stay,
        *,
        lane: Lane,
        runtime: Runtime,
        observer: Observer,
        late: Late,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.tier, self.stay = name, tier, stay
        self._lane, self._runtime, self._observer, self._late, self._clock = lane, runtime, observer, late, clock
        self._recovery, self._under_way = RecoveryQueue(), UnderWay()
        self._fill, self._count_again, self._purge_again = (0, 0), 0.0, 0.0
        self.breaker = TierBreaker(lambda state: observer.tier_state(name, state))

    # Reading.

    async def get(self, key: Key, lookup: LookupScope, left: float) -> Entry | None:
        """The entry, perhaps an expired one; None: a miss, too slow, ill."""
        if not self.breaker.closed:
            self._probe_if_due()
            lookup.access(self.name).finish("skipped")
            return None
        access = lookup.access(self.name)
        try:
            with access.active():
                entry, late = await self._ask(key, min(self.stay.soft, left))
        except TierUnavailable as ill:
            access.finish("error")
            self._count(ill)
            return None
        except BaseException:
            access.finish("error")
            raise
        if late:
            access.finish("timeout")
            self.breaker.timed_out(time.monotonic())
            return None
        self.breaker.succeeded()
        access.finish("miss" if entry is None else "hit" if entry.fresh(self._clock()) else "stale")
        return entry

    async def _ask(self, key: Key, soft: float) -> tuple[Entry | None, bool]:
        """The entry, and whether it is too late to wait for it."""
        asked, pending = time.monotonic(), self.tier.ask(key)
        if pending.ready(0.0):
            return pending.take(), False
        try:
            job: Job[Entry | None] = self._lane.submit(pending.take)
        except LaneFull:
            raise TierUnavailable("the lane is full", healthy=True) from None
        if await self._runtime.wait(job, soft):
            return job.result(), False
        job.add_done_callback(lambda done: self._came_late(done, asked))
        return None, True

    def _came_late(self, job: Future[Entry | None], asked: float) -> None:
        entry = None if job.exception() else job.result()
        if entry is not None and entry.fresh(self._clock()):
            self._late(entry, asked)

    # Writing.

    def put(self, entry: Entry) -> Job[None] | None:
        """Write it, for at most this tier's time to live. The write that is under way; None: nothing to wait for."""
        stays = min(entry.expires_at, self._clock() + self.stay.ttl)
        if stays - self._clock() < SHORTEST_STAY:
            return None
        return self._do(Work(key=entry.key, entry=replace(entry, expires_at=stays)))

    def delete(self, key: Key) -> None:
        """Forget it, also what is on its way: now if the tier is well, else as soon as it is."""

        def means(work: Work) -> bool:
            return work.entry is not None and work.key == key

        self._recovery.forget(means)
        self._under_way.void(means)
        self._do(Work(key=key, entry=None))

    def invalidate(self, which: Filter) -> int:
        """Remove what matches, also what is on its way to the tier; how many the tier had. Raises TierUnavailable."""
        now = self._clock()

        def means(work: Work) -> bool:
            return work.entry is not None and matches(which, work.entry, now)

        self._recovery.forget(means)
        self._under_way.void(means)
        return self.tier.invalidate(which, now)

    def _do(self, work: Work) -> Job[None] | None:
        self._under_way.begin(work)
        try:
            return self._lane.submit(lambda: self._through(work))
        except LaneFull:
            self._under_way.end(work)
            self._owe(work)
            return None

    def _through(self, work: Work) -> None:
        try:
            self._write(work)
        finally:
            if self._under_way.end(work):
                self._recovery.forget(lambda owed: owed is work)
                self._write(Work(key=work.key, entry=None))

    def _write(self, work: Work) -> None:
        if not self.breaker.closed:
            self._probe_if_due()
            self._owe(work)
            return
        access = self._observer.write(self.name)
        result = "error"
        try:
            with access.active():
                if work.entry is None:
                    self.tier.delete(work.key)
                else:
                    self.tier.put(work.entry)
            result = "ok"
            self.breaker.succeeded()
            self._pay(but=work.key)
            self._purge_if_due()
        except TierUnavailable as ill:
            self._count(ill)
            if result == "error" and not (ill.healthy and work.entry):  # an entry's own fault will not heal
                self._recovery.add(work)
        finally:
            access.finish(result)

    def _pay(self, *, but: Key) -> None:
        """The tier works: bring it what it is owed, except for a key that it has just been told about."""
        if len(self._recovery):
            self._recovery.forget(lambda work: work.key == but)
            with suppress(LaneFull):
                self._lane.submit(self._pay_all)

    def _pay_all(self) -> None:
        for work in self._recovery.take(self._clock()):
            self._write(work)

    def _owe(self, work: Work) -> None:
        self._recovery.add(work)
        self._observer.write(self.name).finish("queued")

    def _purge_if_due(self) -> None:
        """On the thread that has just written: what has expired leaves the tier."""
        now = time.monotonic()
        if now >= self._purge_again:
            self._purge_again = now + PURGE_SECONDS
            self.tier.purge(self._clock())

    # Health.

    def _count(self, ill: TierUnavailable) -> None:
        if not ill.healthy:
            self.breaker.failed(time.monotonic())

    def _probe_if_due(self) -> None:
        if self.breaker.due(time.monotonic()):
            try:
                self._lane.submit(self._probe)
            except LaneFull:
                self.breaker.failed(time.monotonic())

    def _probe(self) -> None:
        try:
            self.tier.ping()
        except TierUnavailable:
            self.breaker.failed(time.monotonic())
            return
        self.breaker.succeeded()
        self._pay_all()

    def fill(self) -> tuple[int, int]:
        """Entries and bytes, at most some seconds old: counting rows at each collection would cost too much."""
        now = time.monotonic()
        if now >= self._count_again and self.breaker.closed:
            self._count_again = now + FILL_SECONDS
            stats = self.tier.stats()
            self._fill = stats.entries, stats.size
        return self._fill

    @property
    def owed(self) -> int:
        """Writes and deletes that wait for the tier."""
        return len(self._recovery)
