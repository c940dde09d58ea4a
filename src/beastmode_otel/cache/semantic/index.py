"""The vectors of a process, by scope: which stored questions are near."""

from __future__ import annotations

import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final

import numpy as np

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.semantic.ports import Vectors
from beastmode_otel.cache.semantic.scope_index import SCOPE_BYTES, ScopeIndex
from beastmode_otel.cache.tier import Filter
from beastmode_otel.record import record
from beastmode_otel.runtime import in_child

_SLACK: Final = 0.01  # of a length


@record(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A stored question that is near: its entry's key, and the cosine."""

    key: Key
    similarity: float


class Index:
    """The vectors of entries by tenant and scope, at most `max_bytes` with what belongs to them. Thread-safe.

    - `search` compares within one tenant's scope only, and finds no expired entry.
    - What is full drops the scope that was used longest ago; a scope that is that large alone, what expires first.
    - It may hold what its tier has lost meanwhile: whoever finds an entry here fetches it there.
    """

    def __init__(self, max_bytes: int = 256 * 1024 * 1024, *, clock: Callable[[], float] = time.time) -> None:
        self._max_bytes, self._clock = max_bytes, clock
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()  # of whatever changes; a search holds it only to find its scope
        self._scopes: OrderedDict[tuple[str, bytes], ScopeIndex] = OrderedDict()
        self.nbytes = 0

    def add(self, entry: Entry) -> None:
        """An entry with a vector; one of its key before it gives way. One whose vector is none (NaN, or not of length
        1: whatever stands in a store), or that has expired, is left out."""
        vector, now = entry.vector or b"", self._clock()
        if len(vector) % 4 or entry.expires_at <= now:
            return
        row = np.frombuffer(vector, "<f4")
        if not abs(float(row @ row) - 1.0) < _SLACK:  # NaN is no less than anything
            return
        place = (entry.key.tenant, entry.key.scope)
        with self._lock:
            scope = self._used(place)
            if scope is None or scope.dimensions != len(row):
                self._forget(place)
                most_rows = (self._max_bytes - SCOPE_BYTES) // ScopeIndex.row_bytes(len(row))
                scope = self._scopes[place] = ScopeIndex(len(row), most_rows)
                self.nbytes += scope.nbytes
            self.nbytes -= scope.nbytes
            scope.add(_without_answer(entry), row, now)
            self.nbytes += scope.nbytes
            while self.nbytes > self._max_bytes and len(self._scopes) > 1:
                self._forget(next(iter(self._scopes)))

    def search(self, key: Key, row: Vectors, most: int) -> list[Candidate]:
        """The nearest in the scope of `key`, the nearest first. row: (1, dimensions), of length 1."""
        with self._lock:
            scope = self._used((key.tenant, key.scope))
        if scope is None or scope.dimensions != row.shape[1]:
            return []
        found = scope.search(row[0], most, self._clock())
        return [Candidate(key=entry.key, similarity=cosine) for entry, cosine in found]

    def discard(self, key: Key) -> None:
        with self._lock:
            self._discard((key.tenant, key.scope), key.digest)

    def lost(self, key: Key) -> None:
        """No tier has told an entry of it: it is not here any more either. One that was only slow comes back, as its
        scope is read whole the next time."""
        with self._lock:
            scope = self._scopes.get((key.tenant, key.scope))
            if scope is not None:
                scope.read.clear()
                self._discard((key.tenant, key.scope), key.digest)

    def invalidate(self, which: Filter | None) -> None:
        """What the filter covers; None: everything."""
        with self._lock:
            if which is None:
                self._scopes.clear()
                self.nbytes = 0
                return
            now = self._clock()
            for place, scope in list(self._scopes.items()):
                if place[0] == which.tenant and which.scope in (None, place[1]):
                    for entry in scope.entries(which.digest):
                        if which.matches(entry, now):
                            self._discard(place, entry.key.digest)

    # What the tiers have told.

    def read_until(self, key: Key, tier: str) -> float:
        """When the scope of `key` was last read from that tier; -inf for one of which nothing is held any more."""
        with self._lock:
            scope = self._scopes.get((key.tenant, key.scope))
            return -inf if scope is None else scope.read.get(tier, -inf)

    def note_read(self, key: Key, tier: str, at: float) -> None:
        with self._lock:
            scope = self._scopes.get((key.tenant, key.scope))
            if scope is not None:
                scope.read[tier] = at

    def note_cut(self, key: Key) -> None:
        """A tier has more of the scope of `key` than was read."""
        with self._lock:
            scope = self._scopes.get((key.tenant, key.scope))
            if scope is not None:
                scope.cut = True

    def cut(self, key: Key) -> bool:
        """Whether tiers have more of the scope of `key` than is held here: more than was read, or than there is room
        for."""
        with self._lock:
            scope = self._scopes.get((key.tenant, key.scope))
            return scope is not None and scope.cut

    # With the lock held.

    def _used(self, place: tuple[str, bytes]) -> ScopeIndex | None:
        scope = self._scopes.get(place)
        if scope is not None:
            self._scopes.move_to_end(place)
        return scope

    def _discard(self, place: tuple[str, bytes], digest: bytes) -> None:
        scope = self._scopes.get(place)
        if scope is not None:
            scope.discard(digest)
            if not len(scope):
                self._forget(place)

    def _forget(self, place: tuple[str, bytes]) -> None:
        scope = self._scopes.pop(place, None)
        if scope is not None:
            self.nbytes -= scope.nbytes


def _without_answer(entry: Entry) -> Entry:
    """What a `Filter` may ask of it, and no more: its answer is the tiers' to keep."""
    tenant, namespace, model = map(sys.intern, (entry.key.tenant, entry.key.namespace, entry.key.model))
    key = replace(entry.key, tenant=tenant, namespace=namespace, model=model)
    return Entry(
        key=key, request_id=entry.request_id, api="", provider="", deployment="", model_served="",
        created_at=entry.created_at, expires_at=entry.expires_at, body=b"", text="", tags=entry.tags,
    )  # fmt: skip
