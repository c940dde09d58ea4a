"""One slow tier behind its breaker, its soft timeout and its recovery queue: it may be ill, requests never are."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from beastmode_otel.cache.breaker import OwedInvalidations, RecoveryQueue, TierBreaker, TierWrite, UnderWay
from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import AsyncTier, BlockingTier, Filter, Pending, TierUnavailable
from beastmode_otel.observer import AskingScope, Observer, TierName
from beastmode_otel.runtime import Job, PoolFull, Runtime, WorkerPool, lead_here

PURGE_SECONDS = 300.0
FILL_SECONDS = 1.0  # how old the numbers of `fill` may be
TEND_SECONDS = 1.0  # between two tries to bring what waits, while nobody asks the tier
SHORTEST_TTL = 5.0  # seconds: what would expire sooner is not worth a write
_NOBODYS = Key(digest=bytes(32), scope=bytes(32), tenant="beastmode", namespace="beastmode", model="")


@dataclass(frozen=True, slots=True, kw_only=True)
class TierTimes:
    """ttl: seconds that entries live in the tier, less up to `jitter` of them. soft: seconds that a request waits."""

    ttl: float
    soft: float
    jitter: float = 0.0


class Late(Protocol):
    """What happens to an answer that came after its request had stopped waiting."""

    def __call__(self, entry: Entry, asked: float) -> None:
        """asked: when, on the monotonic clock."""


class ResilientTier:
    """The tiered cache's way to a slow tier. Thread-safe.

    - `get` never raises and never waits longer than its soft timeout. What has been sent is never cancelled: it goes
      on, and a late answer still promotes. An ill tier is skipped, by what waits for a thread of the pool too.
    - `put` and `delete` run on the pool, which is this tier's own; what fails there waits in a bounded queue until the
      tier is back.
    - async_tier: the same store's asynchronous port. Where the runtime may suspend, `get` asks it on the caller's loop,
      and no thread has a part in it. Everything else is the blocking port's.
    """

    def __init__(
        self,
        name: TierName,
        tier: BlockingTier,
        times: TierTimes,
        *,
        pool: WorkerPool,
        runtime: Runtime,
        observer: Observer,
        late: Late,
        async_tier: AsyncTier | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.tier, self.times, self.pool = name, tier, times, pool
        self.async_tier = async_tier
        self._runtime, self._observer, self._late, self._clock = runtime, observer, late, clock
        self._recovery, self._under_way, self._owed = RecoveryQueue(), UnderWay(), OwedInvalidations()
        self._fill, self._count_again, self._purge_again, self._tend_again = (0, 0), 0.0, 0.0, 0.0
        self.breaker = TierBreaker(lambda state: observer.tier_state(name, state))

    def for_runtime(self, runtime: Runtime, late: Late) -> ResilientTier:
        """The same tier for the callers of another runtime: what one of both learns of its health, the other knows."""
        other = ResilientTier(
            self.name, self.tier, self.times, pool=self.pool, runtime=runtime, observer=self._observer, late=late,
            async_tier=self.async_tier, clock=self._clock,
        )  # fmt: skip
        other.breaker, other._owed = self.breaker, self._owed
        other._recovery, other._under_way = self._recovery, self._under_way
        return other

    # Reading.

    async def get(
        self, key: Key, lookup: AskingScope, left: float, serves: Callable[[Entry], bool] = lambda _: True
    ) -> Entry | None:
        """The entry, perhaps an expired one, or one that does not serve; None: a miss, too slow, ill."""
        if not self.breaker.closed:
            self._probe_if_due()
            lookup.access(self.name).finish("skipped")
            return None
        access = lookup.access(self.name)
        try:
            with access.active():
                entry, late = await self._read(key, min(self.times.soft, left))
        except TierUnavailable as ill:
            access.finish("error")
            self.failed(ill)
            return None
        except BaseException:
            access.finish("error")
            raise
        if late:
            access.finish("timeout")
            if left >= self.times.soft:  # else it had less than its time: whether it is slow is known when it answers
                self.breaker.timed_out(time.monotonic())
            return None
        self.breaker.succeeded()
        if entry is not None and not self.believes(entry):  # whatever the tier thinks
            entry = None
        fresh = entry is not None and entry.fresh(self._clock()) and serves(entry)
        access.finish("miss" if entry is None else "hit" if fresh else "stale")
        return entry

    def believes(self, entry: Entry) -> bool:
        """Whether an entry that the tier holds may be used: not one of a clock that runs ahead, nor one that it should
        have removed."""
        return not (entry.ahead(self._clock()) or self._owed.cover(entry))

    async def _read(self, key: Key, soft: float) -> tuple[Entry | None, bool]:
        """The entry, and whether it is too late to wait for it."""
        asked = time.monotonic()
        if self.async_tier is not None and self._runtime.suspends:
            job = self._read_on_loop(self.async_tier, key)
        else:
            pending = self.tier.ask(key)
            # A caller who may block waits on the socket itself: handing it to a thread costs more than the read.
            if pending.ready(0.0 if self._runtime.suspends else soft):
                return pending.take(), False
            job = self._read_on_pool(pending)
        if not await self._runtime.wait(job, max(0.0, asked + soft - time.monotonic())):
            job.add_done_callback(lambda done: self._came_late(done, asked, soft))
            return None, True
        ended = job.exception()
        if ended is not None and not isinstance(ended, Exception):  # the end of its loop or thread, not of this caller
            raise TierUnavailable("the read was stopped", healthy=True) from ended
        return job.result(), False

    def _read_on_pool(self, pending: Pending) -> Job[Entry | None]:
        def take() -> Entry | None:
            # Hundreds of reads may have queued up until a tier that hangs was found ill: nobody waits for them now.
            if self.breaker.closed:
                return pending.take()
            pending.drop()
            return None

        try:
            return self.pool.submit(take)
        except PoolFull:
            pending.drop()
            raise TierUnavailable("the pool is full", healthy=True) from None

    def _read_on_loop(self, tier: AsyncTier, key: Key) -> Job[Entry | None]:
        job: Job[Entry | None] = Job()

        def lost() -> None:
            job.set_exception(TierUnavailable("the loop has ended", healthy=True))

        self._runtime.background(lambda: lead_here(job, tier.get(key)), lost)
        return job

    def _came_late(self, job: Future[Entry | None], asked: float, waited: float) -> None:
        now = time.monotonic()
        if waited < self.times.soft <= now - asked and self.breaker.closed:
            self.breaker.timed_out(now)
        entry = None if job.exception() else job.result()
        if entry is not None and entry.fresh(self._clock()) and not self._owed.cover(entry):
            self._late(entry, asked)

    # Writing.

    def put(self, entry: Entry) -> Job[None] | None:
        """Write it, for at most this tier's time to live. The write that is under way; None: nothing to wait for."""
        until = min(entry.expires_at, self._clock() + entry.key.jittered(self.times.ttl, self.times.jitter))
        if until - self._clock() < SHORTEST_TTL:
            return None
        return self._submit_write(TierWrite(key=entry.key, entry=replace(entry, expires_at=until)))

    def delete(self, key: Key) -> None:
        """Forget it, also what is on its way: now if the tier is well, else as soon as it is."""

        def covered(write: TierWrite) -> bool:
            return write.entry is not None and write.key == key

        self._recovery.forget(covered)
        self._under_way.revoke(covered)
        self._submit_write(TierWrite(key=key, entry=None))

    def invalidate(self, which: Filter) -> int:
        """Remove what matches, also what is on its way to the tier; how many the tier had.

        Raises TierUnavailable when it could not be asked: then it is asked when it is back, and nothing of what it
        should have removed is believed here. Other processes may still find it there.
        """
        now = self._clock()
        self.revoke(which)
        try:
            return self.tier.invalidate(which, now)
        except TierUnavailable:
            self._owed.add(which, now)
            raise

    def revoke(self, which: Filter) -> None:
        """Of what is on its way to the tier, what matches: another process has removed the rest."""
        now = self._clock()

        def covered(write: TierWrite) -> bool:
            return write.entry is not None and which.matches(write.entry, now)

        self._recovery.forget(covered)
        self._under_way.revoke(covered)

    def _submit_write(self, write: TierWrite) -> Job[None] | None:
        self._under_way.begin(write)
        try:
            return self.pool.submit(lambda: self._run_write(write))
        except PoolFull:
            self._under_way.end(write)
            self._enqueue(write)
            return None

    def _run_write(self, write: TierWrite) -> None:
        try:
            self._write(write)
        finally:
            if self._under_way.end(write):
                self._recovery.forget(lambda queued: queued is write)
                self._write(TierWrite(key=write.key, entry=None))

    def _write(self, write: TierWrite) -> None:
        if not self.breaker.closed:
            self._probe_if_due()
            self._enqueue(write)
            return
        access = self._observer.write(self.name)
        result = "error"
        try:
            with access.active():
                if write.entry is None:
                    self.tier.delete(write.key)
                else:
                    self.tier.put(write.entry)
            result = "ok"
            self.breaker.succeeded(write=True)
            self._flush_behind(write.key)
            self._purge_if_due()
        except TierUnavailable as ill:
            self.failed(ill)
            if result == "error" and not (ill.healthy and write.entry):  # an entry's own fault will not heal
                self._recovery.add(write)
        finally:
            access.finish(result)

    def _enqueue(self, write: TierWrite) -> None:
        self._recovery.add(write)
        self._observer.write(self.name).finish("queued")

    def _flush_behind(self, written: Key) -> None:
        """The tier works: bring it what waits for it, except for the key that it has just been told about."""
        if len(self._recovery) or len(self._owed):
            self._recovery.forget(lambda queued: queued.key == written)
            with suppress(PoolFull):
                self.pool.submit(self._flush)

    def _flush(self) -> None:
        for which, at in self._owed.waiting():
            try:
                self.tier.invalidate(which, at)
            except TierUnavailable as ill:
                self.failed(ill)
                return
            self._owed.done(which, at)
        for write in self._recovery.take(self._clock()):
            self._write(write)

    def _purge_if_due(self) -> None:
        """On the thread that has just written: what has expired leaves the tier."""
        now = time.monotonic()
        if now >= self._purge_again:
            self._purge_again = now + PURGE_SECONDS
            self.tier.purge(self._clock())

    # Health.

    def greet(self, tell: Callable[[str], None]) -> None:
        """Ask it once, on the pool: the first request finds a connection, and people hear of a tier that is ill."""

        def ask() -> None:
            try:
                self.tier.ping()
            except TierUnavailable as ill:
                self.failed(ill)
                tell(ill.reason)

        with suppress(PoolFull):
            self.pool.submit(ask)

    def failed(self, ill: TierUnavailable) -> None:
        """Whatever was asked of the tier: whether it says something about its health is for the breaker."""
        if not ill.healthy:
            self.breaker.failed(time.monotonic())

    def tend(self) -> None:
        """Nobody asks it, as a faster tier has the answer: a rest that is over must end all the same, and what waits be
        brought. Never waits."""
        if not self.breaker.closed:
            self._probe_if_due()
        elif (len(self._recovery) or len(self._owed)) and time.monotonic() >= self._tend_again:
            self._tend_again = time.monotonic() + TEND_SECONDS
            with suppress(PoolFull):
                self.pool.submit(self._flush)

    def _probe_if_due(self) -> None:
        if self.breaker.due(time.monotonic()):
            try:
                self.pool.submit(self._probe)
            except PoolFull:
                self.breaker.failed(time.monotonic())

    def _probe(self) -> None:
        try:
            self.tier.ping()
            in_time = not self.breaker.slow or self._reads_in_time()
        except TierUnavailable:
            self.breaker.failed(time.monotonic())
            return
        if not in_time:
            self.breaker.timed_out(time.monotonic())
            return
        self.breaker.succeeded()
        self._flush()

    def _reads_in_time(self) -> bool:
        """Whether one of two reads, of what nobody has stored, takes no longer than a request would wait."""
        for _ in range(2):
            began = time.monotonic()
            self.tier.ask(_NOBODYS).take()
            if time.monotonic() - began <= self.times.soft:
                return True
        return False

    def fill(self) -> tuple[int, int]:
        """Entries and bytes, at most some seconds old: counting rows at each collection would cost too much."""
        now = time.monotonic()
        if now >= self._count_again and self.breaker.closed:
            self._count_again = now + FILL_SECONDS
            stats = self.tier.stats()
            self._fill = stats.entries, stats.size
        return self._fill

    @property
    def queued(self) -> int:
        """Writes and deletes that wait for the tier."""
        return len(self._recovery)

    # The end.

    def close(self, timeout: float) -> None:
        """Finish what the pool has taken, for at most `timeout` seconds, then close the tier."""
        self.pool.close(timeout)
        self.tier.close()

    async def aclose(self) -> None:
        """Close what the asynchronous port has open on this loop."""
        if self.async_tier is not None and self._runtime.suspends:
            await self.async_tier.aclose()
