"""The SQLite file as people and warming see it: read without touching it, no hit counted, nothing damaged deleted."""

from __future__ import annotations

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, Final, TypeVar

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import (
    Codec,
    Filter,
    ModelTotals,
    StoredEntry,
    TenantTotals,
    TierUnavailable,
    Totals,
    may_be_key,
)
from beastmode_otel.cache.tiers.sqlite import schema as sql
from beastmode_otel.cache.tiers.sqlite.errors import edge
from beastmode_otel.cache.tiers.sqlite.file import NotReady, located, open_reader
from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier
from beastmode_otel.runtime import WorkerPool

T = TypeVar("T")

_BUSY_MILLISECONDS: Final = 2000
_PAGE: Final = 50  # entries of a scan that are in memory at once

_ENTRY: Final = """
    SELECT tenant, key, scope, namespace, model_requested, created_at, expires_at, last_accessed_at, hit_count, payload
    FROM llm_cache"""
_BY_KEY: Final = f"{_ENTRY} WHERE tenant = ? AND key = ?"
_BY_REQUEST: Final = f"{_ENTRY} WHERE tenant = ? AND request_id = ?"
_BY_BEGINNING: Final = f"{_ENTRY} WHERE tenant = ? AND substr(hex(key), 1, ?) = ? LIMIT 2"
_BY_ROW: Final = f"{_ENTRY} WHERE id = ? AND expires_at > ?"
_OF_TENANT: Final = f"{_ENTRY} WHERE ? IS NULL OR tenant = ?"
_COUNTERS: Final = """
    SELECT id, hit_count, last_accessed_at, created_at FROM llm_cache
    WHERE (:tenant IS NULL OR tenant = :tenant) AND expires_at > :now"""
_RELATED: Final = """
    SELECT coalesce(sum(scope = :scope), 0), coalesce(sum(scope <> :scope), 0) FROM llm_cache
    WHERE tenant = :tenant AND model_requested = :model AND key <> :key"""
_TOTALS: Final = """
    SELECT count(*), coalesce(sum(expires_at <= :now), 0), min(created_at), count(DISTINCT tenant) FROM llm_cache
    WHERE :tenant IS NULL OR tenant = :tenant"""
_TENANTS: Final = "SELECT tenant, count(*), sum(hit_count) FROM llm_cache GROUP BY tenant ORDER BY tenant"
_MODELS: Final = """
    SELECT model_requested, count(*), sum(hit_count), avg(input_tokens), avg(output_tokens), avg(cost_usd),
        coalesce(sum(hit_count * (coalesce(input_tokens, 0) + coalesce(output_tokens, 0))), 0),
        coalesce(sum(hit_count * cost_usd), 0.0)
    FROM llm_cache WHERE :tenant IS NULL OR tenant = :tenant
    GROUP BY model_requested ORDER BY count(*) DESC, model_requested"""


