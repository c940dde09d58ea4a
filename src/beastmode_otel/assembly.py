"""Puts the parts of a router, or of a door's cache, together: configuration, cache, engine, router, HTTP, telemetry."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel.cache import (
    FirstTouches,
    Leases,
    LeaseStore,
    Memory,
    ResilientTier,
    SingleFlight,
    Tiered,
    TierTimes,
    Warmer,
)
from beastmode_otel.cache.tiers import backplane_of, inspected, open_l2, open_l3, open_own
from beastmode_otel.config import Ttl, load, with_ttl
from beastmode_otel.config.settings import OFF, CacheSettings, Config
from beastmode_otel.engine import AccessRule, CacheFlow, CacheResult, Engine
from beastmode_otel.errors import ConfigError, Redactor
from beastmode_otel.observer import Guarded, NullObserver, Observer
from beastmode_otel.prices import PriceBook, price_from_config
from beastmode_otel.router import Health, Router, Services
from beastmode_otel.router.http import Http
from beastmode_otel.router.upstream import AsyncHttp, BlockingHttp, PlainPost, is_async_client
from beastmode_otel.runtime import AsyncioRuntime, BlockingRuntime, Runtime, WorkerPool
from beastmode_otel.telemetry import otel_observer
from beastmode_otel.telemetry.suppress import unseen

if TYPE_CHECKING:
    from beastmode_otel.cache.semantic import Matcher

ConfigLike = Config | Mapping[str, Any] | str | os.PathLike[str] | None
Providers = tuple[TracerProvider | None, MeterProvider | None, LoggerProvider | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterParts:
    """A router's parts that its face must reach. pool: what drains responses; each slower tier has its own. flow: None
    where the cache is off."""

    config: Config
    engine: Engine
    http: Http
    pool: WorkerPool
    runtime: Runtime
    flow: CacheFlow | None

    @property
    def tiered(self) -> Tiered | None:
        return None if self.flow is None else self.flow.tiered

    def close_tiers(self) -> None:
        """Write what is under way to the slower tiers, and close them; background threads end."""
        self.pool.close()
        if self.flow is not None:
            self.flow.close()

    async def aclose_tiers(self) -> None:
        """`close_tiers`, and what the tiers have open on this loop."""
        if self.tiered is not None:
            await self.tiered.aclose()
        self.close_tiers()

    def summary(self) -> str:
        routes = ", ".join(list(self.config.routes)[:5]) or "prefixed ids only"
        there = len(self.config.deployments.keys() | self.config.out.keys())
        out = f", {len(self.config.out)} of them out" if self.config.out else ""
        return f"routes: {routes}; {there} deployment{'s' * (there != 1)}{out}"


def build_blocking(
    config: ConfigLike,
    *,
    cache: Any,
    ttl: Ttl,
    tenant: str | None,
    client: Any,
    access: AccessRule | None,
    providers: Providers,
) -> RouterParts:
    """The parts of a ModelRouter. Raises ConfigError."""
    settings, pool = load(config, cache=cache), WorkerPool("http")
    settings = replace(settings, cache=with_ttl(settings.cache, ttl))
    _check(tenant, client, access, wants_async=False)
    http = BlockingHttp(pool, client, max_connections=settings.max_connections)
    return _build(settings, http, BlockingRuntime(), pool, (tenant, access), providers)


def build_async(
    config: ConfigLike,
    *,
    cache: Any,
    ttl: Ttl,
    tenant: str | None,
    client: Any,
    access: AccessRule | None,
    providers: Providers,
) -> RouterParts:
    """The parts of an AsyncModelRouter. Raises ConfigError."""
    settings, pool = load(config, cache=cache), WorkerPool("http")
    settings = replace(settings, cache=with_ttl(settings.cache, ttl))
    _check(tenant, client, access, wants_async=True)
    http = AsyncHttp(client, max_connections=settings.max_connections)
    return _build(settings, http, AsyncioRuntime(), pool, (tenant, access), providers)


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
    pool: WorkerPool,
    callers: tuple[str | None, AccessRule | None],
    providers: Providers,
) -> RouterParts:
    tenant, access = callers
    for name, reason in config.out.items():
        _log.warning("the deployment %r is out: %s", name, reason)
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
    services.prices.load()
    flow = build_cache(config.cache, runtime, observer)
    engine = Engine(
        config=config,
        router=Router(services),
        observer=observer,
        flow=flow,
        tenant=tenant,
        access=access,
    )
    return RouterParts(config=config, engine=engine, http=http, pool=pool, runtime=runtime, flow=flow)


# The cache.


_log = logging.getLogger("beastmode_otel")
# One for the process: a thread and a task that ask the same of two routers share one call, and so do two clients of an
# app. Keys hold tenant, targets and namespace, so that nothing else is shared.
_ANSWERS: SingleFlight[CacheResult] = SingleFlight()


def build_cache(
    settings: CacheSettings, runtime: Runtime, observer: Observer, *, beside: CacheFlow | None = None
) -> CacheFlow | None:
    """None when the cache is off. beside: the other world's cache, whose tiers this one shares.

    Raises ConfigError when a tier that was asked for cannot be had.
    """
    if settings.mode == "off":
        return None
    if beside is None:
        memory, backplane = _memory(settings, observer), backplane_of(settings)
        tiered = Tiered(memory, l1_ttl=settings.l1.ttl, jitter=settings.jitter, observer=observer, backplane=backplane)
        tiered.tiers = _slow_tiers(settings, tiered, runtime, observer)
        _watch(tiered, observer)
        matcher = _matcher(settings, tiered, runtime, observer)
        touches = FirstTouches()
        warmer: Warmer | None = Warmer(
            tiered, lambda: inspected(settings, ("l3", "l2")), settings.warm, observer=observer, touches=touches,
            index=(lambda _: None) if matcher is None else matcher.hydration.take,
        )  # fmt: skip
    else:
        tiered = beside.tiered.beside()
        tiered.tiers = [tier.for_runtime(runtime, tiered.late) for tier in beside.tiered.tiers]
        matcher = None if beside.matcher is None else beside.matcher.beside(tiered, runtime)
        touches, warmer = beside.touches, beside.warmer
    leases = _leases(settings, tiered.tiers, runtime, observer) if settings.lease else None
    if beside is None and warmer is not None and settings.warm.at_start:
        warmer.begin()
    return CacheFlow(
        tiered, _ANSWERS, settings, runtime=runtime, leases=leases, matcher=matcher, touches=touches, warmer=warmer,
        told=None if beside is None else beside.told,
    )  # fmt: skip


def _matcher(settings: CacheSettings, tiered: Tiered, runtime: Runtime, observer: Observer) -> Matcher | None:
    if not settings.matches_similar:
        return None
    from beastmode_otel.cache.semantic import open_matcher  # numpy is for those who ask for it

    return open_matcher(settings, tiered, runtime, observer, PlainPost(unseen))


def _leases(
    settings: CacheSettings, tiers: Sequence[ResilientTier], runtime: Runtime, observer: Observer
) -> Leases | None:
    """Those of the fastest tier that has any: what processes share is what they can hold a lease in."""
    for tier in tiers:
        store: LeaseStore | None = getattr(tier.tier, "leases", None)
        if store is not None:
            return Leases(tier, store, seconds=settings.lease_seconds, runtime=runtime, observer=observer)
    _log.warning("lease = true has no effect: no tier that processes share is there")
    return None


def _memory(settings: CacheSettings, observer: Observer) -> Memory:
    return Memory(
        settings.l1.max_bytes,
        settings.l1.max_entries,
        stale=settings.stale_if_error,
        on_evict=lambda reason: observer.evicted("l1", reason),
    )


def _watch(tiered: Tiered, observer: Observer) -> None:
    for tier in tiered.tiers:
        observer.tier_state(tier.name, "closed")
        observer.watch_tier(tier.name, tier.tier.system, tier.fill, tier.tier.server)
    observer.watch_tier("l1", None, tiered.fill)


def _slow_tiers(
    settings: CacheSettings, tiered: Tiered, runtime: Runtime, observer: Observer
) -> Sequence[ResilientTier]:
    """Each with a pool of its own, so that one that hangs holds up nobody else's writes."""
    own = settings.own
    if own is None:
        return _configured_tiers(settings, tiered, runtime, observer)
    if own.level == "l3":
        if settings.l3.given and settings.l3.url != OFF:
            raise ConfigError("cache.own is at level l3, and cache.l3 has a url", hints=("take one of both out",))
        settings = replace(settings, l3=replace(settings.l3, url=OFF))
    others = _configured_tiers(settings, tiered, runtime, observer)
    if any(tier.name == own.level for tier in others):
        raise ConfigError(f"cache.own is at level {own.level}, and so is another tier", hints=("take one of both out",))
    pool, times = WorkerPool(own.level), TierTimes(ttl=own.ttl, soft=own.soft, jitter=settings.jitter)
    tier, async_tier = open_own(settings, own, pool)
    made = ResilientTier(
        own.level, tier, times, pool=pool, runtime=runtime, observer=observer, late=tiered.late, async_tier=async_tier
    )
    return tuple(sorted((made, *others), key=lambda tier: tier.name))


