"""From a mapping (TOML or a dict) to a checked Config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, get_args
from urllib.parse import urlsplit

from beastmode_otel.config.parse_cache import read_cache
from beastmode_otel.config.settings import (
    Breaker,
    Config,
    Deployment,
    LabelBounds,
    ProviderKind,
    Retry,
    Route,
    Secret,
    Target,
    Timeouts,
)
from beastmode_otel.config.table import Source, Table
from beastmode_otel.errors import ConfigError
from beastmode_otel.providers import PROVIDERS, Provider, owner_of
from beastmode_otel.semconv import METRICS, SDK_SET_LIMIT

MAX_LABELS = 8
# Where the SDK of a provider lets the environment move its address; these are known by prefix without a key too.
_BASE_URLS = {"openai": "OPENAI_BASE_URL", "anthropic": "ANTHROPIC_BASE_URL"}
# Headers that carry a key: their values are secrets, however they are written.
_KEY_HEADERS = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"content-length", "transfer-encoding", "host"})  # they follow from the request
_PRICES = ("input", "output", "cached_input", "cache_write", "per_request")


def parse(values: Mapping[str, Any], source: Source) -> Config:
    """A checked Config. Raises ConfigError that names the setting and says what to write instead."""
    top = Table(source, "", values)
    deployments = {name: _deployment(source, name, value) for name, value in top.table("deployments").items()}
    config = Config(
        namespace=top.text("namespace", "default") or "default",
        timeouts=_timeouts(top.table("timeouts")),
        retry=top.table("retry").fill(Retry, Retry()),
        breaker=top.table("breaker").fill(Breaker, Breaker()),
        deployments=deployments,
        routes={name: _route(source, name, value, deployments) for name, value in top.table("routes").items()},
        vendors=vendors(source),
        labels=_labels(top),
        prices={name: _price(source, name, value) for name, value in top.table("prices").items()},
        bounds=_bounds(top.table("bounds")),
        cache=read_cache(top.table("cache"), source),
        max_connections=top.whole("max_connections", 1000, least=1),
        disabled=_disabled(source),
    )
    top.done()
    return config


def vendors(source: Source) -> dict[str, Deployment]:
    """What `openai:X`, `anthropic:X` and the name of any other provider whose key is set mean without a route."""
    found: dict[str, Deployment] = {}
    for provider in PROVIDERS:
        moved = _BASE_URLS.get(provider.name)
        key = next((name for name in provider.keys if source.environ.get(name)), None)
        if not provider.base_url or (key is None and moved is None):
            continue
        values = {
            "base_url": (source.environ.get(moved) if moved else None) or provider.base_url,
            "kind": _kind(provider),
            "api_key": {"env": key} if key else None,
        }
        # A broken key of somebody whom this program may never ask must not stop it.
        strict = source.prefixes and moved is not None
        with suppress(*(() if strict else (ConfigError,))):
            found[provider.name] = _read_deployment(
                Table(source, f"environment {provider.name.upper()}_*", values), provider.name
            )
    return found


def _deployment(source: Source, name: str, value: Any) -> Deployment:
    if isinstance(value, Deployment):
        return value
    return _read_deployment(Table(source, f"deployments.{name}", value), name)


def _read_deployment(table: Table, name: str) -> Deployment:
    base_url = _url(table)
    deployment = Deployment(
        name=name,
        kind=table.choice("kind", ProviderKind, _kind(owner_of(urlsplit(base_url).hostname or ""))),
        base_url=base_url,
        model=table.text("model"),
        provider=table.text("provider") or "",
        api_key=table.secret("api_key"),
        headers=_headers(table.table("headers")),
        query=_query(table.table("query")),
    )
    table.done()
    return deployment


def _kind(provider: Provider | None) -> str:
    """The kind of a deployment that does not say it."""
    spoken = () if provider is None else provider.formats
    return next((family for family in spoken if family in get_args(ProviderKind)), "openai")


def _url(table: Table) -> str:
    url = table.required("base_url").strip()
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        good = good and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if not good:
        raise table.fail("base_url", "is not a full address", "it begins with http:// or https:// and names a host")
    if parts.username or parts.password:
        raise table.fail("base_url", "holds credentials", "use api_key or headers, which are never shown")
    if "?" in url or "#" in url:
        raise table.fail("base_url", "holds a query or a fragment", 'write query = { name = "value" } beside it')
    return url.rstrip("/")


def _headers(table: Table) -> dict[str, str | Secret]:
    found: dict[str, str | Secret] = {}
    for name, value in table.items():
        is_plain = isinstance(value, str) and name.lower() not in _KEY_HEADERS
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise table.fail(name, "is no header that can be set", "write a name such as x-team")
        if is_plain and not (value.isascii() and value.isprintable()):
            raise table.fail(name, "holds a character that no HTTP header may carry", "look for a newline at its end")
        found[name.lower()] = value if is_plain else table.secret(name) or ""
    return found


def _price(source: Source, name: str, value: Any) -> Mapping[str, float]:
    """Checked here, where the setting can be named; prices.py says what it means."""
    table = Table(source, f'prices."{name}"', value)
    if table.get("input") is None:
        raise table.missing("input", "input = 0 when it is free")
    price = {key: table.number(key, 0.0) for key in _PRICES if table.get(key) is not None}
    table.done()
    return price


def _query(table: Table) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        if not isinstance(value, str | int | float):
            raise table.fail(name, "must be a string or a number", "keys belong into headers, which are never shown")
        found[name] = str(value)
    return found


def _route(source: Source, name: str, value: Any, deployments: Mapping[str, Deployment]) -> Route:
    if isinstance(value, Route):
        route = value
    else:
        table = Table(source, f'routes."{name}"', value)
        targets = table.get("deployments", ())
        if not isinstance(targets, list | tuple) or not targets:
            raise table.fail("deployments", "must list at least one deployment", 'deployments = [{ name = "main" }]')
        route = Route(
            name=name,
            targets=tuple(_target(table, item, deployments) for item in targets),
            reference_model=table.text("reference_model"),
        )
        table.done()
    kinds = {target.deployment.kind for target in route.targets}
    if len(kinds) > 1:
        raise source.fail(
            f'routes."{name}"',
            f"mixes deployments of kinds {', '.join(sorted(kinds))}, whose requests differ",
            "make one route for each kind",
        )
    return route


def _target(route: Table, item: Any, deployments: Mapping[str, Deployment]) -> Target:
    item = {"name": item} if isinstance(item, str) else item
    table = Table(route.source, route.at("deployments"), item)
    name = table.required("name")
    if name not in deployments:
        raise table.fail(
            "name", f"there is no deployment {name!r}", f"configured: {', '.join(sorted(deployments)) or 'none'}"
        )
    target = Target(
        deployment=deployments[name],
        order=table.whole("order", 1),
        weight=table.number("weight", 1.0, above=True),
    )
    table.done()
    return target


def _timeouts(table: Table) -> Timeouts:
    timeouts = table.fill(Timeouts, Timeouts())
    for name in Timeouts.__dataclass_fields__:
        if getattr(timeouts, name) <= 0:
            raise table.fail(name, "must be above 0 seconds")
    return timeouts


def _bounds(table: Table) -> LabelBounds:
    bounds = table.fill(LabelBounds, LabelBounds())
    limits = asdict(bounds)
    for metric in METRICS:
        sets = metric.sets_within(limits)
        if sets >= SDK_SET_LIMIT:
            raise table.source.fail(
                table.path,
                f"{metric.name} could have {sets} series; the SDK folds together what is beyond {SDK_SET_LIMIT}",
                f"lower one of {', '.join(limits)}",
            )
    return bounds


def _labels(top: Table) -> tuple[str, ...]:
    labels = top.get("labels", ())
    if not isinstance(labels, list | tuple) or not all(isinstance(label, str) and label for label in labels):
        raise top.fail("labels", "must be a list of names", 'labels = ["team", "feature"]')
    if len(labels) > MAX_LABELS:
        raise top.fail("labels", f"has {len(labels)} names", f"at most {MAX_LABELS}: each one multiplies your series")
    return tuple(labels)


def _disabled(source: Source) -> bool:
    return source.environ.get("BEASTMODE_DISABLED", "").strip().lower() in ("1", "true", "yes", "on")
