"""Whether one tier is asked, and what waits until it is back: decisions without I/O, the clock is an argument."""

from __future__ import annotations

import random
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import Filter
from beastmode_otel.observer import DeploymentState
from beastmode_otel.runtime import in_child

ERRORS_IN_A_ROW = 3
TIMEOUTS_IN_A_ROW = 5
TIMEOUTS_SPAN = 5.0  # seconds: a stalled event loop times everything out at once, which says nothing about the tier
FIRST_REST, LONGEST_REST = 5.0, 60.0


class TierBreaker:
    """Whether a tier is asked. Thread-safe.

    - Opens after 3 health errors in a row, or 5 timeouts in a row that span at least 5 s (`slow`). Only a read in time
      ends a row of timeouts: that a write was taken says nothing about how long reads are waited for.
    - While open nobody asks the tier; when its rest is over, one background probe does (`due`), never a request.
    - Rests 5 s, doubling to 60 s with jitter. Faults of the data never count.
    """

    def __init__(self, tell: Callable[[DeploymentState], None], rng: random.Random | None = None) -> None:
        self._tell, self._rng = tell, rng or random.Random()
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._state: DeploymentState = "closed"
        self.slow = False  # why it is open: it answers, but too late for a request
        self._errors = self._timeouts = 0
        self._first_timeout = self._reopens = 0.0
        self._rest = FIRST_REST

    @property
    def closed(self) -> bool:
        return self._state == "closed"

    def due(self, now: float) -> bool:
        """True once per rest: the caller must probe the tier and tell the result."""
        if self._state != "open":
            return False
        with self._lock:
            if self._state != "open" or now < self._reopens:
                return False
            self._state = "half_open"
        self._tell("half_open")
        return True

    def succeeded(self, *, write: bool = False) -> None:
        if self._state == "closed" and not self._errors and (write or not self._timeouts):
            return  # the hot path takes no lock
        with self._lock:
            self._errors = 0
            if write and (self.slow or self._state == "closed"):
                return
            changed, self._state = self._state != "closed", "closed"
            self._timeouts, self.slow = 0, False
            self._rest = FIRST_REST
        if changed:
            self._tell("closed")

    def failed(self, now: float) -> None:
        """A health error: refused, reset, broken."""
        with self._lock:
            self._errors += 1
            opened = self._open_if(self._state == "half_open" or self._errors >= ERRORS_IN_A_ROW, now)
        if opened:
            self._tell("open")

    def timed_out(self, now: float) -> None:
        with self._lock:
            self._first_timeout = now if self._timeouts == 0 else self._first_timeout
            self._timeouts += 1
            spans = self._timeouts >= TIMEOUTS_IN_A_ROW and now - self._first_timeout >= TIMEOUTS_SPAN
            opened = self._open_if(self._state == "half_open" or spans, now)
            self.slow = self.slow or opened
        if opened:
            self._tell("open")

    def _open_if(self, reason: bool, now: float) -> bool:
        if not reason or self._state == "open":
            return False
        self._rest = min(self._rest * 2, LONGEST_REST) if self._state == "half_open" else FIRST_REST
        self._state = "open"
        self._reopens = now + self._rest * self._rng.uniform(0.8, 1.2)
        return True


# What could not be written to it.


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


class OwedInvalidations:
    """What a tier could not be told to remove: done when it is back, and until then nothing of it is believed.

    Bounded: of what falls out, all of its tenant is owed. Thread-safe.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._owed: dict[Filter, float] = {}

    def __len__(self) -> int:
        return len(self._owed)

    def add(self, which: Filter, at: float) -> None:
        """at: wall clock, when it was asked for."""
        with self._lock:
            if len(self._owed) >= self._limit:
                tenants = {owed.tenant for owed in self._owed}
                self._owed = {Filter(tenant=tenant): at for tenant in tenants}
            self._owed[which] = at

    def cover(self, entry: Entry) -> bool:
        if not self._owed:  # nearly always
            return False
        with self._lock:
            owed = list(self._owed.items())
        return any(entry.created_at <= at and which.matches(entry, at) for which, at in owed)

    def waiting(self) -> list[tuple[Filter, float]]:
        """All, oldest first. They stay until `done`: what the tier still has must not be believed meanwhile."""
        with self._lock:
            return list(self._owed.items())

    def done(self, which: Filter, at: float) -> None:
        """The tier was told, unless it was owed again since."""
        with self._lock:
            if self._owed.get(which) == at:
                del self._owed[which]


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
