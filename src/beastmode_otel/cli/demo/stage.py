"""What a demo plays on: a small company's model routes over a simulated provider, or a real endpoint; and a cache that
is forgotten afterwards.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote

from beastmode_otel.cli.demo.against import MOST, PoliteTraffic, RealEndpoint
from beastmode_otel.cli.demo.caller import Caller
from beastmode_otel.cli.demo.servers import CannotStart, Server, postgres, valkey
from beastmode_otel.cli.demo.traffic import Traffic, access
from beastmode_otel.config import Config, load
from beastmode_otel.errors import ConfigError, public_url
from beastmode_otel.router.upstream.library import library, options
from beastmode_otel.simulator import Behaviour, Mix, Simulator, mix

if TYPE_CHECKING:
    from beastmode_otel.engine import AccessRule

_INSTANCES: Final = 2
_L2_SECONDS: Final = 6.0
_SOFT: Final = 0.2  # seconds that a request waits for a store: one machine runs all of it
_MATCH_SECONDS: Final = 2.0  # a lookup's: as above
RETRY_SECONDS: Final = "1"


class Load(Protocol):
    @property
    def remark(self) -> str:
        """What a reader of the report should know about how it went; mostly nothing."""

    async def send(self, caller: Caller, seconds: float, stop: asyncio.Event) -> None:
        """Make calls for so many seconds, or until `stop`; at its end nothing is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """title: what this is, in a line. client: makes a router's HTTP client; None: the router's own.

    received: waits until the provider has handled everything, and says how many requests it got; None: it cannot say.
    instances: how many routers share the load, each with a memory (L1) of its own, all with the same slower tiers.
    """

    title: str
    config: Config
    load: Load
    access: AccessRule | None = None
    client: Callable[[], Any] | None = None
    received: Callable[[], int] | None = None
    instances: int = 1


@contextmanager
def simulated_stage(seed: int) -> Iterator[Stage]:
    """A simulated provider in this process, on the loopback interface."""
    match, matching = _matching()
    with _cache() as cache, Simulator(_behaviours(seed), seed=seed) as simulator:
        config = load(_configuration(simulator, {**cache.settings, **match}), environ={})
        yield Stage(
            title=f"{len(config.routes)} routes over {len(config.deployments)} deployments of a simulated provider; "
            f"{_INSTANCES} router instances, an L1 each, {cache.stores}; {matching}",
            config=config,
            load=Traffic(seed),
            access=access,
            # The simulator is on this machine: a proxy from the environment could not reach it.
            client=lambda: library().AsyncClient(**options(config.max_connections), trust_env=False),
            received=lambda: _received(simulator),
            instances=_INSTANCES,
        )


def _matching() -> tuple[Mapping[str, Any], str]:
    """The settings of semantic matching where its model is installed, none where it is not; and that, for people."""
    from beastmode_otel.cache.semantic import open_embedder  # numpy is for those who ask for it

    try:
        embedder = open_embedder()
        embedder.embed(["warm"])  # loads what all routers share: the shortest demo has no time to wait for it
        embedder.close()
    except ConfigError as none:
        return {}, f"exact hits only ({'; '.join([none.message, *none.hints])})"
    return {"mode": "semantic", "semantic": {"seconds": _MATCH_SECONDS}}, "similar questions answered, too"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCache:
    """settings: of a cache whose stores are gone afterwards. stores: what they are, for people."""

    settings: Mapping[str, Any]
    stores: str


@contextmanager
def _cache() -> Iterator[DemoCache]:
    """L2 in Valkey and L3 in Postgres where they can be begun here, else no L2 and an L3 in a file."""
    with ExitStack() as running:
        # So short a life in L2 that some repeats find their answer in L3 only.
        l2, second = _on_server(running, "L2", valkey, {"prefix": "demo", "ttl": _L2_SECONDS, "soft": _SOFT}, "no L2")
        l3, third = _on_server(running, "L3", postgres, {"soft": _SOFT}, "L3 in SQLite")
        if not l3:
            directory = running.enter_context(
                tempfile.TemporaryDirectory(prefix="beastmode-demo-", ignore_cleanup_errors=True)
            )
            l3 = {"url": f"sqlite:///{quote(str(Path(directory, 'cache.db').resolve()))}"}
        settings = {"mode": "on", "lease": True, **({"l2": l2} if l2 else {}), "l3": l3}
        yield DemoCache(settings=settings, stores=f"{second}, {third}")


def _on_server(
    running: ExitStack,
    tier: str,
    begin: Callable[[], AbstractContextManager[Server]],
    settings: Mapping[str, Any],
    instead: str,
) -> tuple[dict[str, Any], str]:
    """A tier's settings on a server of the demo's own, and where it is; no settings where it cannot be, and why."""
    try:
        server = running.enter_context(begin())
    except CannotStart as exc:
        return {}, f"{instead} ({exc})"
    return {**settings, "url": server.url}, f"{tier} in {server.product}"


_NO_CACHE: Final = DemoCache(settings={"mode": "off"}, stores="without the cache")


def _received(simulator: Simulator) -> int:
    simulator.wait_idle()
    return simulator.received


@contextmanager
def endpoint_stage(endpoint: RealEndpoint) -> Iterator[Stage]:
    """A real endpoint. Raises ConfigError for an address that cannot be one."""
    with _cache() if endpoint.cached else nullcontext(_NO_CACHE) as cache:
        config = load(endpoint.configuration(cache.settings), environ={})
        url = public_url(config.deployments["endpoint"].base_url)
        key = f"the key of {endpoint.key_name}" if endpoint.key_name else "no key"
        yield Stage(
            title=f"at most {MOST} requests for {endpoint.model} at {url}, with {key}; {cache.stores}",
            config=config,
            load=PoliteTraffic(endpoint),
        )


