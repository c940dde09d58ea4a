"""An InspectableTier over the rows of `socket_tier.Store`: plain Python, the reference for what SQL must say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from statistics import mean

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import (
    Codec,
    Filter,
    ModelTotals,
    StoredEntry,
    TenantTotals,
    TierUnavailable,
    Totals,
)
from contract.socket_tier import Row, Store


class StoreInspection:
    """down: why nothing works any more, on command."""

    def __init__(self, store: Store, codec: Codec, *, stale: float = 0.0) -> None:
        self.location = "memory://rows"
        self.down: str | None = None
        self._store, self._codec, self._stale = store, codec, stale

    def _rows(self, tenant: str | None = None) -> list[Row]:
        if self.down is not None:
            raise TierUnavailable(self.down, healthy=self.down == "closed")
        return [row for row in self._store.rows.values() if tenant in (None, row.facts.key.tenant)]

    def _stored(self, row: Row) -> StoredEntry:
        facts = row.facts
        return StoredEntry(
            key=facts.key, entry=self._codec.decode(row.payload, facts.key), created_at=facts.created_at,
            expires_at=facts.expires_at, accessed_at=row.accessed_at, hits=row.hits, size=len(row.payload),
        )  # fmt: skip

    def version(self) -> int | None:
        return 7 if self._rows() else None

    def peek(self, key: Key) -> StoredEntry | None:
        found = [row for row in self._rows(key.tenant) if row.facts.key.digest == key.digest]
        return self._stored(found[0]) if found else None

    def named(self, tenant: str, handle: str) -> list[StoredEntry]:
        rows = self._rows(tenant)
        found = [row for row in rows if row.facts.request_id == handle]
        if not found and len(handle) >= 6:
            found = [row for row in rows if row.facts.key.digest.hex().startswith(handle.lower())][:2]
        return [self._stored(row) for row in found]

    def scan_by_frequency(
        self, tenant: str | None, limit: int, *, half_life: float, now: float
    ) -> Iterator[StoredEntry]:
        stored = [self._stored(row) for row in self._rows(tenant) if row.facts.expires_at > now]
        found = [one for one in stored if isinstance(one.entry, Entry)]
        found.sort(key=lambda one: (one.score(now, half_life), one.created_at), reverse=True)
        yield from found[: max(0, limit)]

    def totals(self, tenant: str | None, now: float) -> Totals:
        rows = self._rows(tenant)
        return Totals(
            entries=len(rows), expired=sum(row.facts.expires_at <= now for row in rows),
            tenants=len({row.facts.key.tenant for row in rows}),
            oldest=min((row.facts.created_at for row in rows), default=None),
            size=sum(len(row.payload) for row in self._rows()),
        )  # fmt: skip

    def totals_by_model(self, tenant: str | None) -> list[ModelTotals]:
        rows = self._rows(tenant)
        counts = Counter(row.facts.key.model for row in rows)
        models = sorted(counts, key=lambda model: (-counts[model], model))
        return [_model(model, [row for row in rows if row.facts.key.model == model]) for model in models]

    def totals_by_tenant(self) -> list[TenantTotals]:
        rows = self._rows()
        return [
            TenantTotals(tenant=tenant, entries=len(own), hits=sum(row.hits for row in own))
            for tenant in sorted({row.facts.key.tenant for row in rows})
            for own in [[row for row in rows if row.facts.key.tenant == tenant]]
        ]

    def damage(self, tenant: str | None) -> Mapping[str, int]:
        entries = (self._stored(row).entry for row in self._rows(tenant))
        return Counter(one.reason for one in entries if not isinstance(one, Entry))

    def related(self, key: Key) -> tuple[int, int]:
        scopes = [row.facts.key.scope == key.scope for row in self._rows(key.tenant)
                  if row.facts.key.model == key.model and row.facts.key.digest != key.digest]  # fmt: skip
        return sum(scopes), len(scopes) - sum(scopes)

    def invalidate(self, which: Filter, now: float) -> int:
        self._rows()
        return self._store.invalidate(which, now)

    def purge(self, now: float) -> int:
        self._rows()
        return self._store.purge(now - self._stale)

    def close(self) -> None:
        self.down = "closed"


def _model(model: str, rows: list[Row]) -> ModelTotals:
    def average(of: Callable[[Entry], float | None]) -> float | None:
        known = [value for row in rows if (value := of(row.facts)) is not None]
        return mean(known) if known else None

    return ModelTotals(
        model=model, entries=len(rows), hits=sum(row.hits for row in rows),
        input_tokens=average(lambda one: one.usage and one.usage.input_tokens),
        output_tokens=average(lambda one: one.usage and one.usage.output_tokens),
        usd=average(lambda one: one.cost),
        saved_tokens=sum(
            row.hits * ((row.facts.usage.input_tokens or 0) + (row.facts.usage.output_tokens or 0))
            for row in rows if row.facts.usage
        ),
        saved_usd=sum(row.hits * (row.facts.cost or 0.0) for row in rows),
    )  # fmt: skip
