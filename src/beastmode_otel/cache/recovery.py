"""What could not be written to a tier, and waits until the tier is back."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.runtime import in_child


@dataclass(frozen=True, slots=True, kw_only=True)
class TierWrite:
    """A write (entry) or a delete (entry is None) that a tier has yet to be told."""

    key: Key
    entry: Entry | None


class UnderWay:
    """What was handed over and is not done yet, and what was revoked meanwhile. Thread-safe.

    A write that is revoked must leave nothing behind: an invalidation came after it.
    """

    def __init__(self) -> None:
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._writes: dict[int, TierWrite] = {}
        self._revoked: set[int] = set()

    def begin(self, write: TierWrite) -> None:
        with self._lock:
            self._writes[id(write)] = write

    def end(self, write: TierWrite) -> bool:
        """Whether it was revoked."""
        with self._lock:
            self._writes.pop(id(write), None)
            revoked = id(write) in self._revoked
            self._revoked.discard(id(write))
        return revoked

    def revoke(self, covered: Callable[[TierWrite], bool]) -> None:
        with self._lock:
            self._revoked.update(handle for handle, write in self._writes.items() if covered(write))


class RecoveryQueue:
    """Bounded; the newest write per key wins; the oldest is dropped first. Thread-safe."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self.dropped = 0
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._writes: OrderedDict[tuple[str, bytes], TierWrite] = OrderedDict()

    def __len__(self) -> int:
        return len(self._writes)

    def add(self, write: TierWrite) -> None:
        handle = (write.key.tenant, write.key.digest)
        with self._lock:
            self._writes.pop(handle, None)
            self._writes[handle] = write
            if len(self._writes) > self._limit:
                self._writes.popitem(last=False)
                self.dropped += 1

    def forget(self, covered: Callable[[TierWrite], bool]) -> None:
        """Drop what is `covered`."""
        with self._lock:
            for handle in [handle for handle, write in self._writes.items() if covered(write)]:
                del self._writes[handle]

    def take(self, now: float) -> list[TierWrite]:
        """All that waits, deletes first, without entries that have expired since. Empties the queue."""
        with self._lock:
            queued, self._writes = list(self._writes.values()), OrderedDict()
        alive = [write for write in queued if write.entry is None or write.entry.fresh(now)]
        return sorted(alive, key=lambda write: write.entry is not None)
