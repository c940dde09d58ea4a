"""What a call of an app's own client may have of the cache, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.cache.canonical import NotCanonical
from beastmode_otel.cache.key import Parts, Target, credential_tenant
from beastmode_otel.cache.storable import NOT_CANONICAL, may_lookup
from beastmode_otel.engine.wish import Wish
from beastmode_otel.instrumentation.call import host_of
from beastmode_otel.instrumentation.control import Use
from beastmode_otel.instrumentation.desk import Desk
from beastmode_otel.wire import LLMCall

_CREDENTIALS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
_PERSONAL: Final = ("cookie", "proxy-authorization")


def wish_of_call(desk: Desk, seen: LLMCall, request: Any, use: Use) -> Wish:
    """The wish of one call. Without a body that we can read, or with a login that we cannot, the cache is passed by."""
    if use == "off":
        return Wish(use="off", key=None, reason="off")
    headers = {name.lower(): value for name, value in request.headers.items()}
    asked = may_lookup(seen.body or {}, api=seen.api, headers=headers)
    reason = None if asked.ok else asked.reason
    if seen.body is None or any(name in headers for name in _PERSONAL):
        reason = reason or "unreadable"
    if reason is not None:
        return Wish(use=use, key=None, reason=reason)
    target = Target(seen.provider, _address(request.url), seen.model or "")
    try:
        key = desk.keys.derive(_parts(desk, seen, target, headers))
    except NotCanonical:
        return Wish(use=use, key=None, reason=NOT_CANONICAL.reason)
    cache = desk.config.cache
    return Wish(use=use, key=key, ttl=max(cache.l1.ttl, cache.l3.ttl), targets=(target,), asked=asked)


def _parts(desk: Desk, seen: LLMCall, target: Target, headers: Mapping[str, str]) -> Parts:
    return Parts(
        tenant=_tenant(desk, headers),
        namespace=desk.config.namespace,
        api=seen.api,
        targets=(target,),
        requested=seen.model or seen.api,
        body=seen.body or {},
        headers=headers,
    )


def _tenant(desk: Desk, headers: Mapping[str, str]) -> str:
    """Whoever holds the key; who sends none shares with all who send none."""
    credentials = [headers[name] for name in _CREDENTIALS if headers.get(name)]
    # Of one account several organisations and projects may be billed, which see different models.
    account = [headers.get(name, "") for name in ("openai-organization", "openai-project")]
    if not credentials:
        return desk.config.namespace
    secret = desk.config.cache.secret
    return credential_tenant("\n".join([*credentials, *account]), secret.reveal().encode() if secret else None)


def _address(url: Any) -> str:
    query = f"?{url.query.decode('ascii', 'replace')}" if url.query else ""  # only its digest is kept
    return f"{url.scheme}://{host_of(url)}{url.path}{query}"
