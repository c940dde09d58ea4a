"""What L3 has for a request, and why, in words."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tiers.sqlite import inspect as rows
from beastmode_otel.cli.cache.cache_request import Wished
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.units import counted, lasting

Result = Literal["hit", "expired", "damaged", "miss", "not_asked"]
_BYPASSED: Final[Mapping[str, str]] = {
    "unknown_api": "The deployment's kind is passthrough: nobody can tell a whole answer from half of one there.",
    "stateful": "It says store, background or previous_response_id, or has a tool that runs at the provider: the "
    "answer depends on more than the request, or leaves something behind.",
    "no_store": "The caller forbids it (cache-control: no-store).",
    "not_canonical": "It holds what JSON has no one spelling for: NaN, a lone surrogate, more than 100 levels.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """age, remaining: seconds; None where there is no such entry."""

    result: Result
    why: tuple[str, ...]
    age: float | None = None
    remaining: float | None = None
    request_id: str | None = None


def find(store: Store, asked: Wished, now: float) -> Finding:
    """Without counting a hit or deleting anything. Raises Failed."""
    why = ("cache.mode is off: no router with this configuration asks or fills it.",) if _is_off(store) else ()
    if asked.key is None:
        told = _BYPASSED.get(asked.reason, f"The cache has no part in it: {asked.reason}.")
        return Finding(result="not_asked", why=(*why, told))
    key = asked.key
    return store.read(lambda db: _look(db, store, key, now, why)) or Finding(
        result="miss", why=(*why, "There is no such file yet: nothing was ever stored.")
    )


def _is_off(store: Store) -> bool:
    return store.config.cache.mode == "off"


def _look(db: sqlite3.Connection, store: Store, key: Key, now: float, why: tuple[str, ...]) -> Finding:
    row = rows.by_key(db, key)
    if row is None:
        return Finding(result="miss", why=(*why, *_why_miss(db, key)))
    entry = store.codec.decode(row.payload, row.key)
    if not isinstance(entry, Entry):
        told = f"An entry has this key but cannot be read here ({entry.reason}), which is a miss."
        return Finding(result="damaged", why=(*why, told))
    age = entry.age(now)
    if not entry.fresh(now):
        told = f"It was stored {lasting(age)} ago and expired {lasting(now - entry.expires_at)} ago."
        return Finding(result="expired", why=(*why, told, _stale(store)), age=age, request_id=entry.request_id)
    return Finding(
        result="hit",
        why=(*why, f"The same request was answered by {entry.deployment} {lasting(age)} ago."),
        age=age,
        remaining=entry.expires_at - now,
        request_id=entry.request_id,
    )


def _stale(store: Store) -> str:
    kept = store.config.cache.stale_if_error
    return (
        f"It serves only when every deployment fails, for {lasting(kept)} after it expired (cache.stale_if_error)."
        if kept
        else "The next purge removes it."
    )


def _why_miss(db: sqlite3.Connection, key: Key) -> list[str]:
    near, far = rows.neighbours(db, key)
    if near:
        entries = counted(near, "stored answer differs", "stored answers differ")
        return [f"{entries} from it in the last user text only: same scope, another digest."]
    if far:
        entries = counted(far, "stored answer", "stored answers")
        return [
            f"This tenant has {entries} of {key.model}, all of another scope: parameters, system prompt, earlier "
            "messages, tools or deployments differ. Explain one of those requests too and compare the parts."
        ]
    owners = [owner for owner in rows.tenants(db) if owner != key.tenant]
    more = f" {counted(len(owners), 'other tenant has', 'other tenants have')} entries: see --tenant." if owners else ""
    return [f"Nothing of {key.model} is stored for tenant {key.tenant!r}.{more}"]
