"""What a call of an app's own client may have of the cache, and whose it is."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.cache import (
    NOT_CANONICAL,
    OUTPUT_HEADERS,
    KeyParts,
    KeyTarget,
    NotCanonical,
    counted_headers,
    credential_tenant,
    has_login_cookie,
    may_lookup,
    wording_of,
)
from beastmode_otel.engine.cache_request import CacheRequest, Options, wanted_of
from beastmode_otel.instrumentation.context import DoorContext, host_of
from beastmode_otel.wire import LLMCall

_LOGIN: Final = "proxy-authorization"


def has_other_login(headers: Mapping[str, str]) -> bool:
    """Whether somebody is logged in by more than a key: by cookies, or at a proxy. Names in lower case."""
    return _LOGIN in headers or has_login_cookie(headers.get("cookie", ""))


def tenant_of(headers: Mapping[str, str], *, host: str, nobody: str, secret: bytes | None) -> str:
    """The tenant: a digest of every header that may say who asks. Names in lower case.

    host: that of the URL. nobody: of whoever says nothing.
    """
    said = [header for header in counted_headers(headers, host=host) if header[0] not in OUTPUT_HEADERS]
    return credential_tenant(json.dumps(said), secret) if said else nobody


def cache_request_of_call(
    context: DoorContext, seen: LLMCall, request: Any, options: Options, *, plain: bool = True
) -> CacheRequest:
    """What one call asks of the cache, which has no part in a body or a login that we cannot read.

    plain: who asks and who answers stands in the request.
    """
    use = options.use
    if use == "off":
        return CacheRequest(use="off", key=None, reason="off")
    headers = {name.lower(): value for name, value in request.headers.items()}
    asked = may_lookup(seen.body or {}, api=seen.api, headers=headers)
    reason = None if asked.ok else asked.reason
    if seen.body is None or not plain or has_other_login(headers):
        reason = reason or "unreadable"
    if reason is not None:
        return CacheRequest(use=use, key=None, reason=reason)
    target = KeyTarget(seen.provider, _address(seen, request.url), seen.model or "")
    asked_of = target._replace(base_url=target.base_url + _variant(seen, request))
    parts = _parts(context, seen, asked_of, headers, request.url)
    try:
        key = context.keys.derive(parts)
    except NotCanonical:
        return CacheRequest(use=use, key=None, reason=NOT_CANONICAL.reason)
    wording = functools.partial(wording_of, parts, key) if context.config.cache.matches_similar else None
    return wanted_of(context.config.cache, options, key=key, targets=(target,), asked=asked, wording=wording)


def _variant(seen: LLMCall, request: Any) -> str:
    """Streams that carry no usage are kept apart: what they leave behind has none, and others read `usage` unasked."""
    bare = seen.stream and not (seen.ask.include_usage or gets_usage_unasked(seen, request))
    return "#without-usage" if bare else ""


def gets_usage_unasked(seen: LLMCall, request: Any) -> bool:
    """Whether its streams carry usage that nobody can ask for."""
    client = request.headers.get("user-agent", "").lower()
    return seen.format.gets_usage_unasked(provider=seen.provider, client=client)


def _parts(context: DoorContext, seen: LLMCall, target: KeyTarget, headers: Mapping[str, str], url: Any) -> KeyParts:
    secret = context.config.cache.secret
    return KeyParts(
        tenant=tenant_of(
            headers,
            host=host_of(url),
            nobody=context.config.namespace,
            secret=secret.reveal().encode() if secret else None,
        ),
        namespace=context.config.namespace,
        api=seen.api,
        targets=(target,),
        requested=seen.model or seen.api,
        body=seen.body or {},
        headers=headers,
    )


def _address(seen: LLMCall, url: Any) -> str:
    """The URL as on the wire; only its digest is kept. The end is marked: a slash there means something."""
    target = seen.format.address(url.raw_path).decode("ascii", "backslashreplace")
    return f"{url.scheme}://{host_of(url)}{target}#"
