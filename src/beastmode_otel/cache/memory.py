"""L1: the process's own memory. Bounded, thread-safe, and cheap enough to be asked before anything else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from beastmode_otel.cache.entry import SKEW, Entry, Key
from beastmode_otel.cache.eviction import Node, Reason, TinyLfu
from beastmode_otel.cache.tier import Filter, TierStats
from beastmode_otel.runtime import in_child

MiB: Final = 1024 * 1024
_SLICE: Final = 256  # entries that are removed under one hold of the lock


class Memory:
    """Entries by key, at most `max_entries` and `max_bytes` (of `Entry.size`) of them once a call has returned.

    - Safe in all threads. `get` takes no lock; nothing holds it for long (256 removals, or a snapshot of pointers).
    - Never returns another tenant's entry, nor one that expired `stale` seconds ago or longer, nor one of a
      clock that ran ahead (`Entry.ahead`). One within `stale` is
      returned: whether it may be served is the caller's decision (`Entry.fresh`).
    - What is asked for often stays; what was just put is found, full or not, until others have been put.
    - on_evict: called with the reason for each entry that left, outside of the lock; it must not raise.
      `size`: others needed the room more; `rejected`: it needed room less than others, or was refused by `put`;
      `expired`; `replaced` by a `put` of its key; `invalidated` by delete, invalidate or clear.
    - A child after fork keeps the entries, unless another thread was changing them right then: then it starts empty.
    """

    def __init__(
        self,
        max_bytes: int = 64 * MiB,
        max_entries: int = 10_000,
        stale: float = 0.0,
        on_evict: Callable[[str], None] | None = None,
    ) -> None:
        if max_bytes < 1 or max_entries < 1:
            raise ValueError(f"a cache needs room: max_bytes={max_bytes}, max_entries={max_entries}")
        self.max_bytes, self.max_entries = max_bytes, max_entries
        self._stale, self._on_evict = stale, on_evict
        self._start_empty()
        in_child(self._after_fork)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._lfu = TinyLfu(self.max_bytes, self.max_entries)
        self._nodes = self._lfu.nodes

    def _after_fork(self) -> None:
        if self._lock.locked():  # by a thread that did not come along: the queues may be half linked
            self._start_empty()

    def __len__(self) -> int:
        return len(self._nodes)

    def __repr__(self) -> str:
        return (
            f"<Memory {len(self):,} of {self.max_entries:,} entries, "
            f"{self.size / MiB:,.1f} of {self.max_bytes / MiB:,.1f} MiB>"
        )

    @property
    def size(self) -> int:
        """Bytes, as `Entry.size` counts them."""
        return self._lfu.size

    @property
    def evictions(self) -> Mapping[Reason, int]:
        """How many left so far, by reason. With those that are here, this is how many were ever put."""
        return MappingProxyType(self._lfu.evictions)

    def get(self, key: Key, now: float) -> Entry | None:
        # All of a hit is one look and one count: dicts answer atomically, and a count lost to a race does no harm.
        node = self._nodes.get(key.digest)
        if node is None:
            return None
        entry = node.entry
        if entry.key.tenant != key.tenant:
            return None
        if entry.created_at > now + SKEW:  # stored before the clock was set back
            return None
        if entry.expires_at > now - self._stale:
            node.hits += 1
            return entry
        self._drop((node,), "expired")
        return None

    def put(self, entry: Entry, now: float) -> bool:
        """False: it is larger than the whole cache, or too old. Then too, what was stored under its key is gone."""
        with self._lock:
            taken = self._lfu.put(entry, now - self._stale)
            evicted = self._lfu.take_evicted()
        self._tell(evicted)
        return taken

    def delete(self, key: Key) -> bool:
        """Whether there was one."""
        node = self._nodes.get(key.digest)
        if node is None or node.entry.key.tenant != key.tenant:
            return False
        return self._drop((node,), "invalidated") == 1

    def invalidate(self, which: Filter, now: float) -> int:
        """Remove what matched when this was called; how many. By digest O(1), else O(n)."""
        nodes = self._snapshot() if which.digest is None else self._of_digest(which.digest)
        return self._drop_where(nodes, lambda entry: which.matches(entry, now), "invalidated")

    def purge(self, now: float) -> int:
        """Remove what has expired beyond `stale`; how many. Not needed for correctness, only for room."""
        horizon = now - self._stale
        return self._drop_where(self._snapshot(), lambda entry: entry.expires_at <= horizon, "expired")

    def clear(self) -> None:
        """Remove what is here. How often keys were asked for is remembered."""
        self._drop_where(self._snapshot(), lambda _: True, "invalidated")

    def stats(self, now: float) -> TierStats:
        """O(n) for the oldest; `len`, `size` and `evictions` are free."""
        nodes = self._snapshot()
        oldest = max((node.entry.age(now) for node in nodes), default=None)
        return TierStats(entries=len(nodes), size=sum(node.size for node in nodes), oldest=oldest)

    def _snapshot(self) -> list[Node]:
        with self._lock:
            return list(self._nodes.values())

    def _of_digest(self, digest: bytes) -> list[Node]:
        node = self._nodes.get(digest)
        return [] if node is None else [node]

    def _drop_where(self, nodes: list[Node], goes: Callable[[Entry], bool], reason: Reason) -> int:
        slices = (nodes[start : start + _SLICE] for start in range(0, len(nodes), _SLICE))
        return sum(self._drop([node for node in some if goes(node.entry)], reason) for some in slices)

    def _drop(self, nodes: list[Node] | tuple[Node], reason: Reason) -> int:
        with self._lock:
            dropped = sum(self._lfu.drop(node, reason) for node in nodes)
            evicted = self._lfu.take_evicted()
        self._tell(evicted)
        return dropped

    def _tell(self, evicted: list[Reason]) -> None:
        if self._on_evict is not None:
            for reason in evicted:
                self._on_evict(reason)
