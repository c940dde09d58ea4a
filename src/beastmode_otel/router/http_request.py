"""One call: what the router is asked, what it works with, and the HTTP request that both make of a deployment."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from beastmode_otel.attempts.progress import Trail
from beastmode_otel.config.settings import Config, Deployment, Route, Secret, Timeouts
from beastmode_otel.errors import Redactor, public_url
from beastmode_otel.observer import Observer
from beastmode_otel.prices import PriceBook
from beastmode_otel.record import record
from beastmode_otel.router.health import Health
from beastmode_otel.router.http import Http, HttpRequest
from beastmode_otel.runtime import Runtime
from beastmode_otel.wire import Format, format_named

# A socket takes no more than a few hundred years, and refuses what is not finite.
_LONGEST = 30 * 86_400.0


@record(frozen=True, slots=True, kw_only=True)
class Services:
    """What every attempt needs. clock: monotonic seconds."""

    config: Config
    http: Http
    runtime: Runtime
    observer: Observer
    health: Health
    prices: PriceBook
    redact: Redactor
    rng: random.Random
    clock: Callable[[], float]


@record(frozen=True, slots=True, kw_only=True)
class Call:
    """One request for the router. deadline: when its total timeout is over, on the services' clock."""

    model_id: str
    route: Route
    body: Mapping[str, Any]
    stream: bool
    timeouts: Timeouts
    deadline: float

    @property
    def include_usage(self) -> bool:
        """Whether the caller asked for OpenAI's extra event with usage."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True


def wire_format(deployment: Deployment) -> Format:
    return format_named(deployment.api)


def url_of(deployment: Deployment, *, model: str = "", stream: bool = False) -> str:
    """The address of the API, with the deployment's query. A pass-through's base_url is the whole address."""
    asked = deployment.model or model
    path, _, own = wire_format(deployment).endpoint(asked, stream=stream).partition("?")
    query = "&".join(filter(None, (own, urlencode(deployment.query))))
    base = deployment.base_url
    if "{model}" in base:  # as Azure's addresses have it
        base = base.replace("{model}", quote(asked, safe=""))
    return f"{base}{path}{'?' * bool(query)}{query}"


def endpoint_of(deployment: Deployment) -> str:
    """The address as people may see it: without query, which some gateways use for keys, and login."""
    return public_url(url_of(deployment).partition("?")[0])


def host_of(deployment: Deployment) -> tuple[str, int]:
    return _host(deployment.base_url)


@functools.lru_cache(maxsize=256)
def _host(base_url: str) -> tuple[str, int]:
    parts = urlsplit(base_url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def body_of(call: Call, deployment: Deployment) -> dict[str, Any]:
    """The body for this deployment: the caller's, with the vendor's model name and the stream flag."""
    return wire_format(deployment).body(call.body, model=deployment.model, stream=call.stream)


def http_request(
    call: Call, deployment: Deployment, body: Mapping[str, Any], *, left: float, first: float
) -> HttpRequest:
    """The POST. No phase may last longer than the `left` seconds of the request, and none before the first token longer
    than `first`."""
    limits = call.timeouts
    return HttpRequest(
        url=url_of(deployment, model=str(call.body.get("model", "")), stream=call.stream),
        headers=headers_of(deployment, stream=call.stream),
        body=encode(body),
        timeouts={
            phase: min(getattr(limits, phase), left if phase == "read" else first, _LONGEST)
            for phase in ("connect", "read", "write", "pool")
        },
        head=min(limits.read, first, _LONGEST),
        trail=Trail(),
    )


def headers_of(deployment: Deployment, *, stream: bool) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
    }
    key, own = deployment.api_key.reveal() if deployment.api_key else None, deployment.key_header
    headers |= wire_format(deployment).headers(None if own else key)
    if own and key is not None:
        headers[own] = f"Bearer {key}" if own == "authorization" else key
    for name, value in deployment.headers.items():
        headers[name] = value.reveal() if isinstance(value, Secret) else value
    return headers


def encode(body: Mapping[str, Any]) -> bytes:
    """JSON as providers accept it. Raises TypeError or ValueError for what it cannot say (NaN, bytes, surrogates)."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
