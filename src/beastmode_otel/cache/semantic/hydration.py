"""What slower tiers hold of a scope, for the index of this process: after a start, and from other processes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.resilient_tier import ResilientTier
from beastmode_otel.cache.semantic.index import Index
from beastmode_otel.cache.semantic.ports import Vectors
from beastmode_otel.cache.tier import MOST_OF_A_SCOPE, TierUnavailable
from beastmode_otel.observer import TierName
from beastmode_otel.runtime import Job, PoolFull, in_child

AGAIN_SECONDS: Final = 30.0  # after which a scope that is asked for is read again: others may have stored meanwhile
MOST_ENTRIES: Final = MOST_OF_A_SCOPE
NEAREST: Final = 8  # of a scope that is not whole in memory: what a tier finds for one question
MOST_SECONDS: Final = 5.0  # of one reading; what is left then is left until the next
LATE_SECONDS: Final = 120.0  # how much later than it was made an entry may reach a tier: clocks differ, writes wait
_SCOPES: Final = 20_000  # remembered


class Hydration:
    """Brings the entries of a scope into the index when it is first asked for, on the tiers' own threads. Thread-safe.

    - Only tiers that can tell them (`ScopedTier`), and only vectors of this embedder.
    - What a scope has beyond MOST_ENTRIES is sought where it lies (`VectorTier`), one question at a time: what is found
      comes into the index too, and is compared there by the vector that its entry has.
    - Again after AGAIN_SECONDS, and then no more than what is new since, as long as the index still holds the scope.
    """

    def __init__(self, index: Index, embedder: str, dimensions: int) -> None:
        self._index, self._embedder, self._bytes = index, embedder, 4 * dimensions
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._read: OrderedDict[tuple[str, bytes], float] = OrderedDict()

    def begin(self, key: Key, tiers: Sequence[ResilientTier]) -> list[Job[None]]:
        """What is under way now, for those who have a moment to wait for it. Never waits, never raises."""
        able = [tier for tier in tiers if hasattr(tier.tier, "in_scope") and tier.breaker.closed]
        if not able or not self._due(key):
            return []
        jobs: list[Job[None]] = []
        with suppress(PoolFull):
            jobs += [tier.pool.submit(partial(self._bring, key, tier)) for tier in able]
        return jobs

    def reach(
        self, key: Key, row: Vectors, tiers: Sequence[ResilientTier], seconds: float
    ) -> tuple[TierName, Job[bool]] | None:
        """Beyond what was brought: what is nearest to `row` in the first tier that can search. Its name, and a
        job that says whether anything came into the index. None: no tier can. Never waits, never raises."""
        for tier in tiers:
            if hasattr(tier.tier, "nearest") and tier.breaker.closed:
                with suppress(PoolFull):
                    until = time.monotonic() + seconds
                    return tier.name, tier.pool.submit(
                        partial(self._bring_nearest, key, row[0].astype("<f4").tobytes(), tier, until)
                    )
        return None

    def _bring_nearest(self, key: Key, vector: bytes, tier: ResilientTier, until: float) -> bool:
        held: Any = tier.tier
        left = until - time.monotonic()
        found = held.nearest(key, vector, self._embedder, NEAREST, left) if left > 0.0 else []
        for entry in reversed(found):  # in a scope that is full each that comes may cost the one before
            self.take(entry)
        return bool(found)

    def _due(self, key: Key) -> bool:
        now, place = time.monotonic(), (key.tenant, key.scope)
        with self._lock:
            read = self._read.get(place)
            if read is not None and now - read < AGAIN_SECONDS:
                return False
            self._read[place] = now
            self._read.move_to_end(place)
            if len(self._read) > _SCOPES:
                self._read.popitem(last=False)
            return True

    def take(self, entry: Entry) -> None:
        """Into the index, if its vector is one of this embedder."""
        if entry.embedder == self._embedder and entry.vector and len(entry.vector) == self._bytes:
            self._index.add(entry)

    def _bring(self, key: Key, tier: ResilientTier) -> None:
        held: Any = tier.tier
        began, until = time.time(), time.monotonic() + MOST_SECONDS
        since = self._index.read_until(key, held.name) - LATE_SECONDS
        try:
            for number, entry in enumerate(held.in_scope(key, MOST_ENTRIES), 1):
                if entry.created_at < since:
                    break
                self.take(entry)
                if number == MOST_ENTRIES:
                    self._index.note_cut(key)
                if time.monotonic() >= until:
                    self._index.note_cut(key)
                    return
            self._index.note_read(key, held.name, began)
        except TierUnavailable as ill:
            tier.failed(ill)
