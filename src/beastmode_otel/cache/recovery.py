"""What could not be written to a tier, and waits until the tier is back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.runtime import in_child


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A write (entry) or a delete (entry is None) that is still owed."""

    key: Key
    entry: Entry | None


class UnderWay:
    """Work that was handed over and is not done yet, and what was voided meanwhile. Thread-safe.

    A write that is voided must leave nothing behind: an invalidation came after it.
    """

    def __init__(self) -> None:
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._work: dict[int, Work] = {}
        self._void: set[int] = set()

    def begin(self, work: Work) -> None:
        with self._lock:
            self._work[id(work)] = work

    def end(self, work: Work) -> bool:
        """Whether it was voided."""
        with self._lock:
            self._work.pop(id(work), None)
            voided = id(work) in self._void
            self._void.discard(id(work))
        return voided

    def void(self, means: Callable[[Work], bool]) -> None:
        with self._lock:
            self._void.update(handle for handle, work in self._work.items() if means(work))


class RecoveryQueue:
    """Bounded; the newest work per key wins; the oldest is dropped first. Thread-safe."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self.dropped = 0
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._work: OrderedDict[tuple[str, bytes], Work] = OrderedDict()

    def __len__(self) -> int:
        return len(self._work)

    def add(self, work: Work) -> None:
        handle = (work.key.tenant, work.key.digest)
        with self._lock:
            self._work.pop(handle, None)
            self._work[handle] = work
            if len(self._work) > self._limit:
                self._work.popitem(last=False)
                self.dropped += 1

    def forget(self, means: Callable[[Work], bool]) -> None:
        """Owe no more what `means` says."""
        with self._lock:
            for handle in [handle for handle, work in self._work.items() if means(work)]:
                del self._work[handle]

    def take(self, now: float) -> list[Work]:
        """Everything that is owed, deletes first, without entries that have expired since. Empties the queue."""
        with self._lock:
            owed, self._work = list(self._work.values()), OrderedDict()
        alive = [work for work in owed if work.entry is None or work.entry.fresh(now)]
        return sorted(alive, key=lambda work: work.entry is not None)
