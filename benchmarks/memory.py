"""What L1 costs and whom it keeps, beside an ordered dict and other caches: CPU time, hit ratio, bytes of bookkeeping.

    python benchmarks/memory.py [--rounds N]

The floor is a locked OrderedDict, least recently used first. The peers need `pip install cachetools cachebox theine
moka-py`; what is missing is left out. Ours checks tenant and expiry on each get, the others check neither.
"""

from __future__ import annotations

import argparse
import bisect
import functools
import gc
import hashlib
import itertools
import multiprocessing
import random
import threading
import time
import tracemalloc
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.memory import Memory
from harness import Side, Work, compete, table

NOW = 1_000_000.0
OPERATIONS = 1_000  # in one measured piece of work
CAPACITY = 1_000
BODY = 2_000  # bytes
MANY = 50_000  # entries, where memory is measured
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Store:
    """A cache as an application would wrap it."""

    get: Callable[[Key], Any]
    put: Callable[[Entry], Any]


# The stores, by capacity in entries.


def ours(capacity: int) -> Store:
    memory = Memory(max_bytes=1 << 40, max_entries=capacity)
    return Store(lambda key: memory.get(key, NOW), lambda entry: memory.put(entry, NOW))


def ordered_dict(capacity: int) -> Store:
    kept: OrderedDict[bytes, Entry] = OrderedDict()
    lock = threading.Lock()

    def get(key: Key) -> Entry | None:
        with lock:
            entry = kept.get(key.digest)
            if entry is not None:
                kept.move_to_end(key.digest)
            return entry

    def put(entry: Entry) -> None:
        with lock:
            kept[entry.key.digest] = entry
            if len(kept) > capacity:
                kept.popitem(last=False)

    return Store(get, put)


def with_cachetools(capacity: int, *, kind: str) -> Store:
    import cachetools

    kept, lock = getattr(cachetools, kind)(capacity), threading.Lock()

    def get(key: Key) -> Entry | None:
        with lock:
            return kept.get(key.digest)

    def put(entry: Entry) -> None:
        with lock:
            kept[entry.key.digest] = entry

    return Store(get, put)


def with_cachebox(capacity: int, *, kind: str) -> Store:
    import cachebox

    kept = getattr(cachebox, kind)(capacity)
    return Store(lambda key: kept.get(key.digest), lambda entry: kept.insert(entry.key.digest, entry))


def with_theine(capacity: int) -> Store:
    import theine

    kept = theine.Cache(capacity)
    return Store(lambda key: kept.get(key.digest)[0], lambda entry: kept.set(entry.key.digest, entry))


def with_moka(capacity: int) -> Store:
    import moka_py

    kept = moka_py.Moka(capacity)
    return Store(lambda key: kept.get(key.digest), lambda entry: kept.set(entry.key.digest, entry))


STORES: dict[str, Callable[[int], Store]] = {
    "OrderedDict, LRU, locked": ordered_dict,
    "beastmode_otel Memory": ours,
    "cachetools LRU, locked": functools.partial(with_cachetools, kind="LRUCache"),
    "cachetools LFU, locked": functools.partial(with_cachetools, kind="LFUCache"),
    "cachebox LRU (native)": functools.partial(with_cachebox, kind="LRUCache"),
    "cachebox LFU (native)": functools.partial(with_cachebox, kind="LFUCache"),
    "theine W-TinyLFU (native core)": with_theine,
    "moka TinyLFU (native)": with_moka,
}


# What is stored.


def key_of(name: object) -> Key:
    digest = hashlib.sha256(str(name).encode()).digest()
    return Key(digest=digest, scope=digest, tenant="acme", namespace="default", model="gpt-4o-mini")


def entry_of(key: Key, size: int = 0) -> Entry:
    return Entry(
        key=key, request_id="req_1", api="openai.chat", provider="openai", deployment="main", model_served="gpt-4o",
        created_at=NOW, expires_at=NOW + 3_600, body=bytes(size), text="",
    )  # fmt: skip


def zipf(requests: int = 200_000, *, keys: int = 20_000, once: float = 0.3, seed: int = 1) -> list[int]:
    """Zipf 0.9 over `keys`; a share of the requests is for keys that are asked for once."""
    random_ = random.Random(seed)
    weights = list(itertools.accumulate((rank + 1) ** -0.9 for rank in range(keys)))
    new = itertools.count(keys)
    return [
        next(new) if random_.random() < once else bisect.bisect(weights, random_.random() * weights[-1])
        for _ in range(requests)
    ]


# Time: each store in a process of its own, in turns.


def filled(name: str) -> Store:
    store = STORES[name](CAPACITY)
    for n in range(CAPACITY * 2):
        store.put(entry_of(key_of(n)))
    return store


