"""L3 in Postgres: durable, and shared by the processes of many machines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import inf
from typing import Any, Final

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import Codec, Filter, Later, Pending, Refused, TierStats, TierUnavailable
from beastmode_otel.cache.tiers.hits import Hits
from beastmode_otel.cache.tiers.postgres import schema as sql
from beastmode_otel.cache.tiers.postgres.connection import Exchange, Query, Servers
from beastmode_otel.cache.tiers.postgres.connections import Connections
from beastmode_otel.cache.tiers.postgres.errors import Lost, edge
from beastmode_otel.cache.tiers.postgres.leases import PostgresLeases, forget
from beastmode_otel.cache.tiers.postgres.migrate import check_schema
from beastmode_otel.cache.tiers.postgres.vectors import PostgresVectors
from beastmode_otel.config.postgres_url import PostgresUrl
from beastmode_otel.runtime import PoolFull, WorkerPool

_log = logging.getLogger(__name__)

HARD: Final = 1.0  # seconds that a read or a write may take, connecting included
LONG: Final = 5.0  # one batch of what goes over many rows; nobody waits for those but who asked for them
_BATCH: Final = 1_000  # rows of one delete or update: no lock is held for longer than one of them takes
_PURGE_BATCHES: Final = 10  # of one call: what is left waits for the next
_PAGE: Final = 50  # entries of a scan that are in memory at once
_EXACTLY: Final = 50_000  # rows up to which they are counted, beyond it is the planner's estimate
_SLACK: Final = 0.9  # evict down to this part of the limit, not to the limit itself at each purge


class PostgresTier:
    """A BlockingTier and an AsyncTier (cache/tier.py) in one Postgres database.

    - Nothing is asked before it is used: a server that is down when the process starts is a tier that is ill.
    - Whatever it does is one round trip and one transaction, with no state of a session: a transaction pooler may
      stand before the server.
    - A read or write ends after `hard` seconds, on both sides.
    - It makes no schema. Where the server has not exactly ours, everything is TierUnavailable, and `tell` hears once
      what to do.
    - A standby and a full disk are healthy: writes fail, reads go on. So is a tenant that the role may not work for.
    - Hits are counted in memory and written every few seconds, by `purge` and by `close`.
    """

    name = "l3"
    system = "postgresql"

    def __init__(
        self,
        url: PostgresUrl,
        *,
        codec: Codec,
        pool: WorkerPool,
        stale: float = 0.0,
        max_bytes: int | None = None,
        hard: float = HARD,
        prepare: bool = False,
        clock: Callable[[], float] = time.time,
        tell: Callable[[str], None] = _log.warning,
    ) -> None:
        """Raises ConfigError. Nothing is connected yet.

        stale: seconds after its expiry for which an entry is still returned. max_bytes: of payloads, about; beyond
        it what expires soonest goes first. prepare: each connection keeps the plans of a read, which a transaction
        pooler would lose. tell: hears once what is wrong with the server.
        """
        self.damaged = 0
        self._codec, self._pool, self._clock, self._hard = codec, pool, clock, hard
        self._stale, self._most = stale, inf if max_bytes is None else max_bytes
        servers = Servers(url, hard)
        self.location, self.server = servers.location, servers.address
        self._db = Connections(
            servers, hard=hard, greeting=sql.GREETING, check=check_schema, tell=tell,
            prepare=sql.OF_A_READ if prepare else (),
        )  # fmt: skip
        self.leases = PostgresLeases(self.run)
        self._vectors = PostgresVectors(self.run, tell)
        self._hits = Hits(lambda: self._behind(self._count_hits))

    # Reading.

    def ask(self, key: Key) -> Pending:
        now = self._clock()
        until = time.monotonic() + self._hard
        try:
            with edge():
                exchange = self._db.begin(self._reading(key, now))
        except TierUnavailable as refused:
            return Refused(refused)
        if exchange is None:
            return Later(partial(self._find, key))
        return Question(self, key, now, exchange, until)

    def _find(self, key: Key) -> Entry | None:
        with edge():
            now = self._clock()
            (_, (rows, _)) = self._db.run(self._reading(key, now))
            return self._answer(rows, key, now)

    def answer(self, key: Key, now: float, exchange: Exchange, until: float) -> Entry | None:
        """To what was asked with it."""
        with edge():
            try:
                (_, (rows, _)) = self._db.answers(exchange, until)
            except Lost:  # most likely cut off while it was idle
                return self._find(key)
            return self._answer(rows, key, now)

    def drop(self, exchange: Exchange) -> None:
        self._db.drop(exchange)

    async def get(self, key: Key) -> Entry | None:
        with edge():
            now = self._clock()
            (_, (rows, _)) = await self._db.arun(self._reading(key, now))
            return self._answer(rows, key, now)

    def _reading(self, key: Key, now: float) -> list[Query]:
        return [sql.of_tenant(key.tenant, self._hard), sql.read(key, now - self._stale)]

    def _answer(self, rows: list[Any], key: Key, now: float) -> Entry | None:
        entry = self._decoded(rows[0][0], key, now) if rows else None
        if entry is not None:
            self._hits.add(key, now)
        return entry

    def _decoded(self, data: bytes, key: Key, now: float) -> Entry | None:
        entry = self._codec.decode(data, key)
        if not isinstance(entry, Entry):
            self.damaged += 1
            if not entry.foreign:
                self._behind(partial(self.run, key.tenant, sql.delete_damaged(key, data)))
            return None
        # The columns are not signed, the envelope is.
        return entry if now < entry.expires_at + self._stale and not entry.ahead(now) else None

    def scan(self, tenant: str | None, limit: int) -> Iterator[Entry]:
        """Newest first, at most `limit`; of one tenant, or of all for None. A page at a time."""
        return self._scanned(tenant, None, limit)

    def in_scope(self, key: Key, limit: int) -> Iterator[Entry]:
        """As `scan`, of the tenant and scope of `key`."""
        return self._scanned(key.tenant, key.scope, limit)

    def nearest(self, key: Key, vector: bytes, embedder: str, limit: int, seconds: float) -> list[Entry]:
        """A VectorTier's, where `cache migrate --pgvector` was run; else none."""
        now = self._clock()
        rows = self._vectors.nearest(key, vector, embedder, limit, now, min(seconds, self._hard))
        entries = (self._decoded(payload, found, now) for found, payload in rows)
        return [entry for entry in entries if entry is not None]

    def _scanned(self, tenant: str | None, scope: bytes | None, limit: int) -> Iterator[Entry]:
        now = self._clock()
        below = (inf, "", b"")
        while limit > 0:
            page = sql.scan(tenant, now - self._stale, below, min(_PAGE, limit), scope=scope)
            rows, _ = self.run(tenant, page, LONG)
            for created_at, owner, digest, place, namespace, model, payload in rows:
                key = Key(tenant=owner, digest=digest, scope=place, namespace=namespace, model=model)
                below = (created_at, owner, digest)
                entry = self._decoded(payload, key, now)
                if entry is not None:
                    limit -= 1
                    yield entry
            if not rows:
                return

    def stats(self) -> TierStats:
        """Counted, as long as there are not so many that counting would take its time; else as the planner thinks."""
        ((entries, size),), _ = self.run(None, sql.ESTIMATE)
        query = sql.TALLY if entries <= _EXACTLY else sql.OLDEST
        (found,), _ = self.run(None, query, LONG)
        if query is sql.TALLY:
            entries, size = found[:2]
        oldest = found[-1]
        return TierStats(entries=entries, size=size, oldest=oldest and max(0.0, self._clock() - oldest))

    # Writing.

    def put(self, entry: Entry) -> None:
        """Insert, or replace what is not newer."""
        with edge():
            query = sql.put(entry, self._codec.encode(entry), self._clock())
        self.run(entry.key.tenant, query, lazy=True)
        self._vectors.put(entry)

    def delete(self, key: Key) -> None:
        self.run(key.tenant, sql.delete(key))

    def invalidate(self, which: Filter, now: float) -> int:
        return self._in_batches(which.tenant, sql.invalidation(which, now, _BATCH), None)

    def purge(self, now: float) -> int:
        """Delete what expired more than the stale limit ago, at most 10,000 entries; keep the size within bounds."""
        self._count_hits()
        gone = self._in_batches(None, sql.purge(now - self._stale, _BATCH), _PURGE_BATCHES)
        self._make_room()
        self.run(None, forget(_BATCH * _PURGE_BATCHES), LONG, lazy=True)
        return gone

    def _make_room(self) -> None:
        """Evict at most 10,000 entries if there is more than there may be: of the quarter that expires soonest, those
        that were used least."""
        if self._most == inf:
            return
        stats = self.stats()
        if stats.size <= self._most or not stats.entries:
            return
        excess = int(stats.entries * (1 - _SLACK * self._most / stats.size)) + 1
        while excess > 0:
            batch = min(_BATCH, excess)
            _, gone = self.run(None, sql.evict(max(1, stats.entries // 4, batch), batch), LONG)
            excess = min(excess, _PURGE_BATCHES * _BATCH) - batch
            if gone < batch:
                return

    def ping(self) -> None:
        """That there is a server, with our schema, that lets us read."""
        self.run(None, sql.GREETING)
        self.run(None, sql.PROBE)

    def close(self) -> None:
        """Write the hits, close. Best effort, idempotent; afterwards everything is TierUnavailable."""
        self._count_hits(self._hard)
        self._db.close()

    async def aclose(self) -> None:
        await self._db.aclose()

    # Behind the request.

    def run(
        self, tenant: str | None, query: Query, seconds: float | None = None, *, lazy: bool = False,
        before: Sequence[Query] = (),
    ) -> tuple[list[Any], int]:  # fmt: skip
        """The rows of one statement, and how many it touched. tenant: None where it is about everybody. before: what
        goes before it in the same exchange."""
        with edge():
            limit = seconds or self._hard
            settings = sql.of_everybody(limit, lazy=lazy) if tenant is None else sql.of_tenant(tenant, limit, lazy=lazy)
            return self._db.run([settings, *before, query], limit)[-1]

    def _in_batches(self, tenant: str | None, query: Query, most: int | None) -> int:
        """Run what deletes at most _BATCH rows until it finds no more."""
        gone = runs = 0
        while most is None or runs < most:
            _, batch = self.run(tenant, query, LONG)
            gone, runs = gone + batch, runs + 1
            if batch < _BATCH:
                break
        return gone

    def _count_hits(self, seconds: float | None = None) -> None:
        """Never raises: statistics say nothing about the tier's health, and hold up no purge. What fails is not tried
        again, since it may have been counted all the same."""
        counts = self._hits.take()
        try:
            for start in range(0, len(counts), _BATCH):
                self.run(None, sql.count_hits(counts[start : start + _BATCH]), seconds or LONG, lazy=True)
        except TierUnavailable as exc:
            _log.debug("hits of %d entries were not counted: %s", len(counts), exc.reason)

    def _behind(self, work: Callable[[], Any]) -> bool:
        """On the pool; False when it is full: the next read finds the same work to do."""
        try:
            self._pool.submit(work)
        except PoolFull:
            return False
        return True


class Question:
    """A Pending: it has been sent, on a connection that is its own until it is taken or dropped."""

    __slots__ = ("_exchange", "_key", "_now", "_tier", "_until")

    def __init__(self, tier: PostgresTier, key: Key, now: float, exchange: Exchange, until: float) -> None:
        self._tier, self._key, self._now, self._exchange, self._until = tier, key, now, exchange, until

    def ready(self, timeout: float) -> bool:
        return self._exchange.finished(time.monotonic() + timeout)

    def take(self) -> Entry | None:
        return self._tier.answer(self._key, self._now, self._exchange, self._until)

    def drop(self) -> None:
        self._tier.drop(self._exchange)
