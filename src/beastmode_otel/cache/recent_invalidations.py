"""What was invalidated lately: an answer that was asked for before must not be stored after it."""

from __future__ import annotations

import threading
from collections import deque

from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.memory import matches
from beastmode_otel.cache.tier import Filter
from beastmode_otel.runtime import in_child


class RecentInvalidations:
    """The last invalidations and when each was asked for, on the monotonic clock. Bounded, thread-safe.

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

    def cover(self, entry: Entry, *, asked: float, now: float) -> bool:
        """Whether one that came at `asked` or later covers this entry. now: wall clock, for its age."""
        if not self._recent:  # nearly always
            return False
        with self._lock:
            recent, forgotten = tuple(self._recent), self._forgotten
        return asked <= forgotten or any(at >= asked and matches(which, entry, now) for at, which in recent)