# The company: how well each of its deployments is today.


def _answers(low: float, high: float, **more: Any) -> dict[Behaviour, float]:
    """Healthy answers of several sizes, the longer ones later: weights out of 100."""
    sizes = ((60, 240, 60, 8), (30, 900, 180, 14), (10, 2600, 420, 24))
    return {
        Behaviour(
            latency=(low * slower, high * slower),
            first_token=low * slower,
            chunk_delay=0.012,
            chunks=chunks,
            input_tokens=asked,
            output_tokens=told,
            rate_limit_headers=True,
            echo=True,  # so that a caller can tell whose answer it got
            **more,
        ): float(weight)
        for slower, (weight, asked, told, chunks) in zip((1.0, 1.6, 2.5), sizes, strict=True)
    }


def _behaviours(seed: int) -> dict[str, Mix]:
    """By the name of the deployment."""
    quick = (0.05, 0.2)
    told = {
        "chat-primary": _answers(0.12, 0.5, cached_tokens=128)
        | {
            Behaviour(status=500, latency=quick): 7,
            Behaviour(status=429, retry_after=RETRY_SECONDS, latency=quick): 4,
            Behaviour(status=503, latency=quick): 3,
            Behaviour(reset=True, latency=quick): 2,
            Behaviour(cut_after=3, chunks=8, latency=quick): 2,
            Behaviour(status=400, error_code="context_length_exceeded", latency=quick): 1,
        },
        "chat-fallback": _answers(0.15, 0.6),
        "fast-eu": _answers(0.03, 0.12) | {Behaviour(status=502, latency=quick): 1},
        "fast-us": _answers(0.06, 0.2),
        "claude-sonnet": _answers(0.25, 0.8) | {Behaviour(status=529, latency=quick): 18},
        "claude-haiku": _answers(0.15, 0.5),
        "limited": _answers(0.1, 0.4) | {Behaviour(status=429, retry_after=RETRY_SECONDS, latency=(0.02, 0.05)): 90},
        "reasoner": _answers(0.3, 0.9, reasoning_tokens=40)
        | {Behaviour(first_token=9.0): 4, Behaviour(error_event_after=2, chunks=8): 4, Behaviour(usage=False): 6},
        "own-gpu": _answers(0.2, 0.5),
        "expired-key": {Behaviour(status=401, latency=(0.02, 0.06)): 1.0},
    }
    return {name: mix(weights, seed=seed) for name, weights in told.items()}


def _configuration(simulator: Simulator, cache: Mapping[str, Any]) -> dict[str, Any]:
    """What a beastmode.toml would say. Providers are named, because a loopback address has no list price."""
    return {
        "namespace": "demo",
        "cache": cache,
        "labels": ["team"],
        "timeouts": {"connect": 1, "read": 5, "first_token": 2.5, "total": 8, "pool": 2},
        "retry": {"per_deployment": 1, "base": 0.1, "cap": 0.5, "max_wait": 1.5},
        "breaker": {"failures": 4, "cooldown": 2},
        "deployments": _deployments(simulator),
        "routes": _ROUTES,
    }


_MODELS: Final = {
    "chat-primary": ("openai", "gpt-4o-mini"),
    "chat-fallback": ("mistral_ai", "mistral-small-latest"),
    "fast-eu": ("groq", "llama-3.1-8b-instant"),
    "fast-us": ("groq", "llama-3.1-8b-instant"),
    "claude-sonnet": ("anthropic", "claude-sonnet-4-5"),
    "claude-haiku": ("anthropic", "claude-haiku-4-5"),
    "limited": ("openai", "gpt-4o"),
    "reasoner": ("openai", "gpt-5-mini"),
    "own-gpu": ("vllm", "acme-support-7b"),  # nobody lists a price for it
    "expired-key": ("openai", "gpt-4.1-mini"),
    "bad-tls": ("openai", "gpt-4.1-mini"),
    "refused": ("openai", "gpt-4.1-mini"),
}


def _deployments(simulator: Simulator) -> dict[str, Any]:
    # No host name that does not resolve: looking it up would be a call to the network.
    elsewhere = {"bad-tls": simulator.tls_url(), "refused": simulator.refused_url()}
    return {
        name: {
            "kind": "anthropic" if provider == "anthropic" else "openai",
            "base_url": elsewhere.get(name) or simulator.url(name),
            "model": model,
            "provider": provider,
            "api_key": f"demo-key-of-{name}",
        }
        for name, (provider, model) in _MODELS.items()
    }


def _in_order(*names: str) -> Mapping[str, Any]:
    return {"deployments": [{"name": name, "order": order} for order, name in enumerate(names, 1)]}


_ROUTES: Final[Mapping[str, Any]] = {
    "custom:chat": _in_order("chat-primary", "chat-fallback"),
    "custom:fast": {"deployments": [{"name": "fast-eu", "weight": 3}, {"name": "fast-us", "weight": 1}]},
    "custom:summarise": _in_order("claude-sonnet", "claude-haiku"),
    "custom:limited": _in_order("limited"),
    "custom:reason": _in_order("reasoner"),
    "custom:support": _in_order("own-gpu"),
    "custom:broken": _in_order("bad-tls", "refused"),
    "custom:legacy": _in_order("expired-key"),
}
