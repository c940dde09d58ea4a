"""The vectors of a process, by scope: which stored questions are near."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.semantic.ports import Vectors
from beastmode_otel.cache.tier import Filter
from beastmode_otel.record import record
from beastmode_otel.runtime import in_child

_SLACK: Final = 0.01  # of a length
Row: TypeAlias = NDArray[np.float32]  # of one dimension
_FIRST: Final = 16  # rows of a new scope, doubled when they are full


@record(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A stored question that is near: its entry's key, and the cosine."""

    key: Key
    similarity: float


class Index:
    """The vectors of entries by tenant and scope, at most `max_bytes` of them. Thread-safe.

    - `search` compares within one tenant's scope only, and finds no expired entry.
    - What is full drops the scope that was used longest ago.
    """

    def __init__(self, max_bytes: int = 256 * 1024 * 1024, *, clock: Callable[[], float] = time.time) -> None:
        self._max_bytes, self._clock = max_bytes, clock
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._scopes: OrderedDict[tuple[str, bytes], _Scope] = OrderedDict()
        self._size = 0

    def add(self, entry: Entry) -> None:
        """An entry with a vector; one of its key before it gives way. One whose vector is none (NaN, or not of length
        1: whatever stands in a store) is left out."""
        row = np.frombuffer(entry.vector or b"", "<f4")
        if not abs(float(row @ row) - 1.0) < _SLACK:  # NaN is no less than anything
            return
        with self._lock:
            scope = self._of(entry.key)
            self._size -= 0 if scope is None else scope.rows.nbytes
            if scope is None or scope.rows.shape[1] != len(row):
                scope = self._scopes[entry.key.tenant, entry.key.scope] = _Scope(len(row))
            scope.put(entry, row, self._clock())
            self._size += scope.rows.nbytes
            self._make_room()

    def search(self, key: Key, row: Vectors, most: int) -> list[Candidate]:
        """The nearest in the scope of `key`, the nearest first. row: (1, dimensions), of length 1."""
        with self._lock:
            scope = self._of(key)
            return (
                [] if scope is None or scope.rows.shape[1] != row.shape[1] else scope.near(row[0], most, self._clock())
            )

    def holds(self, key: Key) -> bool:
        """Whether its scope has any vectors here."""
        return (key.tenant, key.scope) in self._scopes

    def discard(self, key: Key) -> None:
        with self._lock:
            scope = self._of(key)
            if scope is not None:
                scope.drop(key.digest)

    def invalidate(self, which: Filter | None) -> None:
        """What the filter covers; None: everything."""
        with self._lock:
            if which is None:
                self._scopes.clear()
                self._size = 0
                return
            now = self._clock()
            for (tenant, _), scope in self._scopes.items():
                if tenant == which.tenant:
                    for entry in [entry for entry in scope.entries if entry is not None and which.matches(entry, now)]:
                        scope.drop(entry.key.digest)

    def _of(self, key: Key) -> _Scope | None:
        scope = self._scopes.get((key.tenant, key.scope))
        if scope is not None:
            self._scopes.move_to_end((key.tenant, key.scope))
        return scope

    def _make_room(self) -> None:
        while self._size > self._max_bytes and len(self._scopes) > 1:
            _, oldest = self._scopes.popitem(last=False)
            self._size -= oldest.rows.nbytes


class _Scope:
    """Rows of one scope; a row that is free is zero, and near to nothing."""

    def __init__(self, dimensions: int) -> None:
        self.rows = np.zeros((_FIRST, dimensions), np.float32)
        self.entries: list[Entry | None] = [None] * _FIRST
        self._places: dict[bytes, int] = {}
        self._free = list(range(_FIRST))

    def put(self, entry: Entry, row: Row, now: float) -> None:
        place = self._places.get(entry.key.digest)
        if place is None:
            place = self._place(now)
        self.rows[place] = row
        # What is asked of it later; its answer is the tiers' to keep.
        self.entries[place] = _without_answer(entry)
        self._places[entry.key.digest] = place

    def _place(self, now: float) -> int:
        if not self._free:
            for entry in [entry for entry in self.entries if entry is not None and entry.expires_at <= now]:
                self.drop(entry.key.digest)
        if not self._free:
            size = len(self.rows)
            self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
            self.entries += [None] * size
            self._free = list(range(size, 2 * size))
        return self._free.pop()

    def drop(self, digest: bytes) -> None:
        place = self._places.pop(digest, None)
        if place is not None:
            self.rows[place], self.entries[place] = 0.0, None
            self._free.append(place)

    def near(self, row: Row, most: int, now: float) -> list[Candidate]:
        likeness = self.rows @ row
        looked, found = most, list[Candidate]()
        while True:
            # A few are sorted, not all of them: only where those have expired, more.
            places = _nearest(likeness, looked)
            held = [(self.entries[place], likeness[place]) for place in places]
            found = [
                Candidate(key=entry.key, similarity=min(1.0, float(cosine)))
                for entry, cosine in held
                if entry is not None and entry.expires_at > now
            ][:most]
            if len(found) == most or looked >= len(likeness):
                return found
            looked *= 8


def _nearest(likeness: Row, most: int) -> list[int]:
    if most >= len(likeness):
        places = np.arange(len(likeness))
    else:
        places = np.argpartition(likeness, len(likeness) - most)[len(likeness) - most :]
    ordered: list[int] = places[np.argsort(-likeness[places], kind="stable")].tolist()
    return ordered


def _without_answer(entry: Entry) -> Entry:
    return replace(entry, body=b"", text="", question=None, vector=None)
