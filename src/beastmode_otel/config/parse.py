"""From a mapping (TOML or a dict) to a checked Config."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, get_args
from urllib.parse import urlsplit

from beastmode_otel.config.parse_cache import read_cache, read_switch, read_ttl
from beastmode_otel.config.parse_semantic import read_route_threshold
from beastmode_otel.config.settings import (
    Breaker,
    Config,
    Deployment,
    LabelBounds,
    OnCut,
    ProviderKind,
    Retry,
    Route,
    Secret,
    Target,
    Timeouts,
)
from beastmode_otel.config.table import Source, Table, UnsetVariable, port_problem
from beastmode_otel.errors import ConfigError
from beastmode_otel.errors.redact import secrets_in_environ
from beastmode_otel.errors.urls import is_secret_name
from beastmode_otel.providers import PROVIDERS, Provider, owner_of
from beastmode_otel.semconv import METRICS, SDK_SET_LIMIT

MAX_LABELS = 8
_COMPATIBLE = ("openai", "openapi", "compatib")  # in the paths of Gemini, Vertex AI, Cohere
_ALWAYS = frozenset({"openai", "anthropic"})  # known by prefix without a key too: a gateway may want none
# Headers that carry a key: their values are secrets, however they are written.
_KEY_HEADERS = frozenset({"authorization", "proxy-authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie"})
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset({"content-length", "transfer-encoding", "host"})  # they follow from the request
_TOP = tuple(name for name in Config.__dataclass_fields__ if name not in ("out", "vendors", "hidden", "disabled"))
_ROUTE = ("deployments", *(name for name in Route.__dataclass_fields__ if name not in ("name", "targets", "first")))
_PRICES = ("input", "output", "cached_input", "cache_write", "per_request")


def parse(values: Mapping[str, Any], source: Source) -> Config:
    """A checked Config. Raises ConfigError that names the setting and says what to write instead."""
    top = Table(source, "", values).expect(*_TOP)
    deployments, out = _deployments(source, top.table("deployments"))
    routes = {name: _route(source, name, value, deployments, out) for name, value in top.table("routes").items()}
    config = Config(
        namespace=top.text("namespace", "default") or "default",
        timeouts=_timeouts(top.table("timeouts")),
        retry=_retry(top.table("retry")),
        breaker=top.table("breaker").fill(Breaker, Breaker()),
        deployments=deployments,
        out={name: unset.message for name, unset in out.items()},
        routes={name: route for name, route in routes.items() if route.targets or source.prefixes},
        vendors=vendors(source),
        labels=_labels(top),
        prices={name: _price(source, name, value) for name, value in top.table("prices").items()},
        bounds=_bounds(top.table("bounds")),
        cache=read_cache(top, source),
        max_connections=top.whole("max_connections", 1000, least=1),
        disabled=_disabled(source),
        hidden=tuple(Secret(text) for text in secrets_in_environ(source.environ)),
    )
    top.done()
    return config


def vendors(source: Source) -> dict[str, Deployment]:
    """What `openai:X`, `anthropic:X` and the name of any other provider whose key is set mean without a route.

    Each from the variables that the provider's own SDK reads, as that reads them; a blank one counts as unset.
    """
    found: dict[str, Deployment] = {}
    for provider in PROVIDERS:
        values = _vendor(provider, source.environ)
        if values is None:
            continue
        # A broken key of somebody whom this program may never ask must not stop it.
        strict = source.prefixes and provider.name in _ALWAYS
        missing: list[UnsetVariable] = []
        with suppress(*(() if strict else (ConfigError,))):
            table = Table(source, f"environment {provider.name.upper()}_*", values)
            vendor = _read_deployment(table, provider.name, missing)
            if missing:  # there, but blank
                raise missing[0]
            found[provider.name] = vendor
    return found


def _vendor(provider: Provider, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """Its deployment as a table; None where the variables do not make one."""
    key = next((name for name in (provider.bearer, *provider.keys) if environ.get(name)), None)
    moved = environ.get(provider.address, "").strip()
    query = {name: environ.get(variable, "").strip() for variable, name in provider.query}
    base_url = f"{moved.removesuffix('/')}{provider.rest}" if moved else provider.base_url
    if not base_url or (key is None and provider.name not in _ALWAYS) or not all(query.values()):
        return None
    headers = {name: environ[variable].strip() for variable, name in provider.headers if variable in environ}
    return {
        "base_url": base_url,
        "kind": _kind(provider, provider.base_url or base_url),
        "api_key": {"env": key} if key else None,
        "key_header": dict(provider.key_headers).get(key or ""),
        "headers": headers | _header_lines(environ.get(provider.more_headers, "")),
        "query": query,
    }


def _header_lines(text: str) -> dict[str, str | Secret]:
    """Of lines `name: value`; others say nothing, and are not shown."""
    pairs = (line.partition(":") for line in text.split("\n") if ":" in line)
    named = ((name.strip().lower(), value.strip()) for name, _, value in pairs)
    return {
        name: Secret(value) if is_secret_name(name) or name in _KEY_HEADERS else value
        for name, value in named
        if _HEADER_NAME.fullmatch(name)
    }


Unset = dict[str, UnsetVariable]


def _deployments(source: Source, table: Table) -> tuple[dict[str, Deployment], Unset]:
    """Those that can be said, and which of the table's are out, since a variable of theirs is not set.

    One that only lacks a key is in both: it cannot be asked, but it is still known where its answers were from.
    Raises where requests will be made and not one is left to be asked.
    """
    deployments: dict[str, Deployment] = {}
    out: Unset = {}
    for name, value in table.items():
        if isinstance(value, Deployment):
            deployments[name] = value
            continue
        missing: list[UnsetVariable] = []
        try:
            deployments[name] = _read_deployment(Table(source, f"deployments.{name}", value), name, missing)
        except UnsetVariable as exc:
            missing.append(exc)
        if missing:
            out[name] = missing[0]
    if source.prefixes and out and not deployments.keys() - out.keys():
        raise next(iter(out.values()))
    return deployments, out


def _secret(table: Table, key: str, missing: list[UnsetVariable]) -> Secret | None:
    try:
        return table.secret(key)
    except UnsetVariable as exc:
        missing.append(exc)
        return None


def _read_deployment(table: Table, name: str, missing: list[UnsetVariable]) -> Deployment:
    """missing: gets the keys that are not there."""
    table.expect(*Deployment.__dataclass_fields__)
    base_url = _url(table)
    deployment = Deployment(
        name=name,
        kind=table.choice("kind", ProviderKind, _kind(owner_of(urlsplit(base_url).hostname or ""), base_url)),
        base_url=base_url,
        model=table.text("model"),
        provider=table.text("provider") or "",
        api_key=_secret(table, "api_key", missing),
        key_header=_key_header(table),
        headers=_headers(table.table("headers"), missing),
        query=_query(table.table("query")),
        obey_cache_control=read_switch(table, "obey_cache_control"),
    )
    table.done()
    return deployment


def _kind(provider: Provider | None, base_url: str) -> str:
    """The kind of a deployment that does not say it. Many speak OpenAI's format too, at a path that says so."""
    path = urlsplit(base_url).path
    spoken = () if provider is None or any(word in path for word in _COMPATIBLE) else provider.formats
    return next((family for family in spoken if family in get_args(ProviderKind)), "openai")


