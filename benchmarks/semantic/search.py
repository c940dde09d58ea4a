"""What a search among stored questions costs: 1,000, 10,000 and 100,000 vectors of one scope, one at a time.

    nice python benchmarks/semantic/search.py [--sizes 1000,10000,100000] [--dimensions 384] [--redis PORT]

Beside plain numpy (the whole matrix), a hand-written prefilter by signs (`np.bitwise_count`, 64 rescored exactly), and
redisvl, where it is installed and --redis names a server with the search module. Redis 8 and that module are under the
AGPL or the SSPL: this project runs neither, and has no figures of redisvl (docs/decisions.md).

Also an insert, an insert into a full scope, an expiry, and the memory of an entry. Vectors are random, and each
question is near to one of them (a cosine of 0.95): found: how many of the questions got that one. other threads: CPU
that other threads of the process spent.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from beastmode_otel.cache import Entry, Key
from beastmode_otel.cache.semantic.index import Index

ROUNDS = 400
TURN = 20  # questions of one side, before the next side has its turn
MOST = 4
NOW = 1_700_000_000.0
SCOPE = hashlib.sha256(b"scope").digest()


def rows_of(count: int, dimensions: int, seed: int) -> Any:
    made = np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def key(number: object) -> Key:
    digest = hashlib.sha256(str(number).encode()).digest()
    return Key(digest=digest, scope=SCOPE, tenant="acme", namespace="shop", model="fast")


def entry(number: object, row: Any, ttl: float = 3600.0) -> Entry:
    return Entry(
        key=key(number), request_id=f"01890000-0000-7000-8000-{hash(str(number)) & 0xFFFFFFFFFFFF:012x}",
        api="openai.chat", provider="openai", deployment="main", model_served="m", created_at=NOW,
        expires_at=NOW + ttl, body=b"{}", text="", question="?", vector=row.tobytes(), embedder="e 1",
    )  # fmt: skip


def ours(rows: Any) -> Callable[[Any], int]:
    index = Index(2**40, clock=lambda: NOW)
    places = {}
    for number, row in enumerate(rows):
        index.add(entry(number, row))
        places[key(number).digest] = number
    asked = key("asked")
    return lambda row: places[index.search(asked, row[np.newaxis], MOST)[0].key.digest]


def plain(rows: Any) -> Callable[[Any], int]:
    def search(row: Any) -> int:
        cosines = rows @ row
        best = np.argpartition(-cosines, MOST)[:MOST]
        return int(best[np.argmax(cosines[best])])

    return search


def by_hand(rows: Any) -> Callable[[Any], int]:
    signs = np.packbits(rows > 0, axis=1).view(np.uint64)

    def search(row: Any) -> int:
        far = np.bitwise_count(signs ^ np.packbits(row > 0).view(np.uint64)).sum(axis=1, dtype=np.uint16)
        near = np.argpartition(far, 64)[:64]
        cosines = rows[near] @ row
        return int(near[np.argsort(-cosines)[:MOST][0]])

    return search


def redisvl(port: int) -> Callable[[Any], Callable[[Any], int]]:
    """A flat index of the server's search module."""
    from redisvl.index import SearchIndex
    from redisvl.query import VectorQuery

    def made(rows: Any) -> Callable[[Any], int]:
        vector = {"algorithm": "flat", "dims": rows.shape[1], "distance_metric": "cosine", "datatype": "float32"}
        fields = [{"name": "number", "type": "numeric"}, {"name": "row", "type": "vector", "attrs": vector}]
        schema = {"index": {"name": "search-benchmark", "prefix": "search-benchmark"}, "fields": fields}
        index = SearchIndex.from_dict(schema, redis_url=f"redis://127.0.0.1:{port}")
        index.create(overwrite=True, drop=True)
        index.load([{"number": number, "row": row.tobytes()} for number, row in enumerate(rows)])

        def search(row: Any) -> int:
            query = VectorQuery(row.tobytes(), "row", return_fields=["number"], num_results=MOST)
            return int(index.query(query)[0]["number"])

        return search

    return made


class Side:
    """times: milliseconds of each question; others: of CPU, the other threads'; found: how many got the right row."""

    def __init__(self, search: Callable[[Any], int], first: Any) -> None:
        self._search, self.times, self.others, self.found = search, list[float](), 0.0, 0
        search(first)

    def ask(self, questions: Any, wanted: list[int]) -> None:
        process, thread = time.process_time(), time.thread_time()
        for row, number in zip(questions, wanted, strict=True):
            began = time.perf_counter()
            best = self._search(row)
            self.times.append((time.perf_counter() - began) * 1e3)
            self.found += best == number
        self.others += (time.process_time() - process - (time.thread_time() - thread)) * 1e3