class SQLiteInspection:
    """An InspectableTier (cache/tier.py) over the file at `path`, which need not be there.

    Each look has a connection of its own that cannot write, open only as long as it takes, and waits for locks for up
    to 2 s. The tier itself is made for what writes, which is for one thread at a time.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        codec: Codec,
        stale: float = 0.0,
        max_bytes: int | None = None,
        clock: Callable[[], float] = time.time,
        tell: Callable[[str], None],
    ) -> None:
        self._path = located(path)
        self.location = str(self._path)
        self._codec, self._stale, self._max_bytes, self._clock, self._tell = codec, stale, max_bytes, clock, tell
        self._pool = WorkerPool("inspect")
        self._tier: SQLiteTier | None = None
        self._closed = False

    # Looking.

    def version(self) -> int | None:
        return self._look(lambda db: int(db.execute(sql.STATE).fetchone()[0]), None)

    def peek(self, key: Key) -> StoredEntry | None:
        found = self._entries(_BY_KEY, (key.tenant, key.digest))
        return found[0] if found else None

    def named(self, tenant: str, handle: str) -> list[StoredEntry]:
        found = self._entries(_BY_REQUEST, (tenant, handle))
        if found or not may_be_key(handle):
            return found
        return self._entries(_BY_BEGINNING, (tenant, len(handle), handle.upper()))

    def scan_by_frequency(
        self, tenant: str | None, limit: int, *, half_life: float, now: float
    ) -> Iterator[StoredEntry]:
        # Ordered here, as SQLite may have been built without mathematics: four numbers of each entry, no payload.
        def rank(counters: Any) -> tuple[float, float]:
            _, hits, accessed, created = counters
            return -hits * 2.0 ** (-max(0.0, now - accessed) / half_life), -created

        rows = self._rows(_COUNTERS, {"tenant": tenant, "now": now})
        rows.sort(key=rank)
        for start in range(0, len(rows), _PAGE):
            page = [row for row, *_ in rows[start : start + _PAGE]]
            for one in self._readable(page, now):
                if limit <= 0:
                    return
                limit -= 1
                yield one

    def _readable(self, page: list[int], now: float) -> list[StoredEntry]:
        """Those rows, without what is damaged, or gone since they were ordered."""

        def read(db: sqlite3.Connection) -> list[StoredEntry]:
            return [self._stored(one) for row in page for one in db.execute(_BY_ROW, (row, now))]

        found: list[StoredEntry] = self._look(read, [])
        return [stored for stored in found if isinstance(stored.entry, Entry)]

    def totals(self, tenant: str | None, now: float) -> Totals:
        def count(db: sqlite3.Connection) -> Totals:
            entries, expired, oldest, tenants = db.execute(_TOTALS, {"tenant": tenant, "now": now}).fetchone()
            (size,) = db.execute(sql.USED_BYTES).fetchone()
            return Totals(entries=entries, expired=expired, oldest=oldest, tenants=tenants, size=size)

        return self._look(count, Totals())

    def totals_by_model(self, tenant: str | None) -> list[ModelTotals]:
        return [
            ModelTotals(
                model=model, entries=entries, hits=hits, input_tokens=asked, output_tokens=told, usd=usd,
                saved_tokens=saved_tokens, saved_usd=saved_usd,
            )
            for model, entries, hits, asked, told, usd, saved_tokens, saved_usd in self._rows(
                _MODELS, {"tenant": tenant}
            )
        ]  # fmt: skip

    def totals_by_tenant(self) -> list[TenantTotals]:
        return [TenantTotals(tenant=tenant, entries=entries, hits=hits)
                for tenant, entries, hits in self._rows(_TENANTS, ())]  # fmt: skip

    def damage(self, tenant: str | None) -> Mapping[str, int]:
        def count(db: sqlite3.Connection) -> Counter[str]:
            decoded = (self._stored(row).entry for row in db.execute(_OF_TENANT, (tenant, tenant)))
            return Counter(one.reason for one in decoded if not isinstance(one, Entry))

        return self._look(count, Counter[str]())

    def related(self, key: Key) -> tuple[int, int]:
        parameters = {"scope": key.scope, "tenant": key.tenant, "model": key.model, "key": key.digest}
        ((near, far),) = self._rows(_RELATED, parameters) or ((0, 0),)
        return near, far

    def _entries(self, statement: str, parameters: Any) -> list[StoredEntry]:
        return [self._stored(row) for row in self._rows(statement, parameters)]

    def _stored(self, row: Any) -> StoredEntry:
        tenant, digest, scope, namespace, model, created, expires, accessed, hits, payload = row
        key = Key(digest=digest, scope=scope, tenant=tenant, namespace=namespace, model=model)
        return StoredEntry(
            key=key, entry=self._codec.decode(payload, key), created_at=created, expires_at=expires,
            accessed_at=accessed, hits=hits, size=len(payload),
        )  # fmt: skip

    def _rows(self, statement: str, parameters: Any) -> list[Any]:
        return self._look(lambda db: db.execute(statement, parameters).fetchall(), [])

    def _look(self, work: Callable[[sqlite3.Connection], T], empty: T) -> T:
        """`work` on a connection that cannot write; `empty` when nothing was ever stored there."""
        self._check_open()
        if not self._path.exists():
            return empty
        with edge():
            try:
                reader = open_reader(self._path)
            except NotReady:
                return empty
            with closing(reader):
                reader.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}").fetchall()
                return work(reader)

    # Removing.

    def invalidate(self, which: Filter, now: float) -> int:
        tier = self._writable()
        return 0 if tier is None else tier.invalidate(which, now)

    def purge(self, now: float) -> int:
        tier = self._writable()
        return 0 if tier is None else tier.purge(now)

    def _writable(self) -> SQLiteTier | None:
        """None when there is no file, which looking and removing must not make. Raises ConfigError for an odd path."""
        self._check_open()
        if self._tier is None and self._path.exists():
            self._tier = SQLiteTier(
                self._path,
                codec=self._codec,
                pool=self._pool,
                stale=self._stale,
                max_bytes=self._max_bytes,
                clock=self._clock,
                tell=self._tell,
            )
        return self._tier

    def close(self) -> None:
        self._closed = True
        self._pool.close()
        if self._tier is not None:
            self._tier.close()

    def _check_open(self) -> None:
        if self._closed:
            raise TierUnavailable("it was closed", healthy=True)