def _url(table: Table) -> str:
    url = table.required("base_url").strip()
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        good = good and url.isprintable() and " " not in url
    except ValueError:
        good = False
    if (problem := port_problem(url)) is not None:
        raise table.fail(
            "base_url", f"is not a full address: {problem}", "it is http:// or https://, a host and, if need be, a port"
        )
    if not good:
        raise table.fail("base_url", "is not a full address", "it begins with http:// or https:// and names a host")
    if parts.username or parts.password:
        raise table.fail("base_url", "holds credentials", "use api_key or headers, which are never shown")
    if "?" in url or "#" in url:
        raise table.fail("base_url", "holds a query or a fragment", 'write query = { name = "value" } beside it')
    return url.rstrip("/")


def _key_header(table: Table) -> str:
    name = (table.text("key_header") or "").lower()
    if name and (not _HEADER_NAME.fullmatch(name) or name in _OURS):
        raise table.fail("key_header", "is no header that can be set", "write its name alone, such as authorization")
    return name


def _headers(table: Table, missing: list[UnsetVariable]) -> dict[str, str | Secret]:
    found: dict[str, str | Secret] = {}
    for name, value in table.items():
        is_plain = isinstance(value, str) and name.lower() not in _KEY_HEADERS
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise table.fail(name, "is no header that can be set", "write a name such as x-team")
        if is_plain and not (value.isascii() and value.isprintable()):
            raise table.fail(name, "holds a character that no HTTP header may carry", "look for a newline at its end")
        found[name.lower()] = value if is_plain else _secret(table, name, missing) or ""
    return found