def searches(sizes: list[int], dimensions: int, makers: dict[str, Any]) -> None:
    """The sides take turns, so that a busy machine is busy for all of them."""
    print(f"{'vectors':>9}  {'':28}{'median ms':>10}{'p99 ms':>9}{'other threads ms':>18}{'found':>8}")
    for size in sizes:
        rows = rows_of(size, dimensions, 1)
        wanted = [number * size // ROUNDS for number in range(ROUNDS)]
        questions = rows[wanted] + 0.33 * rows_of(ROUNDS, dimensions, 2)
        questions /= np.linalg.norm(questions, axis=1, keepdims=True)
        sides = {name: Side(made(rows), questions[0]) for name, made in makers.items()}
        for start in range(0, ROUNDS, TURN):
            for side in sides.values():
                side.ask(questions[start : start + TURN], wanted[start : start + TURN])
        medians = {name: statistics.median(side.times) for name, side in sides.items()}
        for name, side in sides.items():
            late, others = sorted(side.times)[int(ROUNDS * 0.99)], max(0.0, side.others / ROUNDS)
            print(f"{size:9,}  {name:28}{medians[name]:10.3f}{late:9.3f}{others:18.3f}{side.found / ROUNDS:8.1%}")
        print(f"{'':9}  ours / by hand {medians['ours'] / medians['signs by hand']:.2f}", flush=True)


def each(work: Callable[[Any], object], many: list[Any]) -> str:
    """Microseconds, the median and the longest."""
    times = []
    for one in many:
        began = time.perf_counter()
        work(one)
        times.append((time.perf_counter() - began) * 1e6)
    return f"{statistics.median(times):8.1f} us{max(times):12.0f} us at most"


def upkeep(size: int, dimensions: int) -> None:
    rows = rows_of(size, dimensions, 3)
    now = [NOW]
    tracemalloc.start()
    entries = [entry(number, row, ttl=10.0 if number % 2 else 3600.0) for number, row in enumerate(rows)]
    before = tracemalloc.get_traced_memory()[0]
    index = Index(2**40, clock=lambda: now[0])
    for one in entries:
        index.add(one)
    after = tracemalloc.get_traced_memory()[0]
    # The entries here have gone by then: what the index shares with them is its own.
    shared = sum(len(one.request_id) + 49 + len(one.key.digest) + len(one.key.scope) + 66 for one in entries)
    tracemalloc.stop()
    print(f"\n{size:,} vectors of {dimensions} numbers")
    each_has, counted = (after - before + shared) / size, index.nbytes / size
    print(
        f"memory of an entry        {each_has:8.0f} bytes, {4 * dimensions} of them its vector; counted {counted:.0f}"
    )
    gc.collect()
    gc.freeze()  # what this script holds is not the index's to be looked through
    timed = Index(2**40, clock=lambda: now[0])
    print(f"insert                    {each(timed.add, entries)}")
    full = Index(index.nbytes // 2, clock=lambda: now[0])
    for one in entries[: size // 2]:
        full.add(one)
    print(f"insert into a full scope  {each(full.add, entries[size // 2 :])}")
    print(f"discard                   {each(timed.discard, [key(number) for number in range(0, size // 10, 2)])}")
    now[0] += 20.0
    began = time.perf_counter()
    index.search(key("asked"), rows[:1], MOST)
    print(f"search that expires half  {(time.perf_counter() - began) * 1e3:8.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--dimensions", type=int, default=384)
    parser.add_argument("--redis", type=int, help="the port of a server with the search module")
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    sides: dict[str, Any] = {"ours": ours, "numpy, the whole matrix": plain, "signs by hand": by_hand}
    if given.redis is None:
        print(
            "redisvl: no server was named (--redis PORT: one with the search module, which this project does not run)"
        )
    else:
        try:
            import redisvl as _  # noqa: F401
        except ImportError:
            print("redisvl: not installed")
        else:
            sides["redisvl"] = redisvl(given.redis)
    searches(sizes, given.dimensions, sides)
    for size in sizes:
        upkeep(size, given.dimensions)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
