"""Which entries a store has answered with, counted in memory: no read of a request waits for a write."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from typing import Final

from beastmode_otel.cache.entry import Key
from beastmode_otel.runtime import in_child

EVERY: Final = 5.0  # seconds
MOST: Final = 1_000
_BOUND: Final = 10_000  # hits that wait for a flush that does not come: the oldest are forgotten


class Hits:
    """Calls `flush` now and then, which must bring `take()` to the database in the background. Thread-safe.

    flush: whether it will be done.
    """

    def __init__(self, flush: Callable[[], bool]) -> None:
        self._flush = flush
        self._start_empty()
        in_child(self._start_empty)  # the parent counts its own

    def _start_empty(self) -> None:
        self._waiting: deque[tuple[str, bytes, float]] = deque(maxlen=_BOUND)
        self._due, self._asked = inf, False

    def add(self, key: Key, now: float) -> None:
        self._waiting.append((key.tenant, key.digest, now))
        self._due = min(self._due, now + EVERY)
        if (now >= self._due or len(self._waiting) >= MOST) and not self._asked:
            self._asked = True
            if not self._flush():
                self._asked = False  # not "= flush()": it may be done by now, and `take` have said so

    def take(self) -> list[tuple[int, float, str, bytes]]:
        """What was counted since: how often, when last, tenant, digest of each entry."""
        self._due, self._asked = inf, False
        counts: dict[tuple[str, bytes], tuple[int, float]] = {}
        for _ in range(len(self._waiting)):
            try:
                tenant, digest, when = self._waiting.popleft()
            except IndexError:  # another thread is taking too
                break
            count, last = counts.get((tenant, digest), (0, when))
            counts[tenant, digest] = (count + 1, max(last, when))
        return [(count, last, tenant, digest) for (tenant, digest), (count, last) in counts.items()]