def _price(source: Source, name: str, value: Any) -> Mapping[str, float]:
    """Checked here, where the setting can be named; prices.py says what it means."""
    table = Table(source, f'prices."{name}"', value).expect(*_PRICES)
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


def _route(source: Source, name: str, value: Any, deployments: Mapping[str, Deployment], out: Unset) -> Route:
    if isinstance(value, Route):
        route = value
    else:
        table = Table(source, f'routes."{name}"', value).expect(*_ROUTE)
        targets = table.get("deployments", ())
        if not isinstance(targets, list | tuple) or not targets:
            raise table.fail("deployments", "must list at least one deployment", 'deployments = [{ name = "main" }]')
        route = Route(
            name=name,
            targets=_targets(table, targets, deployments, out),
            reference_model=table.text("reference_model"),
            on_cut=table.choice("on_cut", OnCut, None),
            ttl=read_ttl(table),
            semantic_threshold=read_route_threshold(table),
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


def _targets(
    route: Table, items: Sequence[Any], deployments: Mapping[str, Deployment], out: Unset
) -> tuple[Target, ...]:
    """Those that can be asked. None of them: raises, where requests will be made; else those that are known."""
    targets = [_target(route, item, deployments, out) for item in items]
    known = [target for target in targets if isinstance(target, Target)]
    fit = tuple(target for target in known if target.deployment.name not in out)
    if fit:
        return fit
    if route.source.prefixes:
        lacking = {target if isinstance(target, str) else target.deployment.name for target in targets}
        raise next(unset for name, unset in out.items() if name in lacking)
    return tuple(known)


def _target(route: Table, item: Any, deployments: Mapping[str, Deployment], out: Unset) -> Target | str:
    """The name alone of a deployment that is out and cannot be said."""
    item = {"name": item} if isinstance(item, str) else item
    table = Table(route.source, route.at("deployments"), item).expect("name", "order", "weight")
    name = table.required("name")
    if name not in deployments and name not in out:
        configured = sorted(deployments.keys() | out.keys())
        raise table.fail("name", f"there is no deployment {name!r}", f"configured: {', '.join(configured) or 'none'}")
    order, weight = table.whole("order", 1), table.number("weight", 1.0, above=True)
    table.done()
    return Target(deployment=deployments[name], order=order, weight=weight) if name in deployments else name


def _retry(table: Table) -> Retry:
    return table.fill(Retry, Retry(), on_cut=table.choice("on_cut", OnCut, "error"))


def _timeouts(table: Table) -> Timeouts:
    timeouts = table.fill(Timeouts, Timeouts())
    for name in Timeouts.__dataclass_fields__:
        seconds = getattr(timeouts, name)
        if seconds is not None and seconds <= 0:
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
