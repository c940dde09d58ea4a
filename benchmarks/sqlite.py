"""What the SQLite tier costs beside SQLite itself, and beside other caches in a file: CPU time for one call.

    python benchmarks/sqlite.py [--rounds N]

The floor of a read is a prepared point select and our decoding of what it returns; of a write, our encoding and an
upsert in a transaction of its own, with the same pragmas. A hit includes the counting of it, in the background: here
at its dearest, as no entry is asked for twice in a flush. The peers need `pip install diskcache langchain-community`;
without them they are left out. diskcache stores our bytes as they are, unsigned and unchecked; both know no tenants.
Compare ratios, not numbers, between machines.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.envelope import EnvelopeCodec
from beastmode_otel.cache.tiers.sqlite import schema as sql
from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier
from beastmode_otel.runtime import WorkerPool
from beastmode_otel.wire import Usage
from harness import Side, Work, compete, table

ENTRIES = 1_000
_TEXT = "Because short waves are scattered more than long ones by air. " * 12
_BODY = json.dumps({"id": "chatcmpl-1", "choices": [{"message": {"role": "assistant", "content": _TEXT}}]}).encode()
_CODEC = EnvelopeCodec(b"secret")


class Raw:
    """A codec that costs nothing: what is left is the tier's own."""

    def encode(self, entry: Entry) -> bytes:
        return _BODY

    def decode(self, data: bytes, key: Key | None) -> Entry:
        return _ENTRIES[key.digest]  # type: ignore[union-attr]


def _key(n: int) -> Key:
    digest = hashlib.sha256(str(n).encode()).digest()
    return Key(digest=digest, scope=bytes(32), tenant="acme", namespace="shop", model="fast")


def _entry(n: int) -> Entry:
    now = time.time()
    return Entry(
        key=_key(n),
        request_id=f"req-{n}",
        api="openai.chat",
        provider="openai",
        deployment="main",
        model_served="gpt-4o-mini",
        created_at=now,
        expires_at=now + 86_400,
        body=_BODY,
        text=_TEXT,
        usage=Usage(input_tokens=120, output_tokens=160),
        cost=0.001,
    )


_KEYS = [_key(n) for n in range(ENTRIES)]
_ENTRIES = {key.digest: _entry(n) for n, key in enumerate(_KEYS)}


def _filled(directory: str, codec: Any) -> SQLiteTier:
    path = Path(directory) / f"{type(codec).__name__}-{os.getpid()}.db"
    tier = SQLiteTier(path, codec=codec, pool=WorkerPool())
    for entry in _ENTRIES.values():
        tier.put(entry)
    return tier


def _plain(tier: SQLiteTier) -> sqlite3.Connection:
    connection = sqlite3.connect(tier.path, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


# Reads.


def read_floor(codec: Any, directory: str) -> Work:
    connection, keys = _plain(_filled(directory, codec)), itertools.cycle(_KEYS)

    def once() -> None:
        key = next(keys)
        row = connection.execute(sql.READ, (key.tenant, key.digest, 0.0)).fetchone()
        assert codec.decode(row[0], key).text is _TEXT or codec is _CODEC

    return Work(once=once)


def read_ours(codec: Any, directory: str) -> Work:
    tier, keys = _filled(directory, codec), itertools.cycle(_KEYS)

    def once() -> None:
        assert tier.ask(next(keys)).take() is not None

    return Work(once=once)


def read_uncounted(codec: Any, directory: str) -> Work:
    """What of it happens on the caller's thread."""
    tier, keys = _filled(directory, codec), itertools.cycle(_KEYS)
    tier._hits.add = lambda key, now: None  # type: ignore[method-assign]
    return Work(once=lambda: tier.ask(next(keys)).take())


def read_diskcache(directory: str) -> Work:
    import diskcache

    cache = diskcache.Cache(f"{directory}/diskcache-read")
    for entry in _ENTRIES.values():
        cache.set(entry.key.digest.hex(), _BODY, expire=86_400)
    keys = itertools.cycle(_KEYS)
    return Work(once=lambda: cache[next(keys).digest.hex()])


def _langchain(path: str) -> tuple[Any, Callable[[], Any]]:
    from langchain_community.cache import SQLiteCache
    from langchain_core.outputs import Generation

    return SQLiteCache(path), lambda: [Generation(text=_TEXT)]


def read_langchain(directory: str) -> Work:
    cache, answer = _langchain(f"{directory}/langchain-read.db")
    for key in _KEYS:
        cache.update(key.digest.hex(), "fast", answer())
    keys = itertools.cycle(_KEYS)
    return Work(once=lambda: cache.lookup(next(keys).digest.hex(), "fast"))


# Writes.


def write_floor(codec: Any, directory: str) -> Work:
    connection, numbers = _plain(_filled(directory, codec)), itertools.count(ENTRIES)

    def once() -> None:
        entry = replace(_ENTRIES[_KEYS[0].digest], key=_key(next(numbers)))
        connection.execute(sql.PUT, sql.record(entry, codec.encode(entry)))

    return Work(once=once)


def write_ours(codec: Any, directory: str) -> Work:
    tier, numbers = _filled(directory, codec), itertools.count(ENTRIES)
    return Work(once=lambda: tier.put(replace(_ENTRIES[_KEYS[0].digest], key=_key(next(numbers)))))


def write_diskcache(directory: str) -> Work:
    import diskcache

    cache, numbers = diskcache.Cache(f"{directory}/diskcache-write"), itertools.count()
    return Work(once=lambda: cache.set(_key(next(numbers)).digest.hex(), _BODY, expire=86_400))


def write_langchain(directory: str) -> Work:
    cache, answer = _langchain(f"{directory}/langchain-write.db")
    numbers = itertools.count()
    return Work(once=lambda: cache.update(_key(next(numbers)).digest.hex(), "fast", answer()))


class _With:
    """`make` with its codec; importable by name, as a process of its own needs it."""

    def __init__(self, make: Callable[[Any, str], Work], codec: type) -> None:
        self._make, self._codec = make, codec

    def __call__(self, directory: str) -> Work:
        return self._make(_CODEC if self._codec is EnvelopeCodec else self._codec(), directory)


READS = (
    Side(name="prepared select, decode", make=_With(read_floor, EnvelopeCodec)),
    Side(name="ours: ask, take", make=_With(read_ours, EnvelopeCodec)),
    Side(name="ours, hits not counted", make=_With(read_uncounted, EnvelopeCodec)),
    Side(name="diskcache", make=read_diskcache),
    Side(name="LangChain SQLiteCache", make=read_langchain),
)
READS_RAW = (
    Side(name="prepared select", make=_With(read_floor, Raw)),
    Side(name="ours, without the codec", make=_With(read_ours, Raw)),
)
WRITES = (
    Side(name="encode, upsert", make=_With(write_floor, EnvelopeCodec)),
    Side(name="ours: put", make=_With(write_ours, EnvelopeCodec)),
    Side(name="diskcache", make=write_diskcache),
    Side(name="LangChain SQLiteCache", make=write_langchain),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    for title, sides, count in (
        ("A hit (goal: at most twice the floor)", READS, 2_000),
        ("The same without the codec", READS_RAW, 2_000),
        ("A write", WRITES, 300),
    ):
        with tempfile.TemporaryDirectory() as directory:
            table(title, compete(sides, directory, rounds=rounds, count=count))


if __name__ == "__main__":
    main()
