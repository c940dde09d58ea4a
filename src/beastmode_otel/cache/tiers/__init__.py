"""Which tier the settings mean. A tier is imported when it is configured, with what it needs.

A new one is a module here that implements the ports of `cache/tier.py`, a line in each of the functions that open its
level, and a stand in `tests/contract/stands.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakValueDictionary

from beastmode_otel.cache.envelope import EnvelopeCodec
from beastmode_otel.cache.tier import AsyncTier, Backplane, BlockingTier, InspectableTier, StoreFacts
from beastmode_otel.config.redis_url import RedisUrl
from beastmode_otel.config.settings import CacheSettings, OwnTier
from beastmode_otel.errors import ConfigError
from beastmode_otel.runtime import WorkerPool


def open_l2(settings: CacheSettings, pool: WorkerPool) -> tuple[BlockingTier, AsyncTier] | None:
    """Both ports of the configured L2; None when there is none. Nothing is connected yet, and nothing can fail."""
    l2 = settings.l2
    if l2.url is None:
        return None
    from beastmode_otel.cache.tiers.redis.tier import RedisTier

    tier = RedisTier(
        l2.url, codec=_codec(settings), pool=pool, prefix=l2.prefix, stale=settings.stale_if_error, hard=l2.hard
    )
    return tier, tier


def examine_l2(settings: CacheSettings) -> list[StoreFacts]:
    """What the servers behind the configured L2 say of themselves. Raises TierUnavailable."""
    if settings.l2.url is None:
        return []
    from beastmode_otel.cache.tiers.redis.examine import examine

    return examine(settings.l2.url, settings.l2.hard)


# One for all caches of the process that share a server: its thread hears for all of them.
_backplanes: WeakValueDictionary[tuple[RedisUrl, str], Backplane] = WeakValueDictionary()


def backplane_of(settings: CacheSettings) -> Backplane | None:
    """How the processes that share L2 tell each other what they invalidate; None without an L2."""
    l2 = settings.l2
    if l2.url is None:
        return None
    from beastmode_otel.cache.tiers.redis.backplane import RedisBackplane

    known = _backplanes.get((l2.url, l2.prefix))
    if known is None:
        known = _backplanes.setdefault((l2.url, l2.prefix), RedisBackplane(l2.url, l2.prefix, l2.hard))
    return known


def open_l3(settings: CacheSettings, pool: WorkerPool, tell: Callable[[str], None]) -> BlockingTier | None:
    """The configured L3, for requests; None when it is off. pool: its own. Raises ConfigError.

    tell: hears what people should know, such as that a corrupt file was set aside.
    """
    path = settings.l3.path
    if path is None:
        return None
    from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier

    return SQLiteTier(
        path,
        codec=_codec(settings),
        pool=pool,
        stale=settings.stale_if_error,
        max_bytes=settings.l3.max_bytes,
        tell=tell,
    )


def inspect_l3(settings: CacheSettings, tell: Callable[[str], None]) -> InspectableTier | None:
    """The configured L3, to be looked into; None when it is off, or the team's own. Nothing is opened yet, and nothing
    made by looking."""
    path = settings.l3.path
    if path is None or (settings.own is not None and settings.own.level == "l3"):
        return None
    from beastmode_otel.cache.tiers.sqlite.inspect import SQLiteInspection

    return SQLiteInspection(
        path, codec=_codec(settings), stale=settings.stale_if_error, max_bytes=settings.l3.max_bytes, tell=tell
    )


def open_own(settings: CacheSettings, own: OwnTier, pool: WorkerPool) -> tuple[BlockingTier, AsyncTier | None]:
    """The team's own tier and, if it has one, its asynchronous port. pool: its own. Raises ConfigError."""
    try:
        make = _named(own.tier) if isinstance(own.tier, str) else own.tier
        tier = make(codec=_codec(settings), pool=pool, stale=settings.stale_if_error)
    except Exception as exc:
        raise ConfigError(
            f"cache.own: {own.tier} cannot be made: {type(exc).__name__}: {exc}",
            hints=("it is called with codec=, pool= and stale=, and returns the tier: see docs/own-tier.md",),
        ) from exc
    missing = [name for name in _PORT if not hasattr(tier, name)]
    if missing:
        raise ConfigError(
            f"cache.own: {type(tier).__name__} is no tier: it has no {', '.join(missing)}",
            hints=("run beastmode_otel.testing against it: see docs/own-tier.md",),
        )
    return tier, tier if hasattr(tier, "get") and hasattr(tier, "aclose") else None


_PORT: Final = (
    "ask",
    "put",
    "delete",
    "invalidate",
    "purge",
    "stats",
    "scan",
    "ping",
    "close",
    "damaged",
    "system",
    "server",
)


def _named(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    made: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return made


def _codec(settings: CacheSettings) -> EnvelopeCodec:
    return EnvelopeCodec(settings.secret.reveal().encode() if settings.secret else None)
