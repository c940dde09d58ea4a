"""The vectors of one scope, in memory: adding, finding the nearest, dropping what has expired."""

from __future__ import annotations

import threading
from typing import Final

import numpy as np
from numpy.typing import NDArray

from beastmode_otel.cache.entry import Entry

# Rows that one product walks through. Small enough that OpenBLAS asks no other thread of the application for help, and
# that the signs of a block stay in the processor's own cache.
BLOCK: Final = 4096
FIRST: Final = 2  # rows of a new scope, doubled up to a block: each turn of a conversation is a scope of its own
PLAIN: Final = 2  # blocks that are compared whole; from there on the signs choose first (docs/decisions.md)
RESCORED: Final = 64  # rows that the signs choose
ROW_BYTES: Final = 480  # of an entry beside its vector, and of a scope beside its entries: Python's own objects
SCOPE_BYTES: Final = 2000
_FREE: Final = 2**15  # more signs than any two vectors differ in
_NOBODY: Final = -2.0  # less than any cosine


class ScopeIndex:
    """Entries and their vectors, at most `most_rows` of them: then those that expire first give way. Thread-safe.

    - `search` finds none that has expired or was discarded: its row is zero and marked.
    - It holds the lock while it searches (2 ms among 100,000): on a copy, a row that is being replaced could be read
      half old, half new, with a cosine that neither has.
    - `read`: until when each tier's entries are in it, by the tier's name. `cut`: whether some tier has more.
    """

    def __init__(self, dimensions: int, most_rows: int) -> None:
        self.read: dict[str, float] = {}
        self.cut = False
        self.dimensions, self._most = dimensions, max(FIRST, most_rows)
        self._lock = threading.Lock()
        self._blocks = [_Block(FIRST, dimensions)]
        self._entries: list[Entry | None] = [None] * FIRST
        self._places: dict[bytes, int] = {}
        self._free = list(range(FIRST))
        self._soonest = np.inf

    @staticmethod
    def row_bytes(dimensions: int) -> int:
        return _Block(1, dimensions).nbytes + ROW_BYTES

    @property
    def nbytes(self) -> int:
        """Roughly, with what is reserved."""
        return SCOPE_BYTES + len(self._entries) * ROW_BYTES + sum(block.nbytes for block in self._blocks)

    def __len__(self) -> int:
        return len(self._places)

    def entries(self, digest: bytes | None) -> list[Entry]:
        """The one of that digest; None: all."""
        with self._lock:
            if digest is None:
                return [entry for entry in self._entries if entry is not None]
            place = self._places.get(digest)
            entry = None if place is None else self._entries[place]
            return [] if entry is None else [entry]

    def add(self, entry: Entry, vector: NDArray[np.float32], now: float) -> None:
        """Found from now on, in the place of one of its digest. vector: of length 1. The entry is kept as it is."""
        with self._lock:
            place = self._places.get(entry.key.digest)
            if place is None:
                place = self._place(now)
            block, row = self._at(place)
            block.put(row, vector, entry.expires_at)
            self._entries[place] = entry
            self._places[entry.key.digest] = place
            self._soonest = min(self._soonest, entry.expires_at)

    def discard(self, digest: bytes) -> None:
        with self._lock:
            place = self._places.get(digest)
            if place is not None:
                self._clear(place)

    def search(self, vector: NDArray[np.float32], most: int, now: float) -> list[tuple[Entry, float]]:
        """The nearest, the best first, with their cosines."""
        # A wider number would widen each row for every search: eight times the time.
        asked = np.ascontiguousarray(vector, np.float32)
        with self._lock:
            self._expire(now)
            if len(self._blocks) <= PLAIN:
                whole = [block.cosines(asked) for block in self._blocks]
                cosines = np.concatenate(whole) if len(whole) > 1 else whole[0]
                places = _highest(cosines, most)
                cosines = cosines[places]
            else:
                places = self._likely(asked, max(RESCORED, 4 * most))
                if not len(places):
                    return []
                cosines = np.stack([block.rows[row] for block, row in map(self._at, places.tolist())]) @ asked
            best = np.argsort(-cosines, kind="stable")[:most]
            found = [
                (self._entries[place], cosine)
                for place, cosine in zip(places[best].tolist(), cosines[best].tolist(), strict=True)
            ]
        # A question that is no vector (NaN) is near to nobody.
        return [(entry, min(cosine, 1.0)) for entry, cosine in found if entry is not None and cosine > _NOBODY]

    def _likely(self, asked: NDArray[np.float32], most: int) -> NDArray[np.intp]:
        """Whose signs differ in the fewest places."""
        signs = _signs(asked)
        far = np.concatenate([block.differences(signs) for block in self._blocks])
        most = min(most, len(far) - 1)
        bound = min(int(np.partition(far, most)[most]), _FREE)
        near = np.flatnonzero(far < bound)
        ties = np.flatnonzero(far == bound)[: most - len(near)] if bound < _FREE else near[:0]
        return np.concatenate([near, ties])

    # Room.

    def _at(self, place: int) -> tuple[_Block, int]:
        return self._blocks[place // BLOCK], place % BLOCK

    def _place(self, now: float) -> int:
        if not self._free:
            self._expire(now)
        if not self._free and len(self._entries) >= self._most:
            self.cut = True
            expiries = np.concatenate([block.expires for block in self._blocks])
            for place in np.argsort(expiries)[: 1 + len(expiries) // 256].tolist():
                self._clear(place)
        if not self._free:
            self._grow()
        return self._free.pop()

    def _grow(self) -> None:
        held, last = len(self._entries), self._blocks[-1]
        size = len(last.expires)
        if size < BLOCK:
            self._blocks[-1] = last.larger(min(2 * size, BLOCK, size + self._most - held))
        else:
            self._blocks.append(_Block(min(BLOCK, self._most - held), self.dimensions))
        now_held = (len(self._blocks) - 1) * BLOCK + len(self._blocks[-1].expires)
        self._entries += [None] * (now_held - held)
        self._free = list(range(now_held - 1, held - 1, -1))

    def _expire(self, now: float) -> None:
        if now < self._soonest:
            return
        for number, block in enumerate(self._blocks):
            rows = np.flatnonzero(block.expires <= now)
            block.clear(rows)
            for row in rows.tolist():
                self._drop(number * BLOCK + row)
        self._soonest = float(min(block.expires.min() for block in self._blocks))

    def _clear(self, place: int) -> None:
        block, row = self._at(place)
        block.clear(row)
        self._drop(place)

    def _drop(self, place: int) -> None:
        """Of a row that is cleared."""
        entry, self._entries[place] = self._entries[place], None
        if entry is not None:
            del self._places[entry.key.digest]
            self._free.append(place)


class _Block:
    """Some rows. signs: a bit for each number, column by column of 64. free: what is added to the differences."""

    def __init__(self, size: int, dimensions: int) -> None:
        self.rows = np.zeros((size, dimensions), np.float32)
        self.signs = np.zeros((-(-dimensions // 64), size), np.uint64)
        self.free = np.full(size, _FREE, np.uint16)
        self.expires = np.full(size, np.inf)

    @property
    def nbytes(self) -> int:
        return self.rows.nbytes + self.signs.nbytes + self.free.nbytes + self.expires.nbytes

    def larger(self, size: int) -> _Block:
        made, held = _Block(size, self.rows.shape[1]), len(self.expires)
        made.rows[:held], made.signs[:, :held] = self.rows, self.signs
        made.free[:held], made.expires[:held] = self.free, self.expires
        return made

    def put(self, row: int, vector: NDArray[np.float32], expires_at: float) -> None:
        self.rows[row], self.signs[:, row] = vector, _signs(vector)
        self.free[row], self.expires[row] = 0, expires_at

    def clear(self, row: int | NDArray[np.intp]) -> None:
        self.rows[row], self.free[row], self.expires[row] = 0.0, _FREE, np.inf

    def cosines(self, asked: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.rows @ asked
        found[self.free > 0] = _NOBODY
        return found

    def differences(self, signs: NDArray[np.uint64]) -> NDArray[np.uint16]:
        found: NDArray[np.uint16] = np.add.reduce(
            np.bitwise_count(self.signs ^ signs[:, np.newaxis]), axis=0, dtype=np.uint16
        )
        found += self.free
        return found


def _signs(vector: NDArray[np.float32]) -> NDArray[np.uint64]:
    bits = np.zeros(-(-len(vector) // 64) * 64, np.bool_)
    bits[: len(vector)] = vector > 0
    return np.packbits(bits).view(np.uint64)


def _highest(cosines: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    if most >= len(cosines):
        return np.arange(len(cosines))
    return np.argpartition(cosines, -most)[-most:] if most > 0 else np.arange(0)
