"""What a request would ask of the cache, as the engine decides it, and the parts of its key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beastmode_otel.cache import Key, KeyParts, Wording
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.config import Deployment, Route
from beastmode_otel.engine.cache_request import Options, cache_request_of
from beastmode_otel.providers import forbids_storing
from beastmode_otel.router.http_request import wire_format
from beastmode_otel.router.router import resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request and its key. key, parts: None when the cache has no part in the request, for `reason`.

    deployments: those that the key names; fallbacks: the later ones. forbidden: those that the key names and of which
    nothing is stored, since the provider forbids it with every answer. wording: its question, where similar ones
    count; threshold: the route's own.
    """

    model: str
    route: str
    tenant: str
    deployments: tuple[str, ...]
    fallbacks: tuple[str, ...]
    forbidden: tuple[str, ...]
    key: Key | None
    parts: KeyParts | None
    reason: str
    wording: Wording | None
    threshold: float | None


def keyed_request(store: Store, model: str, body: Mapping[str, Any]) -> KeyedRequest:
    """As the engine decides it. Raises RequestError for a model id that it would not know."""
    route = resolve(store.config, model)
    request = cache_request_of(store.config, route, model_id=model, body=body, tenant=store.named, options=Options())
    first = [target.deployment.name for target in route.first]
    names = [target.deployment.name for target in route.targets]
    return KeyedRequest(
        model=model,
        route=route.name,
        tenant=store.tenant,
        deployments=tuple(first),
        fallbacks=tuple(name for name in names if name not in first),
        forbidden=tuple(target.deployment.name for target in route.first if _forbidden(store, target.deployment)),
        key=request.key,
        parts=None if request.key is None else _parts(store, route, model, body, request.targets),
        reason=request.reason or "ok",
        wording=None if request.wording is None else request.wording(),
        threshold=request.threshold,
    )


def _forbidden(store: Store, asked: Deployment) -> bool:
    obeys = store.config.cache.obeys(asked.obey_cache_control, asked.provider)
    return obeys and forbids_storing(asked.provider)


def _parts(store: Store, route: Route, model: str, body: Mapping[str, Any], targets: Any) -> KeyParts:
    """What the engine gave to `derive`: whoever uses it compares the digests."""
    deployment = route.first[0].deployment
    return KeyParts(
        tenant=store.tenant,
        namespace=store.config.namespace,
        api=wire_format(deployment).api,
        targets=targets,
        requested=model,
        body=body,
        headers={name: value for name, value in deployment.headers.items() if isinstance(value, str)},
    )
