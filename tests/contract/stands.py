"""What the contract suite needs of a tier. A new tier joins by a Stand and a line in STANDS."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Protocol

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.tier import BlockingTier
from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, Clock


class Stand(Protocol):
    """A store, and the tiers that use it."""

    clock: Clock
    pool: WorkerPool

    def tier(self, *, stale: float = 0.0, codec: Any = None) -> Any:
        """Another tier over the same store; closed by `close`."""

    def spoil(self, key: Key, data: bytes) -> None:
        """Replace the stored bytes of an entry."""

    def close(self) -> None: ...


class SQLiteStand:
    def __init__(self, directory: Path) -> None:
        self.path = directory / "cache.db"
        self.clock, self.pool = Clock(), WorkerPool(size=2)
        self._tiers: list[BlockingTier] = []

    def tier(self, *, stale: float = 0.0, codec: Any = None) -> SQLiteTier:
        made = SQLiteTier(self.path, codec=codec or CODEC, pool=self.pool, stale=stale, clock=self.clock)
        self._tiers.append(made)
        return made

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


STANDS = {"sqlite": SQLiteStand}
