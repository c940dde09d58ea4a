"""How often keys that are not here were asked for: a count-min sketch, 16 to 32 bytes for each entry of the cache."""

from __future__ import annotations

import secrets
from typing import Final

MOST: Final = 15  # a counter saturates here: four bits are enough, a byte is faster in Python
_COUNTERS_PER_KEY: Final = 16  # 8 cost up to a point of hit ratio where many keys come once
_LARGEST: Final = 1 << 22  # bytes; more keys than that make it overestimate, not grow
_HALVED: Final = bytes(count >> 1 for count in range(256))


class Sketch:
    """Not thread-safe. Never underestimates, until it is halved; overestimates where four keys happen to collide.

    capacity: how many keys matter at a time. seed: secret and random by default, so that nobody can prepare keys that
    share their counters with another's; rows are drawn from Python's own keyed hash together with it.
    """

    __slots__ = ("_mask", "_seed", "_table")

    def __init__(self, capacity: int, seed: int | None = None) -> None:
        size = min(_LARGEST, 1 << (capacity * _COUNTERS_PER_KEY - 1).bit_length())
        self._table, self._mask = bytearray(size), size - 1
        self._seed = secrets.randbits(61) if seed is None else seed

    def estimate(self, key: bytes) -> int:
        """0 to MOST."""
        one, two, three, four = self._places(key)
        table = self._table
        return min(table[one], table[two], table[three], table[four])

    def remember(self, key: bytes, count: int) -> None:
        """From now on `key` is estimated at `count` (up to MOST) at least.

        Raising only the counters that are lower ("conservative update") errs less than adding to all four.
        """
        table, count = self._table, min(count, MOST)
        for place in self._places(key):
            if table[place] < count:
                table[place] = count

    def halve(self) -> None:
        """Age: what was popular long ago counts less."""
        self._table = self._table.translate(_HALVED)

    def _places(self, key: bytes) -> tuple[int, int, int, int]:
        mixed, mask = hash((self._seed, key)), self._mask
        first, step = mixed & mask, (mixed >> 32) & mask | 1  # masked early: Python is faster at integers below 2 ** 30
        second = (first + step) & mask
        third = (second + step) & mask
        return first, second, third, (third + step) & mask
