"""Which entries stay in memory: a window for new ones, a main part behind an admission test (W-TinyLFU), no work on
reads.

A reader only counts: `node.hits += 1`, no lock, no order to maintain; a lost count does no harm. Whoever makes room
looks at the counts then: what was hit since the last look gets another chance. The sketch knows only those who are not
here, so that it is touched twice in a life, on entry and on leaving, and not on each hit.
"""

from __future__ import annotations

import secrets
from typing import Final, Literal

from beastmode_otel.cache.entry import Entry

Reason = Literal["size", "expired", "rejected", "replaced", "invalidated"]

MOST: Final = 15  # a counter saturates here: four bits are enough, a byte is faster in Python
_COUNTERS_PER_KEY: Final = 16  # 8 cost up to a point of hit ratio where many keys come once
_LARGEST: Final = 1 << 22  # bytes; more keys than that make it overestimate, not grow
_HALVED: Final = bytes(count >> 1 for count in range(256))

# Chosen on seven traces (benchmarks/memory.py has the main one). A larger window helps bursts and costs hits on Zipf.
_WINDOW: Final = 0.02  # of either bound
_PROTECTED: Final = 4  # times as many as on probation
_LIFETIME: Final = 10  # puts for each entry, until all counts are halved
_PATROL: Final = 16  # puts; without the patrol, what was protected and then forgotten by all would stay for ever
_LOOKS: Final = 8  # for one victim, so that no put takes long


class _Link:
    """A place in a ring. What is removed keeps its own links: it is freed at once, as nothing links to it."""

    __slots__ = ("after", "before")
    before: _Link
    after: _Link


class Node(_Link):
    """A cached entry. hits: since entry, halved with age, plus what the sketch knew. seen: hits at the last look."""

    __slots__ = ("entry", "epoch", "hits", "queue", "seen", "size")
    queue: Queue

    def __init__(self, entry: Entry, size: int, hits: int, epoch: int) -> None:
        self.entry, self.size, self.epoch = entry, size, epoch
        self.hits = self.seen = hits


class Queue(_Link):
    """Nodes in order of arrival. size: in bytes."""

    __slots__ = ("count", "size")

    def __init__(self) -> None:
        self.before = self.after = self
        self.count = self.size = 0

    @property
    def first(self) -> Node | None:
        link = self.after
        return link if isinstance(link, Node) else None

    def append(self, node: Node) -> None:
        last = self.before
        node.before, node.after, node.queue = last, self, self
        last.after = self.before = node
        self.count += 1
        self.size += node.size

    def remove(self, node: Node) -> None:
        node.before.after, node.after.before = node.after, node.before
        self.count -= 1
        self.size -= node.size


