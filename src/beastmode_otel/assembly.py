"""Puts the parts of a router, or of a door's cache, together: configuration, cache, engine, router, HTTP, telemetry."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel.cache.envelope import Sealed
from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.resilient_tier import Shelf, Stay
from beastmode_otel.cache.single_flight import SingleFlight
from beastmode_otel.cache.tier import BlockingTier
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.config import CacheSettings, Config, load
from beastmode_otel.engine import AccessRule, CacheFlow, CacheResult, Engine
from beastmode_otel.errors import ConfigError, Redactor
from beastmode_otel.observer import Guarded, NullObserver, Observer
from beastmode_otel.prices import PriceBook, price_from_config
from beastmode_otel.router import Health, Router, Services
from beastmode_otel.router.http import Http
from beastmode_otel.router.upstream import AsyncHttp, BlockingHttp, is_async_client
from beastmode_otel.runtime import AsyncioRuntime, BlockingRuntime, Lane, Runtime, ThreadLane
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


# The cache.


_log = logging.getLogger("beastmode_otel")
# One for the process: a thread and a task that ask the same of two routers share one call, and so do two clients of an
# app. Keys hold tenant, targets and namespace, so that nothing else is shared.
_ANSWERS: SingleFlight[CacheResult] = SingleFlight()


def build_cache(
    settings: CacheSettings, lane: Lane, runtime: Runtime, observer: Observer, *, beside: CacheFlow | None = None
) -> CacheFlow | None:
    """None when the cache is off. beside: the other world's cache, whose tiers this one shares.

    Raises ConfigError when a tier that was asked for cannot be had.
    """
    if settings.mode == "off":
        return None
    memory = _memory(settings, observer) if beside is None else beside.tiered.memory
    tiered = Tiered(memory, l1_ttl=settings.l1.ttl, observer=observer)
    tier = _sqlite(settings, lane) if beside is None else _tier_of(beside)
    if tier is not None:
        stay = Stay(ttl=settings.l3.ttl, soft=settings.l3.soft)
        shelf = Shelf("l3", tier, stay, lane=lane, runtime=runtime, observer=observer, late=tiered.late)
        tiered.shelves = (shelf,)
    if beside is None:
        _watch(tiered, observer)
    return CacheFlow(tiered, _ANSWERS, settings, runtime=runtime)


def _memory(settings: CacheSettings, observer: Observer) -> Memory:
    return Memory(
        settings.l1.max_bytes,
        settings.l1.max_entries,
        stale=settings.stale_if_error,
        on_evict=lambda reason: observer.evicted("l1", reason),
    )


def _tier_of(beside: CacheFlow) -> BlockingTier | None:
    return beside.tiered.shelves[0].tier if beside.tiered.shelves else None


def _watch(tiered: Tiered, observer: Observer) -> None:
    for shelf in tiered.shelves:
        observer.tier_state(shelf.name, "closed")
        observer.watch_tier(shelf.name, "sqlite", shelf.fill)
    observer.watch_tier("l1", None, tiered.fill)


def _sqlite(settings: CacheSettings, lane: Lane) -> BlockingTier | None:
    path = settings.l3.path
    if path is None:
        return None
    from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier  # a tier is imported when it is configured

    secret = settings.secret.reveal().encode() if settings.secret else None
    try:
        return SQLiteTier(
            path,
            codec=Sealed(secret),
            lane=lane,
            stale=settings.stale_if_error,
            max_bytes=settings.l3.max_bytes,
            tell=_log.warning,
        )
    except ConfigError as error:
        if settings.l3.given:
            raise
        _log.warning("the cache works without its L3: %s", error)
        return None
