"""Rows of the SQLite tier, read without touching them: no hit is counted, nothing damaged is deleted."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from beastmode_otel.cache.entry import Key

_ROW: Final = """
    SELECT tenant, key, scope, namespace, model_requested, created_at, expires_at, last_accessed_at, hit_count, payload
    FROM llm_cache"""
_BY_KEY: Final = f"{_ROW} WHERE tenant = ? AND key = ?"
_BY_REQUEST: Final = f"{_ROW} WHERE tenant = ? AND request_id = ?"
_BY_BEGINNING: Final = f"{_ROW} WHERE tenant = ? AND substr(hex(key), 1, ?) = ? LIMIT 2"
_NEIGHBOURS: Final = """
    SELECT coalesce(sum(scope = :scope), 0), coalesce(sum(scope <> :scope), 0) FROM llm_cache
    WHERE tenant = :tenant AND model_requested = :model AND key <> :key"""
_TENANTS: Final = "SELECT DISTINCT tenant FROM llm_cache ORDER BY tenant"
_TOTALS: Final = """
    SELECT count(*), coalesce(sum(expires_at <= :now), 0), min(created_at), count(DISTINCT tenant) FROM llm_cache
    WHERE :tenant IS NULL OR tenant = :tenant"""
# A hit of a model saves what its entries cost on average; those whose price nobody knows say nothing about it.
_MODELS: Final = """
    SELECT model_requested, count(*), sum(hit_count), avg(input_tokens), avg(output_tokens), avg(cost_usd),
        coalesce(sum(hit_count * (coalesce(input_tokens, 0) + coalesce(output_tokens, 0))), 0),
        coalesce(sum(hit_count * cost_usd), 0.0)
    FROM llm_cache WHERE :tenant IS NULL OR tenant = :tenant
    GROUP BY model_requested ORDER BY count(*) DESC, model_requested"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry as it lies there. Times are UTC seconds since the epoch. hits: those that this tier answered."""

    key: Key
    created_at: float
    expires_at: float
    accessed_at: float
    hits: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """expired: of the entries, those that nobody is answered with any more. oldest: when it was made."""

    entries: int
    expired: int
    oldest: float | None
    tenants: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTotals:
    """input_tokens, output_tokens, usd: what one hit saves, on average; None where nobody knows.

    saved_tokens, saved_usd: what the hits have saved so far.
    """

    model: str
    entries: int
    hits: int
    input_tokens: float | None
    output_tokens: float | None
    usd: float | None
    saved_tokens: int
    saved_usd: float


def by_key(db: sqlite3.Connection, key: Key) -> Row | None:
    return next(_rows(db, _BY_KEY, (key.tenant, key.digest)), None)


def by_handle(db: sqlite3.Connection, tenant: str, handle: str) -> list[Row]:
    """What a key, the beginning of one, or a request id names; two at most of those with the same beginning."""
    found = list(_rows(db, _BY_REQUEST, (tenant, handle)))
    if found or not _is_hex(handle):
        return found
    return list(_rows(db, _BY_BEGINNING, (tenant, len(handle), handle.upper())))


def every(db: sqlite3.Connection, tenant: str | None) -> Iterator[Row]:
    return _rows(db, f"{_ROW} WHERE ? IS NULL OR tenant = ?", (tenant, tenant))


def neighbours(db: sqlite3.Connection, key: Key) -> tuple[int, int]:
    """Of the same tenant and model, without it: how many entries in its scope, and in others."""
    parameters = {"scope": key.scope, "tenant": key.tenant, "model": key.model, "key": key.digest}
    near, far = db.execute(_NEIGHBOURS, parameters).fetchone()
    return near, far


def tenants(db: sqlite3.Connection) -> list[str]:
    return [tenant for (tenant,) in db.execute(_TENANTS)]


def totals(db: sqlite3.Connection, tenant: str | None, now: float) -> Totals:
    entries, expired, oldest, owners = db.execute(_TOTALS, {"tenant": tenant, "now": now}).fetchone()
    return Totals(entries=entries, expired=expired, oldest=oldest, tenants=owners)


def models(db: sqlite3.Connection, tenant: str | None) -> list[ModelTotals]:
    return [
        ModelTotals(
            model=model, entries=entries, hits=hits, input_tokens=asked, output_tokens=told, usd=usd,
            saved_tokens=saved_tokens, saved_usd=saved_usd,
        )
        for model, entries, hits, asked, told, usd, saved_tokens, saved_usd in db.execute(_MODELS, {"tenant": tenant})
    ]  # fmt: skip


def _rows(db: sqlite3.Connection, statement: str, parameters: Any) -> Iterator[Row]:
    for tenant, digest, scope, namespace, model, created, expires, accessed, hits, payload in db.execute(
        statement, parameters
    ):
        key = Key(digest=digest, scope=scope, tenant=tenant, namespace=namespace, model=model)
        yield Row(
            key=key, created_at=created, expires_at=expires, accessed_at=accessed, hits=hits, payload=payload
        )  # fmt: skip


def _is_hex(text: str) -> bool:
    return 6 <= len(text) <= 64 and all(char in "0123456789abcdefABCDEF" for char in text)
