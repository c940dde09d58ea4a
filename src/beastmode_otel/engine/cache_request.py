"""What a request asks of the cache, and what it may have: decided before anything is looked up."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, Literal
from urllib.parse import urlencode

from beastmode_otel.cache import (
    NOT_CANONICAL,
    Entry,
    Key,
    KeyParts,
    KeyTarget,
    NotCanonical,
    Verdict,
    Wording,
    counted_headers,
    credential_tenant,
    derive,
    may_lookup,
    wording_of,
)
from beastmode_otel.config.settings import CacheSettings, Config, Deployment, Route, Secret, Ttl
from beastmode_otel.record import record
from beastmode_otel.wire import format_named

Pairs = tuple[tuple[str, str], ...]  # names in lower case

TtlFunction = Callable[[Any], float | None]

CacheUse = Literal["on", "off", "refresh", "only"]
USES = ("on", "off", "refresh", "only")


@record(frozen=True, slots=True, kw_only=True)
class CacheRequest:
    """key: None when the cache has no part in the request, for `reason`.

    wording: what it asks in words, where similar questions count; threshold: the similarity that makes one of them a
    match, None for the configured one.
    ttl: seconds for which the answer may be served, unless ttl_of, a function of the answer, says something else.
    max_age: seconds; an older entry is none for this request. no_store: its answer is not stored. asked: the verdict on
    the request, which storing needs again.
    """

    use: CacheUse
    key: Key | None
    reason: str | None = None
    ttl: float = 0.0
    ttl_of: TtlFunction | None = None
    max_age: float | None = None
    no_store: bool = False
    tags: tuple[str, ...] = ()
    targets: tuple[KeyTarget, ...] = ()
    asked: Verdict | None = None
    wording: Callable[[], Wording | None] | None = None
    threshold: float | None = None

    @property
    def reads(self) -> bool:
        return self.key is not None and self.use != "refresh"

    def serves(self, entry: Entry, now: float) -> bool:
        """Whether the entry is young enough for this request. It may have expired all the same."""
        return self.max_age is None or entry.age(now) <= self.max_age


@record(frozen=True, slots=True, kw_only=True)
class Options:
    """What one call says about the cache; see CacheRequest. ttl: None for the configured one."""

    use: CacheUse = "on"
    ttl: Ttl = None
    max_age: float | None = None
    no_store: bool = False
    tags: tuple[str, ...] = ()


def cache_request_of(
    config: Config,
    route: Route,
    *,
    model_id: str,
    body: Mapping[str, Any],
    tenant: str | None,
    options: Options,
    key_of: Callable[[KeyParts], Key] = derive,
    client: Pairs | None = (),
    mocked: bool = False,
) -> CacheRequest:
    """What one request to a router asks of the cache.

    tenant: the one that was named; None: the namespace, and another credential is another tenant. key_of: derives,
    perhaps from memory. client: what a client that was passed in adds to each request; None: it logs in by itself, so
    that nobody can tell who asks unless a tenant was named. mocked: the answers would not be the provider's.
    """
    if options.use == "off":
        return CacheRequest(use="off", key=None, reason="off")
    if mocked or (client is None and tenant is None):
        return CacheRequest(use=options.use, key=None, reason="unreadable")
    api = route.targets[0].deployment.api
    asked = may_lookup(body, api=api)
    if not asked.ok:
        return CacheRequest(use=options.use, key=None, reason=asked.reason)
    secret = None if tenant is not None else config.cache.secret
    sent = functools.partial(_sent, client=client or (), named=tenant is not None, secret=secret)
    targets = tuple([target_of(target.deployment, body, sent) for target in route.first])
    parts = KeyParts(
        tenant=tenant or config.namespace,
        namespace=config.namespace,
        api=api,
        targets=targets,
        requested=model_id,
        body=body,
        headers=_plain_headers(route),
    )
    try:
        key = key_of(parts)
    except NotCanonical:
        return CacheRequest(use=options.use, key=None, reason=NOT_CANONICAL.reason)
    wording = functools.partial(wording_of, parts, key) if config.cache.matches_similar else None
    return wanted_of(
        config.cache, options, key=key, targets=targets, asked=asked, ttl=route.ttl, wording=wording,
        threshold=route.semantic_threshold,
    )  # fmt: skip


def wanted_of(
    cache: CacheSettings,
    options: Options,
    *,
    key: Key,
    targets: tuple[KeyTarget, ...],
    asked: Verdict,
    ttl: Ttl = None,
    wording: Callable[[], Wording | None] | None = None,
    threshold: float | None = None,
) -> CacheRequest:
    """A request that has a key. ttl, threshold: the route's.

    The call's own ttl outranks the route's, and that the cache's. What holds where a function has none to give is the
    next number after it.
    """
    seconds, function = cache.longest_ttl, None
    for said in (options.ttl, ttl, cache.ttl):
        if callable(said):
            function = function or said
        elif said is not None:
            seconds = min(said, seconds)
            break
    return CacheRequest(
        use=options.use,
        key=key,
        ttl=seconds,
        ttl_of=function,
        max_age=options.max_age,
        no_store=options.no_store,
        tags=options.tags,
        targets=targets,
        asked=asked,
        wording=wording,
        threshold=threshold,
    )


def target_of(deployment: Deployment, body: Mapping[str, Any], sent: Callable[..., str] | None = None) -> KeyTarget:
    """A deployment as a key sees it, its query too (Azure's selects an API version); only digests are kept.

    sent: digests what it sends beside the body; None where only provider and model count.
    """
    model = deployment.model if deployment.model is not None else str(body.get("model", ""))
    query = f"?{urlencode(sorted(deployment.query.items()))}" if deployment.query else ""
    end = f"#{sent(deployment.api, deployment.api_key, tuple(deployment.headers.items()))}" if sent else ""
    return KeyTarget(deployment.provider, f"{deployment.base_url}{query}{end}", model)


_LOGINS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key"}
    | {"cookie"}
)


@functools.lru_cache(maxsize=512)
def _sent(
    api: str,
    key: Secret | None,
    headers: tuple[tuple[str, str | Secret], ...],
    *,
    client: Pairs,
    named: bool,
    secret: Secret | None,
) -> str:
    """The digest of every header that a deployment sends and that may matter, and of its login where nobody is named.

    As on the wire: the client's own headers give way to those of the wire format, and these to the configured ones.
    """
    form = format_named(api)
    logins = _LOGINS | (form.headers("").keys() - form.headers(None).keys())
    said: dict[str, str | Secret] = {**dict(client), **form.headers(key.reveal() if key else None)}
    said |= {name.lower(): value for name, value in headers}
    login: dict[str, str] = {}
    for name, value in list(said.items()):
        if isinstance(value, Secret) or name in logins:
            login[name] = value.reveal() if isinstance(value, Secret) else value
            del said[name]
    counted = counted_headers({name: str(value) for name, value in said.items()})
    who = counted_headers(login) if login and not named else []
    tenant = credential_tenant(json.dumps(who), secret.reveal().encode() if secret else None) if who else ""
    return sha256(json.dumps([counted, tenant]).encode()).hexdigest()


def _plain_headers(route: Route) -> dict[str, str]:
    headers = route.first[0].deployment.headers
    return {name: value for name, value in headers.items() if isinstance(value, str)} if headers else {}
