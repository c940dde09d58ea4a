"""L3 in a file: the tier that needs no server. Processes of one machine share it."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any, Final, TypeVar

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import Answered, Codec, Filter, Later, Pending, Refused, TierStats, TierUnavailable
from beastmode_otel.cache.tiers.hits import Hits
from beastmode_otel.cache.tiers.sqlite import schema as sql
from beastmode_otel.cache.tiers.sqlite import upkeep
from beastmode_otel.cache.tiers.sqlite.connections import Connections, Corrupt
from beastmode_otel.cache.tiers.sqlite.errors import edge, is_busy, is_full, unavailable
from beastmode_otel.cache.tiers.sqlite.file import BUSY_SECONDS, NotReady, checked
from beastmode_otel.cache.tiers.sqlite.leases import FORGET, SQLiteLeases
from beastmode_otel.runtime import PoolFull, WorkerPool

T = TypeVar("T")

_log = logging.getLogger(__name__)
_PAUSE: Final = 0.005  # between two tries of a read that may wait
_PAGE: Final = 50  # entries of a scan that are in memory at once


class SQLiteTier:
    """A BlockingTier (cache/tier.py) in one SQLite file.

    - `ask` reads on the caller's thread, about 10 µs and no waiting. Where somebody's lock is in the way its answer is
      not ready, and `take`, on the pool, waits for up to 250 ms. Before the first write everything is a miss.
    - Everything else is for background work and waits for up to 250 ms for another process's lock.
    - Locks, I/O errors and files that are not ours are unhealthy. A full disk and a read-only file are healthy: writes
      fail, reads go on. A full disk costs a batch of entries, so that the next writes find room.
    - A corrupt file is set aside as `<name>.corrupt-<time>`, a table that is gone is made again; `tell` hears of it.
      `tell_ill` hears, once, of whatever else keeps the tier from work.
    - Hits are counted in memory and written every few seconds, by `purge` and by `close`.
    """

    name, system, server = "l3", "sqlite", None

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        codec: Codec,
        pool: WorkerPool,
        stale: float = 0.0,
        max_bytes: int | None = None,
        signed: bool = True,
        clock: Callable[[], float] = time.time,
        tell: Callable[[str], None] = _log.warning,
        tell_ill: Callable[[str], None] | None = None,
    ) -> None:
        """Raises ConfigError when there can be no such file. Nothing is read or written yet.

        stale: seconds after its expiry for which an entry is still returned. max_bytes: of the file, about; what
        expires soonest goes first. signed: whether the codec believes only what has its signature; else a file that
        other users can write to is a ConfigError.
        """
        self.path = checked(path, signed=signed)
        self.damaged = 0
        self._codec, self._pool, self._clock = codec, pool, clock
        self._stale, self._most = stale, inf if max_bytes is None else max_bytes
        self._db = Connections(self.path, tell, tell_ill, signed=signed)
        self.leases = SQLiteLeases(self._db, clock)
        self._hits = Hits(lambda: self._behind(self._count_hits))

    # Reading.

    def ask(self, key: Key) -> Pending:
        try:
            return Answered(self._find(key))
        except TierUnavailable as exc:
            return Refused(exc)
        except sqlite3.Error as exc:
            return Later(partial(self._find_patiently, key)) if is_busy(exc) else Refused(unavailable(exc))
        except Exception as exc:  # noqa: BLE001  (the port's promise: whatever goes wrong is TierUnavailable)
            return Refused(unavailable(exc))

    def _find(self, key: Key) -> Entry | None:
        now = self._clock()
        rows = self._rows(sql.READ, (key.tenant, key.digest, now - self._stale))
        entry = self._decoded(rows[0][0], key, now) if rows else None
        if entry is not None:
            self._hits.add(key, now)
        return entry

    def _find_patiently(self, key: Key) -> Entry | None:
        with edge():
            return _patiently(partial(self._find, key))

    def _rows(self, statement: str, parameters: Any) -> list[Any]:
        try:
            return self._db.read(statement, parameters)
        except NotReady:
            self._behind(self._prepare)
            return []
        except Corrupt as exc:
            self._behind(partial(self._db.replace, exc.seen, exc.why))
            mended = os.access(self.path.parent, os.W_OK)  # soon, on the pool: no reason for the breaker to open
            raise TierUnavailable(f"the file is corrupt, to be replaced: {exc.why}", healthy=mended) from exc

    def _decoded(self, data: bytes, key: Key, now: float) -> Entry | None:
        entry = self._codec.decode(data, key)
        if not isinstance(entry, Entry):
            self.damaged += 1
            if not entry.foreign:
                self._behind(partial(self._execute, sql.DELETE_DAMAGED, (key.tenant, key.digest, data)))
            return None
        # The columns are not signed, the envelope is.
        return entry if now < entry.expires_at + self._stale and not entry.ahead(now) else None

    def scan(self, tenant: str | None, limit: int) -> Iterator[Entry]:
        """Newest first, at most `limit`; of one tenant, or of all for None. A page at a time: holds no lock between."""
        return self._scanned(sql.SCAN if tenant is None else sql.SCAN_TENANT, {"tenant": tenant}, limit)

    def in_scope(self, key: Key, limit: int) -> Iterator[Entry]:
        """As `scan`, of the tenant and scope of `key`."""
        return self._scanned(sql.SCAN_SCOPE, {"tenant": key.tenant, "scope": key.scope}, limit)

    def _scanned(self, statement: str, given: dict[str, Any], limit: int) -> Iterator[Entry]:
        now = self._clock()
        below = {**given, "oldest": now - self._stale, "created_at": inf, "id": 0}
        while limit > 0:
            with edge():
                rows = _patiently(partial(self._rows, statement, {**below, "count": min(_PAGE, limit)}))
            for row, created_at, owner, digest, scope, namespace, model, payload in rows:
                key = Key(tenant=owner, digest=digest, scope=scope, namespace=namespace, model=model)
                below.update(created_at=created_at, id=row)
                entry = self._decoded(payload, key, now)
                if entry is not None:
                    limit -= 1
                    yield entry
            if not rows:
                return

    def stats(self) -> TierStats:
        with edge():
            rows = _patiently(partial(self._rows, sql.TALLY, ()))
            if not rows:
                return TierStats(entries=0, size=0)
            ((size,),) = _patiently(partial(self._rows, sql.USED_BYTES, ()))
        entries, oldest = rows[0]
        return TierStats(entries=entries, size=size, oldest=oldest and max(0.0, self._clock() - oldest))

    # Writing.

    def put(self, entry: Entry) -> None:
        """Insert, or replace what is not newer."""
        with edge():
            record = sql.record(entry, self._codec.encode(entry), self._clock())
            try:
                self._db.write(partial(self._store, record))
            except sqlite3.OperationalError as exc:
                if not is_full(exc):
                    raise
                self._db.write(partial(upkeep.make_room, most=0))
                self._db.write(partial(self._store, record))

    def _store(self, record: dict[str, Any], writer: sqlite3.Connection) -> None:
        writer.execute(sql.PUT, record)
        upkeep.make_room(writer, self._most)

    def delete(self, key: Key) -> None:
        self._execute(sql.DELETE, (key.tenant, key.digest))

    def invalidate(self, which: Filter, now: float) -> int:
        with edge():
            return upkeep.delete_all(self._db, *sql.invalidation(which, now, upkeep.BATCH))

    def purge(self, now: float) -> int:
        """Delete what expired more than the stale limit ago, at most 10,000 entries; keep the size within bounds."""
        self._count_hits()
        with edge():
            gone = upkeep.purge(self._db, now - self._stale)
            self._db.write(partial(upkeep.make_room, most=self._most))
            self._db.write(lambda writer: writer.execute(FORGET, (now,)))
            upkeep.shrink(self._db)
        return gone

    def ping(self) -> None:
        """That the file can be opened, has our schema, and can be read."""
        with edge():
            self._db.visit(lambda writer: writer.execute(sql.PROBE).fetchall())

    def close(self) -> None:
        """Write the hits, empty the log, close. Best effort, idempotent; afterwards everything is TierUnavailable."""
        for last in (self._count_hits, partial(upkeep.checkpoint, self._db), self._db.close):
            with suppress(TierUnavailable), edge():
                last()

    # Behind the request.

    def _execute(self, statement: str, parameters: Any) -> None:
        with edge():
            self._db.write(lambda writer: writer.execute(statement, parameters))

    def _count_hits(self) -> None:
        with edge():
            counts = self._hits.take()
            if counts:
                self._db.write(lambda writer: writer.executemany(sql.COUNT_HITS, counts))

    def _prepare(self) -> None:
        self._db.visit(lambda writer: None)

    def _behind(self, work: Callable[[], Any]) -> bool:
        """On the pool; False when it is full: the next read finds the same work to do."""
        try:
            self._pool.submit(work)
        except PoolFull:
            return False
        return True


def _patiently(read: Callable[[], T]) -> T:
    """Not by SQLite's busy_timeout: the readers, which never wait, serve this too."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return read()
        except sqlite3.OperationalError as exc:
            if not is_busy(exc) or time.monotonic() >= until:
                raise
        time.sleep(_PAUSE)