def _configured_tiers(
    settings: CacheSettings, tiered: Tiered, runtime: Runtime, observer: Observer
) -> Sequence[ResilientTier]:
    below = (_l2(settings, tiered, runtime, observer), _l3(settings, tiered, runtime, observer))
    return tuple(tier for tier in below if tier is not None)


def _l2(settings: CacheSettings, tiered: Tiered, runtime: Runtime, observer: Observer) -> ResilientTier | None:
    pool = WorkerPool("l2")
    ports = open_l2(settings, pool)
    if ports is None:
        return None
    times = TierTimes(ttl=settings.l2.ttl, soft=settings.l2.soft, jitter=settings.jitter)
    tier = ResilientTier(
        "l2", ports[0], times, pool=pool, runtime=runtime,
        observer=observer, late=tiered.late, async_tier=ports[1],
    )  # fmt: skip
    shown = settings.l2.url and settings.l2.url.shown
    tier.greet(lambda why: _log.warning("the cache works without its L2, %s, until it answers: %s", shown, why))
    return tier


def _l3(settings: CacheSettings, tiered: Tiered, runtime: Runtime, observer: Observer) -> ResilientTier | None:
    pool = WorkerPool("l3")
    try:
        ports = open_l3(settings, pool, _log.warning)
    except ConfigError as error:
        if settings.l3.given:
            raise
        _log.warning("the cache works without its L3: %s (%s)", error.message, "; ".join(error.hints))
        return None
    if ports is None:
        return None
    tier = ResilientTier(
        "l3", ports[0], TierTimes(ttl=settings.l3.ttl, soft=settings.l3.soft, jitter=settings.jitter), pool=pool,
        runtime=runtime, observer=observer, late=tiered.late, async_tier=ports[1],
    )  # fmt: skip
    if settings.l3.server is not None:
        tier.greet(lambda why: None)  # it says so itself, at any time
    return tier
