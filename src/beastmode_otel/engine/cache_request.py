"""What a request asks of the cache, and what it may have: decided before anything is looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from beastmode_otel.cache import NOT_CANONICAL, Key, KeyParts, KeyTarget, NotCanonical, Verdict, derive, may_lookup
from beastmode_otel.config.settings import Config, Deployment, Route
from beastmode_otel.record import record

CacheUse = Literal["on", "off", "refresh", "only"]
USES = ("on", "off", "refresh", "only")


@record(frozen=True, slots=True, kw_only=True)
class CacheRequest:
    """key: None when the cache has no part in the request, for `reason`.

    ttl: seconds for which the answer may be served. asked: the verdict on the request, which storing needs again.
    """

    use: CacheUse
    key: Key | None
    reason: str | None = None
    ttl: float = 0.0
    tags: tuple[str, ...] = ()
    targets: tuple[KeyTarget, ...] = ()
    asked: Verdict | None = None

    @property
    def reads(self) -> bool:
        return self.key is not None and self.use != "refresh"


@record(frozen=True, slots=True, kw_only=True)
class Options:
    """What one call says about the cache. ttl: seconds; None for the configured ones."""

    use: CacheUse = "on"
    ttl: float | None = None
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
) -> CacheRequest:
    """What one request to a router asks of the cache. key_of: derives, perhaps from memory."""
    if options.use == "off":
        return CacheRequest(use="off", key=None, reason="off")
    api = route.targets[0].deployment.api
    asked = may_lookup(body, api=api)
    if not asked.ok:
        return CacheRequest(use=options.use, key=None, reason=asked.reason)
    targets = tuple([target_of(target.deployment, body) for target in route.first])
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
    longest = max(config.cache.l1.ttl, config.cache.l3.ttl)
    ttl = longest if options.ttl is None else min(options.ttl, longest)
    return CacheRequest(use=options.use, key=key, ttl=ttl, tags=options.tags, targets=targets, asked=asked)


def target_of(deployment: Deployment, body: Mapping[str, Any]) -> KeyTarget:
    """A deployment as a key sees it, its query too (Azure's selects an API version); only digests are kept."""
    model = deployment.model if deployment.model is not None else str(body.get("model", ""))
    query = f"?{urlencode(sorted(deployment.query.items()))}" if deployment.query else ""
    return KeyTarget(deployment.provider, deployment.base_url + query, model)


def _plain_headers(route: Route) -> dict[str, str]:
    headers = route.first[0].deployment.headers
    return {name: value for name, value in headers.items() if isinstance(value, str)} if headers else {}
