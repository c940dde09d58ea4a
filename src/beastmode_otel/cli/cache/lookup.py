"""What a tier has for a request, and why, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from beastmode_otel.cache import Entry, InspectableTier, Key
from beastmode_otel.cli.cache.cache_request import KeyedRequest
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
class Lookup:
    """What a tier has. age, remaining: seconds; None where there is no such entry."""

    result: Result
    why: tuple[str, ...]
    age: float | None = None
    remaining: float | None = None
    request_id: str | None = None


def why_not(store: Store, asked: KeyedRequest) -> list[str]:
    """What keeps every tier from having it."""
    off = 'The cache is off: no router with this configuration asks or fills it, unless it is given cache="on".'
    why = [off] if store.config.cache.mode == "off" else []
    if asked.key is None:
        why.append(_BYPASSED.get(asked.reason, f"The cache has no part in it: {asked.reason}."))
    return why


def look_up(store: Store, tier: InspectableTier, asked: KeyedRequest, now: float) -> Lookup:
    """Without counting a hit or deleting anything. Raises TierUnavailable."""
    if asked.key is None:
        return Lookup(result="not_asked", why=())
    stored = tier.peek(asked.key)
    if stored is None:
        return Lookup(result="miss", why=(*_why_forbidden(asked), *_why_miss(tier, asked.key)))
    entry = stored.entry
    if not isinstance(entry, Entry):
        told = f"An entry has this key but cannot be read here ({entry.reason}), which is a miss."
        return Lookup(result="damaged", why=(told,))
    age = entry.age(now)
    if entry.ahead(now):
        told = (
            f"It was stored by a clock that ran {lasting(entry.created_at - now)} ahead of this one, and is not served."
        )
        return Lookup(result="expired", why=(told,), age=age, request_id=entry.request_id)
    if not entry.fresh(now):
        told = f"It was stored {lasting(age)} ago and expired {lasting(now - entry.expires_at)} ago."
        return Lookup(result="expired", why=(told, _stale(store)), age=age, request_id=entry.request_id)
    return Lookup(
        result="hit",
        why=(f"The same request was answered by {entry.deployment} {lasting(age)} ago.",),
        age=age,
        remaining=entry.expires_at - now,
        request_id=entry.request_id,
    )


def _why_forbidden(asked: KeyedRequest) -> list[str]:
    return [
        f"{name} says cache-control: no-store with every answer, which is obeyed: nothing of it is stored"
        " (obey_cache_control = false)."
        for name in asked.forbidden
    ]


def _stale(store: Store) -> str:
    kept = store.config.cache.stale_if_error
    return (
        f"It serves only when every deployment fails, for {lasting(kept)} after it expired (cache.stale_if_error)."
        if kept
        else "The next purge removes it."
    )


def _why_miss(tier: InspectableTier, key: Key) -> list[str]:
    if tier.version() is None:
        return ["There is nothing in it: nothing was ever stored, or nothing of it is left."]
    near, far = tier.related(key)
    if near:
        entries = counted(near, "stored answer differs", "stored answers differ")
        return [f"{entries} from it in the last user text only: same scope, another digest."]
    if far:
        entries = counted(far, "stored answer", "stored answers")
        return [
            f"This tenant has {entries} of {key.model}, all of another scope: parameters, system prompt, earlier "
            "messages, tools or deployments differ. Explain one of those requests too and compare the parts."
        ]
    owners = [owner for owner in tier.totals_by_tenant() if owner.tenant != key.tenant]
    more = f" {counted(len(owners), 'other tenant has', 'other tenants have')} entries: see --tenant." if owners else ""
    return [f"Nothing of {key.model} is stored for tenant {key.tenant!r}.{more}"]
