"""A router's parts, and how they are built."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel.assembly.caches import build_cache
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.config import Config, load
from beastmode_otel.engine import AccessRule, Engine
from beastmode_otel.errors import ConfigError, Redactor
from beastmode_otel.observer import Guarded, NullObserver, Observer
from beastmode_otel.prices import PriceBook, price_from_config
from beastmode_otel.router import Health, Router, Services
from beastmode_otel.router.http import Http
from beastmode_otel.router.upstream import AsyncHttp, BlockingHttp, is_async_client
from beastmode_otel.runtime import AsyncioRuntime, BlockingRuntime, Runtime, ThreadLane
from beastmode_otel.telemetry import otel_observer

ConfigLike = Config | Mapping[str, Any] | str | os.PathLike[str] | None
Providers = tuple[TracerProvider | None, MeterProvider | None, LoggerProvider | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterParts:
    """A router's parts that its face must reach."""

    config: Config
    engine: Engine
    http: Http
    lane: ThreadLane
    runtime: Runtime
    tiered: Tiered | None

    def close_tiers(self) -> None:
        """Finish what is owed to the slower tiers, and close them; the lane's threads end."""
        self.lane.close()
        if self.tiered is not None:
            self.tiered.close()

    def summary(self) -> str:
        routes = ", ".join(list(self.config.routes)[:5]) or "prefixed ids only"
        return f"routes: {routes}; {len(self.config.deployments)} deployments"


def build_blocking(
    config: ConfigLike, *, tenant: str | None, client: Any, access: AccessRule | None, providers: Providers
) -> RouterParts:
    """The parts of a ModelRouter. Raises ConfigError."""
    settings, lane = load(config), ThreadLane()
    _check(tenant, client, access, wants_async=False)
    http = BlockingHttp(lane, client, max_connections=settings.max_connections)
    return _build(settings, http, BlockingRuntime(), lane, (tenant, access), providers)


def build_async(
    config: ConfigLike, *, tenant: str | None, client: Any, access: AccessRule | None, providers: Providers
) -> RouterParts:
    """The parts of an AsyncModelRouter. Raises ConfigError."""
    settings, lane = load(config), ThreadLane()
    _check(tenant, client, access, wants_async=True)
    http = AsyncHttp(client, max_connections=settings.max_connections)
    return _build(settings, http, AsyncioRuntime(), lane, (tenant, access), providers)


def _check(tenant: str | None, client: Any, access: AccessRule | None, *, wants_async: bool) -> None:
    if tenant is not None and (not isinstance(tenant, str) or not tenant.strip()):
        raise ConfigError("tenant must not be empty", hints=("pass a tenant's id, or None for one shared tenant",))
    if access is not None and not callable(access):
        raise ConfigError(f"access must be a callable, not {type(access).__name__}")
    if client is None:
        return
    try:
        is_async = is_async_client(client)
    except TypeError as exc:
        raise ConfigError(str(exc)) from None
    if is_async is not wants_async:
        needed, router = ("AsyncClient", "AsyncModelRouter") if wants_async else ("Client", "ModelRouter")
        raise ConfigError(f"{router} needs httpx's or httpx2's {needed}, not {type(client).__name__}")


def observer_of(config: Config, redact: Redactor, providers: Providers) -> Observer:
    """Who is told; nobody where BEASTMODE_DISABLED says so."""
    return NullObserver() if config.disabled else Guarded(otel_observer(config, redact, *providers))


def _build(
    config: Config,
    http: Http,
    runtime: Runtime,
    lane: ThreadLane,
    callers: tuple[str | None, AccessRule | None],
    providers: Providers,
) -> RouterParts:
    tenant, access = callers
    redact = config.redactor()
    observer = observer_of(config, redact, providers)
    services = Services(
        config=config,
        http=http,
        runtime=runtime,
        observer=observer,
        health=Health(config.breaker, observer.deployment_state),
        prices=PriceBook(
            {name: price_from_config(price, where=f"prices.{name}") for name, price in config.prices.items()}
        ),
        redact=redact,
        rng=random.Random(),
        clock=time.monotonic,
    )
    flow = build_cache(config.cache, lane, runtime, observer)
    engine = Engine(
        config=config,
        router=Router(services),
        observer=observer,
        flow=flow,
        tenant=tenant,
        access=access,
    )
    return RouterParts(
        config=config, engine=engine, http=http, lane=lane, runtime=runtime, tiered=flow.tiered if flow else None
    )
