"""Removing stored answers on request."""

from __future__ import annotations

from beastmode_otel.cache import Filter, Tiered, TierUnavailable
from beastmode_otel.errors import RequestError
from beastmode_otel.observer import Observer

_BY = ("key", "request_id", "model", "tag", "scope", "older_than")


def invalidate(
    tiered: Tiered | None,
    observer: Observer,
    *,
    tenant: str,
    key: str | None = None,
    request_id: str | None = None,
    model: str | None = None,
    tag: str | None = None,
    scope: str | None = None,
    older_than: float | None = None,
    everything: bool = False,
) -> int:
    """Remove the tenant's entries that match everything that is given; how many. Blocks.

    key, scope: 64 hex digits. older_than: seconds since an entry was made. everything: nothing else given means all.
    Raises RequestError for a filter that is none, or when a tier could not be asked.
    """
    given = {"key": key, "request_id": request_id, "model": model, "tag": tag, "scope": scope, "older_than": older_than}
    named = [name for name in _BY if given[name] is not None]
    if not named and not everything:
        raise RequestError("invalidate() needs at least one of " + ", ".join((*_BY, "tenant")))
    if tiered is None:
        return 0
    which = Filter(
        tenant=tenant,
        digest=_digest("key", key),
        request_id=request_id,
        model=model,
        tag=tag,
        scope=_digest("scope", scope),
        older_than=older_than,
    )
    try:
        count = tiered.invalidate(which)
    except TierUnavailable as ill:
        raise RequestError(
            f"not everything could be invalidated: {ill.reason}",
            category="_OTHER",
            hints=("try again when the tier is back: what it holds may be served until then",),
        ) from ill
    observer.invalidated({"older_than": "age"}.get(named[0], named[0]) if named else "tenant", count)
    return count


def _digest(name: str, value: str | None) -> bytes | None:
    if value is None:
        return None
    try:
        digest = bytes.fromhex(value)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise RequestError(f"{name} must be 64 hex digits", hints=("beastmode-otel cache explain shows it",))
    return digest
