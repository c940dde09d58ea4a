"""What the contract suites need of a tier. A new tier joins by a Stand and a line in STANDS, and in
ASYNC_STANDS, INSPECTABLE_STANDS and LEASE_STANDS for its other ports."""

from __future__ import annotations

import itertools
import os
import sqlite3
from pathlib import Path
from typing import Any

import redis

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.tier import BlockingTier, InspectableTier
from beastmode_otel.cache.tiers.redis.inspect import RedisInspection
from beastmode_otel.cache.tiers.redis.layout import Layout, head_of
from beastmode_otel.cache.tiers.redis.tier import RedisTier
from beastmode_otel.cache.tiers.sqlite.inspect import SQLiteInspection
from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier
from beastmode_otel.config.redis_url import read_redis_url
from beastmode_otel.runtime import WorkerPool
from beastmode_otel.testing import OnLoop, Stand  # noqa: F401  (which the suites of other ports use)
from contract.postgres_stand import PostgresStand
from contract.samples import CODEC, Clock
from contract.socket_tier import SocketTier, StoreServer
from contract.store_inspection import StoreInspection
from support.redis_servers import REDIS, VALKEY, shared
from support.relay import Relay


class SQLiteStand:
    counts_hits = True

    def __init__(self, directory: Path) -> None:
        self.path = directory / "cache.db"
        self.clock, self.pool = Clock(), WorkerPool(size=2)
        self._tiers: list[BlockingTier] = []

    def tier(self, *, stale: float = 0.0, codec: Any = None) -> SQLiteTier:
        made = SQLiteTier(self.path, codec=codec or CODEC, pool=self.pool, stale=stale, clock=self.clock)
        self._tiers.append(made)
        return made

    def inspection(self, *, stale: float = 0.0) -> InspectableTier:
        return SQLiteInspection(self.path, codec=CODEC, stale=stale, clock=self.clock, tell=print)

    def spoil(self, key: Key, data: bytes) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute(
            "UPDATE llm_cache SET payload = ? WHERE tenant = ? AND key = ?", (data, key.tenant, key.digest)
        )
        connection.close()

    def close(self) -> None:
        for one in self._tiers:
            one.close()
        self.pool.close()


class SocketStand:
    """hang, lose: what the server does from now on, to commands of all tiers."""

    counts_hits = True

    def __init__(self, directory: Path) -> None:
        self.server, self.clock, self.pool = StoreServer(), Clock(), WorkerPool(size=2)
        self._tiers: list[SocketTier] = []

    def tier(self, *, stale: float = 0.0, codec: Any = None, hard: float = 20.0) -> Any:
        made = SocketTier(self.server, codec=codec or CODEC, pool=self.pool, stale=stale, clock=self.clock, hard=hard)
        self._tiers.append(made)
        return made

    def inspection(self, *, stale: float = 0.0) -> InspectableTier:
        return StoreInspection(self.server.store, CODEC, stale=stale)

    def hang(self, seconds: float) -> None:
        if seconds:
            self.server.hang = seconds
        else:
            self.server.let_go()

    def lose(self, lost: bool) -> None:
        self.server.lost = lost

    @property
    def commands(self) -> int:
        return self.server.commands

    @property
    def connections(self) -> int:
        """How many were ever opened."""
        return self.server.accepted

    def spoil(self, key: Key, data: bytes) -> None:
        self.server.store.rows[key.tenant, key.digest].payload = data

    def close(self) -> None:
        self.hang(0.0)
        self.pool.close()
        for one in self._tiers:
            one.close()
        self.server.close()


class AsyncSocketStand(OnLoop, SocketStand):
    pass


class AsyncPostgresStand(OnLoop, PostgresStand):
    pass


_PREFIXES = itertools.count()


class RedisStand:
    """A prefix of its own on a server that all share. hang, lose: what becomes of commands from now on."""

    kind, relayed, counts_hits = VALKEY, False, False

    def __init__(self, directory: Path) -> None:
        self._server = shared(self.kind)
        self.server = Relay(self._server.port) if self.relayed else None
        self.prefix = f"test-{os.getpid()}-{next(_PREFIXES)}"
        self.clock, self.pool = Clock(), WorkerPool(size=2)
        self._tiers: list[RedisTier] = []

    def tier(self, *, stale: float = 0.0, codec: Any = None, hard: float = 20.0) -> Any:
        port = self._server.port if self.server is None else self.server.port
        made = RedisTier(
            read_redis_url(f"redis://127.0.0.1:{port}/0"), codec=codec or CODEC, pool=self.pool, prefix=self.prefix,
            stale=stale, hard=hard, clock=self.clock,
        )  # fmt: skip
        self._tiers.append(made)
        return made

    def inspection(self, *, stale: float = 0.0) -> InspectableTier:
        url = read_redis_url(f"redis://127.0.0.1:{self._server.port}/0")
        return RedisInspection(url, codec=CODEC, prefix=self.prefix, stale=stale, clock=self.clock)

    def hang(self, seconds: float) -> None:
        if seconds:
            self.server.hang = seconds
        else:
            self.server.let_go()

    def lose(self, lost: bool) -> None:
        self.server.lost = lost

    @property
    def connections(self) -> int:
        """How many were ever opened."""
        return self.server.accepted

    def spoil(self, key: Key, data: bytes) -> None:
        with redis.Redis(port=self._server.port) as client:
            name = Layout(self.prefix).place(key).entry(key.digest)
            value = client.get(name)
            head = head_of(value)
            client.set(name, value[: head.start + head.facts] + data, keepttl=True)

    def close(self) -> None:
        if self.server is not None:
            self.hang(0.0)
        self.pool.close()
        for one in self._tiers:
            one.close()
        if self.server is not None:
            self.server.close()
        with redis.Redis(port=self._server.port) as client:
            for name in client.scan_iter(f"{self.prefix}:*", count=1000):
                client.delete(name)


class AsyncRedisStand(OnLoop, RedisStand):
    pass


class RelayedRedisStand(RedisStand):
    relayed = True


class DebianRedisStand(RedisStand):
    kind = REDIS


class AsyncDebianRedisStand(OnLoop, DebianRedisStand):
    pass


class RelayedDebianRedisStand(DebianRedisStand):
    relayed = True


STANDS = {
    "sqlite": SQLiteStand,
    "postgres": PostgresStand,
    "postgres, asynchronous": AsyncPostgresStand,
    "socket": SocketStand,
    "socket, asynchronous": AsyncSocketStand,
    "valkey": RedisStand,
    "valkey, asynchronous": AsyncRedisStand,
    "redis": DebianRedisStand,
    "redis, asynchronous": AsyncDebianRedisStand,
}
ASYNC_STANDS = {
    "postgres": PostgresStand,
    "socket": SocketStand,
    "valkey": RelayedRedisStand,
    "redis": RelayedDebianRedisStand,
}
INSPECTABLE_STANDS = {
    "sqlite": SQLiteStand,
    "postgres": PostgresStand,
    "memory": SocketStand,
    "valkey": RedisStand,
    "redis": DebianRedisStand,
}
LEASE_STANDS: dict[str, type[Any]] = {
    "sqlite": SQLiteStand,
    "postgres": PostgresStand,
    "valkey": RedisStand,
    "redis": DebianRedisStand,
}
