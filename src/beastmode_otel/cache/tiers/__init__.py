"""Which tier the settings mean. A tier is imported when it is configured, with what it needs.

A new one is a module here that implements the ports of `cache/tier.py`, a line in each of these two functions, and a
stand in `tests/contract/stands.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from beastmode_otel.cache.envelope import EnvelopeCodec
from beastmode_otel.cache.tier import BlockingTier, InspectableTier
from beastmode_otel.config.settings import CacheSettings
from beastmode_otel.runtime import WorkerPool


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
    """The configured L3, to be looked into; None when it is off. Nothing is opened yet, and nothing made by looking."""
    path = settings.l3.path
    if path is None:
        return None
    from beastmode_otel.cache.tiers.sqlite.inspect import SQLiteInspection

    return SQLiteInspection(
        path, codec=_codec(settings), stale=settings.stale_if_error, max_bytes=settings.l3.max_bytes, tell=tell
    )


def _codec(settings: CacheSettings) -> EnvelopeCodec:
    return EnvelopeCodec(settings.secret.reveal().encode() if settings.secret else None)
