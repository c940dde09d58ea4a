"""The Postgres tier as people and warming see it: no hit counted, nothing damaged deleted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import Codec, Filter, ModelTotals, StoredEntry, TenantTotals, Totals, may_be_key
from beastmode_otel.cache.tiers.postgres import schema as sql
from beastmode_otel.cache.tiers.postgres.tier import PostgresTier
from beastmode_otel.config.postgres_url import PostgresUrl
from beastmode_otel.runtime import WorkerPool

_PATIENCE: Final = 15.0  # seconds: somebody waits who has asked for all of it
_PAGE: Final = 50  # entries of a scan that are in memory at once

_ENTRY: Final = b"""select tenant, key, scope, namespace, model_requested, extract(epoch from created_at)::float8,
        extract(epoch from expires_at)::float8, extract(epoch from last_accessed_at)::float8, hit_count, payload
    from beastmode.llm_cache c """
_BY_KEY: Final = _ENTRY + b"where tenant = $1 and key = $2"
_BY_REQUEST: Final = _ENTRY + b"where tenant = $1 and request_id = $2"
_BY_BEGINNING: Final = _ENTRY + b"where tenant = $1 and key >= $2 and key <= $3 and encode(key, 'hex') like $4 limit 2"
_BY_KEYS: Final = (
    _ENTRY
    + b"""join unnest($1, $2) with ordinality wanted (tenant, key, place) using (tenant, key)
    where expires_at > to_timestamp($3) order by place"""
)
_PAGED: Final = (
    _ENTRY
    + b"""where ($1 = '' or tenant = $1) and (tenant, key) > ($2, $3)
    order by tenant, key limit $4"""
)
_RANKED: Final = b"""select tenant, key from beastmode.llm_cache
    where ($1 = '' or tenant = $1) and expires_at > to_timestamp($2)
    order by hit_count * power(2.0::float8,
        - greatest(0.0, $2 - extract(epoch from last_accessed_at)::float8) / $3) desc, created_at desc"""
_RELATED: Final = b"""select count(*) filter (where scope = $1), count(*) filter (where scope <> $1)
    from beastmode.llm_cache where tenant = $2 and model_requested = $3 and key <> $4"""
_TOTALS: Final = b"""select count(*), count(*) filter (where expires_at <= to_timestamp($2)),
        extract(epoch from min(created_at))::float8, count(distinct tenant)
    from beastmode.llm_cache where $1 = '' or tenant = $1"""
_SIZE: Final = b"select coalesce(sum(octet_length(payload)), 0)::bigint from beastmode.llm_cache"
_TENANTS: Final = b"""select tenant, count(*), sum(hit_count)::bigint from beastmode.llm_cache
    group by tenant order by tenant collate "C" """
_MODELS: Final = b"""select model_requested, count(*), sum(hit_count)::bigint, avg(input_tokens)::float8,
        avg(output_tokens)::float8, avg(cost_usd),
        coalesce(sum(hit_count * (coalesce(input_tokens, 0) + coalesce(output_tokens, 0))), 0)::bigint,
        coalesce(sum(hit_count * cost_usd), 0.0)::float8
    from beastmode.llm_cache where $1 = '' or tenant = $1
    group by model_requested order by count(*) desc, model_requested collate "C" """
_ANY: Final = b"select 1 from beastmode.llm_cache limit 1"


class PostgresInspection:
    """An InspectableTier (cache/tier.py). Each look waits for up to 15 s: it may be about everything there is."""

    def __init__(
        self,
        url: PostgresUrl,
        *,
        codec: Codec,
        stale: float = 0.0,
        max_bytes: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises ConfigError."""
        self._codec, self._pool = codec, WorkerPool("inspect")
        # It says what is wrong by what it raises: who looks need not be told twice.
        self._tier = PostgresTier(
            url, codec=codec, pool=self._pool, stale=stale, max_bytes=max_bytes, hard=_PATIENCE, clock=clock,
            tell=lambda text: None,
        )  # fmt: skip
        self.location = self._tier.location

    def version(self) -> int | None:
        applied, _ = self._tier.run(None, sql.GREETING)
        rows, _ = self._tier.run(None, (_ANY, ()))
        return int(applied[-1][0]) if rows else None

    def peek(self, key: Key) -> StoredEntry | None:
        found = self._entries(key.tenant, _BY_KEY, key.tenant, key.digest)
        return found[0] if found else None

    def named(self, tenant: str, handle: str) -> list[StoredEntry]:
        found = self._entries(tenant, _BY_REQUEST, tenant, handle)
        if found or not may_be_key(handle):
            return found
        least, most = (bytes.fromhex(handle.ljust(64, digit)) for digit in "0f")
        return self._entries(tenant, _BY_BEGINNING, tenant, least, most, f"{handle.lower()}%")

    def scan_by_frequency(
        self, tenant: str | None, limit: int, *, half_life: float, now: float
    ) -> Iterator[StoredEntry]:
        ranked, _ = self._tier.run(tenant, (_RANKED, (tenant or "", now, half_life)))
        for start in range(0, len(ranked), _PAGE):
            tenants, digests = zip(*ranked[start : start + _PAGE], strict=True)
            for stored in self._entries(tenant, _BY_KEYS, tenants, digests, now):
                if limit <= 0:
                    return
                if isinstance(stored.entry, Entry):
                    limit -= 1
                    yield stored

    def totals(self, tenant: str | None, now: float) -> Totals:
        ((entries, expired, oldest, tenants),), _ = self._tier.run(tenant, (_TOTALS, (tenant or "", now)))
        ((size,),), _ = self._tier.run(None, (_SIZE, ()))
        return Totals(entries=entries, expired=expired, oldest=oldest, tenants=tenants, size=size)

    def totals_by_model(self, tenant: str | None) -> list[ModelTotals]:
        rows, _ = self._tier.run(tenant, (_MODELS, (tenant or "",)))
        return [
            ModelTotals(
                model=model, entries=entries, hits=hits, input_tokens=asked, output_tokens=told, usd=usd,
                saved_tokens=saved_tokens, saved_usd=saved_usd,
            )
            for model, entries, hits, asked, told, usd, saved_tokens, saved_usd in rows
        ]  # fmt: skip

    def totals_by_tenant(self) -> list[TenantTotals]:
        rows, _ = self._tier.run(None, (_TENANTS, ()))
        return [TenantTotals(tenant=tenant, entries=entries, hits=hits) for tenant, entries, hits in rows]

    def damage(self, tenant: str | None) -> Mapping[str, int]:
        found, after = Counter[str](), ("", b"")
        while page := self._entries(tenant, _PAGED, tenant or "", *after, _PAGE):
            found.update(one.entry.reason for one in page if not isinstance(one.entry, Entry))
            after = page[-1].key.tenant, page[-1].key.digest
        return found

    def related(self, key: Key) -> tuple[int, int]:
        ((near, far),), _ = self._tier.run(key.tenant, (_RELATED, (key.scope, key.tenant, key.model, key.digest)))
        return near, far

    def _entries(self, tenant: str | None, statement: bytes, *values: Any) -> list[StoredEntry]:
        rows, _ = self._tier.run(tenant, (statement, values))
        return [self._stored(row) for row in rows]

    def _stored(self, row: tuple[Any, ...]) -> StoredEntry:
        tenant, digest, scope, namespace, model, created, expires, accessed, hits, payload = row
        key = Key(digest=digest, scope=scope, tenant=tenant, namespace=namespace, model=model)
        return StoredEntry(
            key=key, entry=self._codec.decode(payload, key), created_at=created, expires_at=expires,
            accessed_at=accessed, hits=hits, size=len(payload),
        )  # fmt: skip

    # Removing.

    def invalidate(self, which: Filter, now: float) -> int:
        return self._tier.invalidate(which, now)

    def purge(self, now: float) -> int:
        return self._tier.purge(now)

    def close(self) -> None:
        self._tier.close()
        self._pool.close()
