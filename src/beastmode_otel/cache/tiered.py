"""All tiers as one cache: read from the fastest, promote what slower ones know, write through."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.resilient_tier import SHORTEST_TTL, ResilientTier
from beastmode_otel.cache.tier import Backplane, Filter, TierUnavailable
from beastmode_otel.observer import AskingScope, Observer, TierName
from beastmode_otel.record import record
from beastmode_otel.runtime import Job, in_child

LOOKUP_SECONDS = 0.3  # what a whole lookup may take of a request
LEAST_TO_CLOSE = 0.5  # seconds for each tier, however long those before it took


@record(frozen=True, slots=True, kw_only=True)
class TierHit:
    """An entry, perhaps expired, and the tier that had it."""

    entry: Entry
    tier: TierName


class Tiered:
    """L1 and the slower tiers. A dead tier never hurts a request: each below L1 is behind its ResilientTier."""

    def __init__(
        self,
        memory: Memory,
        tiers: Sequence[ResilientTier] = (),
        *,
        l1_ttl: float,
        jitter: float = 0.0,
        observer: Observer,
        backplane: Backplane | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """backplane: how other processes hear of invalidations, and this one of theirs. on_forget: who else holds what
        was invalidated; None instead of a filter: everything."""
        self.memory, self.tiers = memory, tiers
        self._l1_ttl, self._jitter, self._observer, self._clock = l1_ttl, jitter, observer, clock
        self._invalidations, self._backplane = RecentInvalidations(), backplane
        self.on_forget: Callable[[Filter | None], None] | None = None
        if backplane is not None:
            backplane.join(self)

    def beside(self) -> Tiered:
        """The same L1 for the callers of another runtime, and what was invalidated lately; its tiers are to be set."""
        other = Tiered(
            self.memory, l1_ttl=self._l1_ttl, jitter=self._jitter, observer=self._observer, clock=self._clock
        )
        # Not joined: what this one hears, it does to the memory and the tiers of both.
        other._invalidations, other._backplane = self._invalidations, self._backplane
        other.on_forget = self.on_forget
        return other

    def fill(self) -> tuple[int, int]:
        """Entries and bytes of L1."""
        return len(self.memory), self.memory.size

    # Reading.

    def lookup_l1(self, key: Key) -> Entry | None:
        """What L1 has, perhaps expired. No I/O."""
        if self._backplane is not None and not self._backplane.listening:
            self._backplane.listen()  # before there is anything here that another process may invalidate
        return self.memory.get(key, self._clock())

    def deadline(self, began: float, seconds: float | None = None) -> float:
        """When a lookup that began then is over, on the monotonic clock. seconds: None for the usual."""
        return began + (LOOKUP_SECONDS if seconds is None else seconds)

    async def lookup_tiers(
        self,
        key: Key,
        lookup: AskingScope,
        serves: Callable[[Entry], bool] = lambda _: True,
        until: float | None = None,
    ) -> TierHit | None:
        """What the slower tiers have, promoted; a fresh entry before an expired one. serves: whether one may be used at
        all; what may not is passed over, and not promoted. until: on the monotonic clock; None: a whole lookup's."""
        asked = time.monotonic()
        until = self.deadline(asked) if until is None else until
        expired: TierHit | None = None
        for depth, tier in enumerate(self.tiers):
            left = until - time.monotonic()
            entry = await tier.get(key, lookup, left, serves) if left > 0 else None
            if entry is None or not serves(entry):
                continue
            found = TierHit(entry=entry, tier=tier.name)
            if entry.fresh(self._clock()):
                for slower in self.tiers[depth + 1 :]:
                    slower.tend()
                self._promote(entry, self.tiers[:depth], asked)
                return found
            expired = expired or found
        return expired

    def late(self, entry: Entry, asked: float) -> None:
        """A slower tier's answer came after its request had stopped waiting: the next one shall find it in L1.

        Unless that has got a newer one meanwhile, as the request went on upstream.
        """
        held = self.lookup_l1(entry.key)
        if held is None or held.created_at < entry.created_at:
            self._promote(entry, (), asked)

    def preload(self, entry: Entry, tier: TierName, asked: float) -> bool:
        """Keep in L1 what a slower tier was seen to hold, before anybody asks for it.

        asked: when that was looked at, on the monotonic clock. False: L1 has one as new, or it must not be served.
        """
        held, now = self.lookup_l1(entry.key), self._clock()
        if held is not None and held.created_at >= entry.created_at:
            return False
        known = all(one.believes(entry) for one in self.tiers if one.name == tier)
        if not known or not entry.fresh(now) or entry.expires_at - now < SHORTEST_TTL:
            return False
        self._keep(entry)
        return not self._undo_if_invalidated(entry, (), asked)

    def _promote(self, entry: Entry, faster: Sequence[ResilientTier], asked: float) -> None:
        if entry.expires_at - self._clock() < SHORTEST_TTL:
            return
        self._keep(entry)
        self._observer.promoted("l1")
        for tier in faster:
            tier.put(entry)
            self._observer.promoted(tier.name)
        self._undo_if_invalidated(entry, faster, asked)

    def _keep(self, entry: Entry) -> None:
        now = self._clock()
        until = now + entry.key.jittered(self._l1_ttl, self._jitter)
        self.memory.put(entry if entry.expires_at <= until else replace(entry, expires_at=until), now)

    # Writing.

    def store(self, entry: Entry, *, asked: float) -> list[Job[None]] | None:
        """Write through: L1 at once, the others in the background; the writes that are under way.

        asked: when its answer was asked for, on the monotonic clock. None: it has been invalidated since, and is gone.
        """
        self._keep(entry)
        jobs = [tier.put(entry) for tier in self.tiers]
        if self._undo_if_invalidated(entry, self.tiers, asked):
            return None
        return [job for job in jobs if job is not None]

    def _undo_if_invalidated(self, entry: Entry, tiers: Sequence[ResilientTier], asked: float) -> bool:
        # Looked at after the writes: an invalidation is noted before it removes, so one of both sees the other.
        if not self._invalidations.cover(entry, asked=asked, now=self._clock()):
            return False
        self.memory.delete(entry.key)
        for tier in tiers:
            tier.delete(entry.key)
        return True

    def invalidate(self, which: Filter) -> int:
        """Remove what matches from every tier; how many entries, of the tier that had the most. Blocks.

        Raises TierUnavailable, after the other tiers were done, when a tier could not be asked: what it holds may be
        served again.
        """
        counts, trouble = [self._forget(which)], None
        for tier in self.tiers:
            try:
                counts.append(tier.invalidate(which))
            except TierUnavailable as ill:
                trouble = ill
        self._forget(which)  # a request may have read it meanwhile from a tier that was not done yet
        if self._backplane is not None:
            try:
                # Last: who hears it must not find it in a shared tier again.
                self._backplane.publish(which, self)
            except TierUnavailable as ill:
                trouble = trouble or ill
        if trouble is not None:
            raise trouble
        return max(counts)

    def _forget(self, which: Filter) -> int:
        """From L1, and what is asked for right now as soon as it comes."""
        self._invalidations.add(which, time.monotonic())
        if self.on_forget is not None:
            self.on_forget(which)
        return self.memory.invalidate(which, self._clock())

    def hear(self, which: Filter) -> None:
        """Another process has invalidated it, and removed it from the tiers that both share."""
        self._forget(which)
        for tier in self.tiers:
            tier.revoke(which)
        files = [tier for tier in self.tiers if tier.tier.system == "sqlite"]  # of this machine, maybe not of the other
        for tier in files:
            with suppress(TierUnavailable):
                tier.invalidate(which)
        if files:
            self._forget(which)

    def missed(self) -> None:
        """Others may have invalidated what L1 has, and what is asked for right now: nobody can tell any more."""
        self._invalidations.cover_all(time.monotonic())
        if self.on_forget is not None:
            self.on_forget(None)
        self.memory.clear()

    # The end.

    def drain(self, timeout: float) -> bool:
        """Wait until what the slower tiers' pools have taken is done. False: `timeout` seconds were not enough."""
        end = time.monotonic() + timeout
        return all(tier.pool.drain(max(0.0, end - time.monotonic())) for tier in self.tiers)

    def close(self, timeout: float = 5.0) -> None:
        """Write what is under way, for about `timeout` seconds in all, and close the slower tiers. Blocks."""
        end = time.monotonic() + timeout
        if self._backplane is not None:
            self._backplane.leave(self)
        for tier in self.tiers:
            tier.close(max(LEAST_TO_CLOSE, end - time.monotonic()))

    async def aclose(self) -> None:
        """Close what the tiers' asynchronous ports have open on this loop; `close` does the rest."""
        for tier in self.tiers:
            await tier.aclose()


class RecentInvalidations:
    """The last invalidations and when each was asked for, on the monotonic clock. Bounded, thread-safe.

    An answer that was asked for before one must not be stored after it.

    What falls out of the list is remembered as if it had covered everything: a needless miss, never a wrong hit.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, Filter]] = deque()
        self._forgotten = float("-inf")

    def add(self, which: Filter, now: float) -> None:
        with self._lock:
            self._recent.append((now, which))
            if len(self._recent) > self._limit:
                self._forgotten, _ = self._recent.popleft()

    def cover_all(self, now: float) -> None:
        """What was asked for until now is covered, whatever it is."""
        with self._lock:
            self._recent.clear()
            self._forgotten = now

    def cover(self, entry: Entry, *, asked: float, now: float) -> bool:
        """Whether one that came at `asked` or later covers this entry. now: wall clock, for its age."""
        if not self._recent and asked > self._forgotten:  # nearly always
            return False
        with self._lock:
            recent, forgotten = tuple(self._recent), self._forgotten
        return asked <= forgotten or any(at >= asked and which.matches(entry, now) for at, which in recent)
