"""Keep metric labels bounded: names beyond a limit become `_OTHER`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from beastmode_otel.semconv import OTHER


class Bounded:
    """Admits the first `limit` values for good. Lock-free: a race admits at most one value too many per thread."""

    __slots__ = ("_admitted", "_limit", "overflowed")

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self.overflowed = False  # whether a value was turned away
        self._admitted: set[Hashable] = set()
        for value in known:
            self.admits(value)

    def admits(self, value: Hashable) -> bool:
        if value in self._admitted:
            return True
        if len(self._admitted) >= self._limit:
            self.overflowed = True
            return False
        self._admitted.add(value)
        return True

    def __call__(self, value: str) -> str:
        return value if self.admits(value) else OTHER
