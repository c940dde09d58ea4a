"""The cache of a router, from its settings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from beastmode_otel.cache import Memory, ResilientTier, SingleFlight, Tiered, TierTimes
from beastmode_otel.cache.tiers import open_l3
from beastmode_otel.config import CacheSettings
from beastmode_otel.engine import Caching, Loaded, StreamCaching
from beastmode_otel.errors import ConfigError
from beastmode_otel.observer import Observer
from beastmode_otel.runtime import Runtime, WorkerPool

_log = logging.getLogger("beastmode_otel")
# One for the process: a thread and a task that ask the same of two routers share one call. Keys hold tenant, targets
# and namespace, so that nothing else is shared.
_FLIGHTS: SingleFlight[Loaded] = SingleFlight()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """A router's cache: for whole answers, for streams, and the tiers behind both."""

    whole: Caching
    streams: StreamCaching
    tiered: Tiered


def build_caches(
    settings: CacheSettings, runtime: Runtime, observer: Observer, *, beside: Caches | None = None
) -> Caches | None:
    """None when the cache is off. beside: the other world's cache, whose tiers this one shares.

    Raises ConfigError when a tier that was asked for cannot be had.
    """
    if settings.mode == "off":
        return None
    memory = _memory(settings, observer) if beside is None else beside.tiered.memory
    tiered = Tiered(memory, l1_ttl=settings.l1.ttl, observer=observer)
    if beside is None:
        tiered.tiers = _slow_tiers(settings, tiered, runtime, observer)
        _watch(tiered, observer)
    else:
        tiered.tiers = [tier.for_runtime(runtime, tiered.late) for tier in beside.tiered.tiers]
    whole = Caching(tiered, _FLIGHTS, settings, runtime=runtime)
    return Caches(whole=whole, streams=StreamCaching(whole, runtime), tiered=tiered)


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
        observer.watch_tier(tier.name, "sqlite", tier.fill)
    observer.watch_tier("l1", None, tiered.fill)


def _slow_tiers(
    settings: CacheSettings, tiered: Tiered, runtime: Runtime, observer: Observer
) -> Sequence[ResilientTier]:
    """Each with a pool of its own, so that one that hangs holds up nobody else's writes."""
    pool = WorkerPool("l3")
    try:
        tier = open_l3(settings, pool, _log.warning)
    except ConfigError as error:
        if settings.l3.given:
            raise
        _log.warning("the cache works without its L3: %s", error)
        return ()
    if tier is None:
        return ()
    times = TierTimes(ttl=settings.l3.ttl, soft=settings.l3.soft)
    return (ResilientTier("l3", tier, times, pool=pool, runtime=runtime, observer=observer, late=tiered.late),)
