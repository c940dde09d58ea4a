"""The Postgres tier for the contract suites: a real server, by a role that the row-level security holds for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.tier import InspectableTier
from beastmode_otel.cache.tiers.postgres.inspect import PostgresInspection
from beastmode_otel.cache.tiers.postgres.tier import PostgresTier
from beastmode_otel.config.postgres_url import read_postgres_url
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, Clock
from support import postgres
from support.relay import Relay

HARD = 20.0  # seconds: a busy machine is not what these tests are about


class PostgresStand:
    """hang, lose: what becomes of commands from now on, to all tiers."""

    counts_hits = True

    def __init__(self, directory: Path) -> None:
        self._database = postgres.database()
        self._server = postgres.shared()
        self._url = self._server.role(self._database, "stand")
        with self._server.admin(self._database) as admin:
            admin.execute("truncate beastmode.llm_cache, beastmode.llm_lease")
        self.server = Relay(self._server.port)
        self.clock, self.pool = Clock(), WorkerPool(size=2)
        self._tiers: list[Any] = []

    def tier(self, *, stale: float = 0.0, codec: Any = None, hard: float = HARD) -> Any:
        url = self._server.url(self._database, "stand", port=self.server.port)
        made = PostgresTier(
            read_postgres_url(url), codec=codec or CODEC, pool=self.pool, stale=stale, hard=hard, clock=self.clock
        )
        self._tiers.append(made)
        return made

    def inspection(self, *, stale: float = 0.0) -> InspectableTier:
        return PostgresInspection(read_postgres_url(self._url), codec=CODEC, stale=stale, clock=self.clock)

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
        with self._server.admin(self._database) as admin:
            admin.execute(
                "update beastmode.llm_cache set payload = %s where tenant = %s and key = %s",
                (data, key.tenant, key.digest),
            )

    def close(self) -> None:
        self.server.let_go()
        self.server.lost = False
        for one in self._tiers:
            one.close()
        self.pool.close()
        self.server.close()