def hit(_: str, *, name: str) -> Work:
    store = filled(name)
    keys = [key for key in map(key_of, range(CAPACITY * 2)) if store.get(key) is not None][:OPERATIONS]
    keys = (keys * 2)[:OPERATIONS]
    return Work(once=lambda: [None for key in keys if store.get(key) is None])


def miss(_: str, *, name: str) -> Work:
    store, keys = filled(name), [key_of(("absent", n)) for n in range(OPERATIONS)]
    return Work(once=lambda: [None for key in keys if store.get(key) is not None])


def put(_: str, *, name: str) -> Work:
    store, blocks = filled(name), [[entry_of(key_of((b, n))) for n in range(OPERATIONS)] for b in range(20)]
    turn = itertools.cycle(blocks)

    def once() -> None:
        for entry in next(turn):
            store.put(entry)

    return Work(once=once)


def time_them(rounds: int) -> None:
    for title, make in (("get, a hit", hit), ("get, a miss", miss), ("put of a new key, full", put)):
        sides = [Side(name=name, make=functools.partial(make, name=name)) for name in STORES]
        seconds = compete(sides, "", rounds=rounds, count=20, warm_up=3)
        table(
            f"{title}: CPU of one ({rounds} rounds of {20 * OPERATIONS:,})", seconds, unit=1e-9 * OPERATIONS, head="ns"
        )


# Whom they keep.


def replay(store: Store, trace: list[int], entries: dict[int, Entry]) -> tuple[float, float]:
    """The hit ratio, and CPU seconds of one request: a get, and a put after a miss."""
    hits, get, keep, start = 0, store.get, store.put, time.process_time()
    for name in trace:
        entry = entries[name]
        if get(entry.key) is not None:
            hits += 1
        else:
            keep(entry)
    return hits / len(trace), (time.process_time() - start) / len(trace)


def compare_hits() -> None:
    trace = zipf()
    entries = {name: entry_of(key_of(name)) for name in set(trace)}
    print(
        f"\nHit ratio: {len(trace):,} requests, Zipf 0.9 over 20,000 keys, 30 % of requests unique; room: {CAPACITY:,}"
    )
    print(f"{'':40} {'hit ratio':>11} {'× floor':>9} {'µs a request':>13}")
    floor = None
    for name, make in STORES.items():
        try:
            ratio, seconds = replay(make(CAPACITY), trace, entries)
        except ImportError as exc:
            print(f"  {name}: left out: {exc}")
            continue
        floor = floor or ratio
        print(f"{name:40} {ratio:11.1%} {ratio / floor:9.2f} {seconds * 1e6:13.2f}", flush=True)


# What they take, apart from the entries: resident memory, as native cores are not seen by tracemalloc.


def resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def weigh(name: str, pipe: Connection) -> None:
    """Bytes for each entry, as the system and (for what is Python) as tracemalloc sees them."""
    entries = [entry_of(key_of(n)) for n in range(MANY * 2)]
    try:
        before, store = resident(), STORES[name](MANY)
        for entry in entries[:MANY]:
            store.put(entry)
        by_system = (resident() - before) / MANY
        tracemalloc.start()
        traced = STORES[name](MANY)
        for entry in entries[MANY:]:
            traced.put(entry)
        pipe.send((by_system, tracemalloc.get_traced_memory()[0] / MANY))
    except (ImportError, OSError) as exc:
        pipe.send(str(exc))


def compare_memory() -> None:
    print(f"\nBookkeeping for one entry ({MANY:,} of them), beside a body of {BODY:,} bytes")
    print(f"{'':40} {'RSS':>11} {'traced':>9} {'(body + RSS) ÷ body':>21}")
    for name in STORES:
        near, far = _SPAWN.Pipe()
        process = _SPAWN.Process(target=weigh, args=(name, far), daemon=True)
        process.start()
        answer = near.recv()
        process.join()
        if isinstance(answer, str):
            print(f"  {name}: left out: {answer}")
            continue
        print(f"{name:40} {answer[0]:11.0f} {answer[1]:9.0f} {(BODY + answer[0]) / BODY:21.2f}", flush=True)
    tracemalloc.start()
    kept = [entry_of(key_of(n), BODY) for n in range(1_000)]
    print(f"The entry itself, with key and body: {tracemalloc.get_traced_memory()[0] / len(kept):,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds per store and operation")
    parser.add_argument("--only", choices=("time", "hits", "memory"), help="one part")
    options = parser.parse_args()
    if options.only in (None, "time"):
        time_them(options.rounds)
    if options.only in (None, "hits"):
        compare_hits()
    if options.only in (None, "memory"):
        compare_memory()


if __name__ == "__main__":
    main()
