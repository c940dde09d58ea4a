"""All tiers as one cache: read from the fastest, promote what slower ones know, write through."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.recent_invalidations import Voids
from beastmode_otel.cache.resilient_tier import SHORTEST_STAY, Shelf
from beastmode_otel.cache.tier import Filter, TierUnavailable
from beastmode_otel.observer import LookupScope, Observer, TierName
from beastmode_otel.record import record
from beastmode_otel.runtime import Job

LOOKUP_SECONDS = 0.3  # what a whole lookup may take of a request


@record(frozen=True, slots=True, kw_only=True)
class Found:
    """An entry and where it was."""

    entry: Entry
    tier: TierName


class Tiered:
    """L1 and the slower tiers. A dead tier never hurts a request: everything below L1 is behind a Shelf."""

    def __init__(
        self,
        memory: Memory,
        shelves: Sequence[Shelf] = (),
        *,
        l1_ttl: float,
        observer: Observer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.memory, self.shelves = memory, shelves
        self._l1_ttl, self._observer, self._clock = l1_ttl, observer, clock
        self._voids = Voids()

    def fill(self) -> tuple[int, int]:
        """Entries and bytes of L1."""
        return len(self.memory), self.memory.size

    # Reading.

    def at_hand(self, key: Key) -> Entry | None:
        """What L1 has, perhaps expired. No I/O."""
        return self.memory.get(key, self._clock())

    async def find(self, key: Key, lookup: LookupScope) -> Found | None:
        """What the slower tiers have, promoted; a fresh entry before an expired one."""
        asked = time.monotonic()
        until = asked + LOOKUP_SECONDS
        expired: Found | None = None
        for depth, shelf in enumerate(self.shelves):
            left = until - time.monotonic()
            entry = await shelf.get(key, lookup, left) if left > 0 else None
            if entry is None:
                continue
            found = Found(entry=entry, tier=shelf.name)
            if entry.fresh(self._clock()):
                self._promote(entry, self.shelves[:depth], asked)
                return found
            expired = expired or found
        return expired

    def late(self, entry: Entry, asked: float) -> None:
        """A slower tier's answer came after its request had stopped waiting: the next one shall find it in L1.

        Unless that has got a newer one meanwhile, as the request went on upstream.
        """
        held = self.at_hand(entry.key)
        if held is None or held.created_at < entry.created_at:
            self._promote(entry, (), asked)

    def _promote(self, entry: Entry, faster: Sequence[Shelf], asked: float) -> None:
        if entry.expires_at - self._clock() < SHORTEST_STAY:
            return
        self._keep(entry)
        self._observer.promoted("l1")
        for shelf in faster:
            shelf.put(entry)
            self._observer.promoted(shelf.name)
        self._undo_if_void(entry, faster, asked)

    def _keep(self, entry: Entry) -> None:
        now = self._clock()
        self.memory.put(replace(entry, expires_at=min(entry.expires_at, now + self._l1_ttl)), now)

    # Writing.

    def store(self, entry: Entry, *, asked: float) -> list[Job[None]] | None:
        """Write through: L1 at once, the others in the background; the writes that are under way.

        asked: when its answer was asked for, on the monotonic clock. None: it has been invalidated since, and is gone.
        """
        self._keep(entry)
        jobs = [shelf.put(entry) for shelf in self.shelves]
        if self._undo_if_void(entry, self.shelves, asked):
            return None
        return [job for job in jobs if job is not None]

    def _undo_if_void(self, entry: Entry, shelves: Sequence[Shelf], asked: float) -> bool:
        # Looked at after the writes: an invalidation is noted before it removes, so one of both sees the other.
        if not self._voids.mean(entry, asked=asked, now=self._clock()):
            return False
        self.memory.delete(entry.key)
        for shelf in shelves:
            shelf.delete(entry.key)
        return True

    def invalidate(self, which: Filter) -> int:
        """Remove what matches from every tier; how many entries, of the tier that had the most. Blocks.

        Raises TierUnavailable, after the other tiers were done, when a tier could not be asked: what it holds may be
        served again.
        """
        now = self._clock()
        self._voids.add(which, time.monotonic())
        counts, trouble = [self.memory.invalidate(which, now)], None
        for shelf in self.shelves:
            try:
                counts.append(shelf.invalidate(which))
            except TierUnavailable as ill:
                trouble = ill
        if trouble is not None:
            raise trouble
        return max(counts)

    def close(self) -> None:
        """Close the slower tiers. The lane must be drained before."""
        for shelf in self.shelves:
            shelf.tier.close()