class TinyLfu:
    """Nodes by digest, never beyond either bound once `put` has returned. Not thread-safe.

    evictions: how many left, by reason; one for each entry that was put and is no longer here. evicted: the same
    reasons since the last `take_evicted`. size: in bytes. horizon, everywhere: what expired at this time or before is
    of no use.
    """

    def __init__(self, max_bytes: int, max_entries: int, seed: int | None = None) -> None:
        self._max_bytes, self._max_entries = max_bytes, max_entries
        self._window_bytes, self._window_entries = max_bytes * _WINDOW, max_entries * _WINDOW
        self.nodes: dict[bytes, Node] = {}
        self.evictions: dict[Reason, int] = dict.fromkeys(("size", "expired", "rejected", "replaced", "invalidated"), 0)
        self.evicted: list[Reason] = []
        self._window, self._probation, self._protected = Queue(), Queue(), Queue()
        self._sketch = FrequencySketch(max_entries, seed)
        self._epoch = self._puts = self.size = 0

    def put(self, entry: Entry, horizon: float) -> bool:
        """Let `entry` in, as the newest, and make room. False: it is larger than the bound, or expired already.

        Either way what had its digest is gone.
        """
        digest, size = entry.key.digest, entry.size
        old = self.nodes.get(digest)
        if old is not None:
            self.drop(old, "replaced")
        if size > self._max_bytes or entry.expires_at <= horizon:
            self._count("rejected")
            return False
        self._age()
        node = Node(entry, size, self._sketch.estimate(digest) + 1, self._epoch)
        self.nodes[digest] = node
        self.size += size
        self._window.append(node)
        self._make_room(node, horizon)
        return True

    def drop(self, node: Node, reason: Reason) -> bool:
        """False: it had left before."""
        digest = node.entry.key.digest
        if self.nodes.get(digest) is not node:
            return False
        del self.nodes[digest]
        self.size -= node.size
        node.queue.remove(node)
        self._sketch.remember(digest, self._frequency(node))
        self._count(reason)
        return True

    def take_evicted(self) -> list[Reason]:
        evicted, self.evicted = self.evicted, []
        return evicted

    def _count(self, reason: Reason) -> None:
        self.evictions[reason] += 1
        self.evicted.append(reason)

    # Room.

    def _make_room(self, newest: Node, horizon: float) -> None:
        window = self._window
        while self._window_over() and (candidate := window.first) is not None and candidate is not newest:
            self._apply(candidate, horizon)
        while self._over():  # with the window within its quota: after invalidations in it
            leaves = self._victim(horizon) or window.first
            assert leaves is not None  # noqa: S101  (it is over, so there is somebody; and the newest alone is not over)
            self._evict(leaves, horizon)

    def _window_over(self) -> bool:
        window = self._window
        return window.count > self._window_entries or window.size > self._window_bytes

    def _over(self) -> bool:
        return len(self.nodes) > self._max_entries or self.size > self._max_bytes

    def _apply(self, candidate: Node, horizon: float) -> None:
        """From the window to probation, if it is wanted more than whoever must leave for it."""
        if candidate.entry.expires_at <= horizon:
            self.drop(candidate, "expired")
            return
        frequency = self._frequency(candidate)
        while self._over():
            victim = self._victim(horizon)
            if victim is None or not self._yields(victim, frequency, horizon):
                self.drop(candidate, "rejected")
                return
            self._evict(victim, horizon)
        self._move(candidate, self._probation)

    def _yields(self, victim: Node, frequency: int, horizon: float) -> bool:
        """A tie is not enough: else a scan of keys that are asked for once would sweep out everything."""
        if victim.entry.expires_at <= horizon or self._frequency(victim) < frequency:
            return True
        self._move(victim, victim.queue)  # to the back: next time somebody else is asked
        return False

    def _evict(self, node: Node, horizon: float) -> None:
        self.drop(node, "expired" if node.entry.expires_at <= horizon else "size")

    def _victim(self, horizon: float) -> Node | None:
        """The next of the main part that was not hit since it was last looked at; after a few looks, the next."""
        for _ in range(_LOOKS):
            node = self._probation.first or self._protected.first
            if node is None or node.hits <= node.seen or node.entry.expires_at <= horizon:
                return node
            self._frequency(node)
            self._move(node, self._protected)
            if self._protected.count > _PROTECTED * self._probation.count:
                self._review_protected()
        return self._probation.first or self._protected.first

    def _review_protected(self) -> None:
        """The oldest of the protected stays if it was hit since the last look, else it is on probation again."""
        node = self._protected.first
        if node is not None:
            hit = node.hits > node.seen
            self._frequency(node)
            self._move(node, self._protected if hit else self._probation)

    @staticmethod
    def _move(node: Node, queue: Queue) -> None:
        node.queue.remove(node)
        queue.append(node)

    # Counts.

    def _frequency(self, node: Node) -> int:
        """Its hits as of now, aged; this is the look that `seen` is about."""
        hits = node.hits >> (self._epoch - node.epoch)
        node.hits = node.seen = hits = hits if hits < MOST else MOST
        node.epoch = self._epoch
        return hits

    def _age(self) -> None:
        self._puts += 1
        if not self._puts % _PATROL:
            self._review_protected()
        # Never more often than once per max_entries, as halving touches the whole sketch.
        if self._puts >= max(_LIFETIME * len(self.nodes), self._max_entries):
            self._puts = 0
            self._epoch += 1
            self._sketch.halve()


class FrequencySketch:
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
