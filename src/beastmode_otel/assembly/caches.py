"""The cache of a router, from its settings."""

from __future__ import annotations

import logging

from beastmode_otel.cache.envelope import Sealed
from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.resilient_tier import Shelf, Stay
from beastmode_otel.cache.single_flight import SingleFlight
from beastmode_otel.cache.tier import BlockingTier
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.config import CacheSettings
from beastmode_otel.engine import CacheFlow, CacheResult
from beastmode_otel.errors import ConfigError
from beastmode_otel.observer import Observer
from beastmode_otel.runtime import Lane, Runtime

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
