"""Which tier the settings mean. A tier is imported when it is configured, with what it needs.

A new one is a module here that implements the ports of `cache/tier.py`, a line in each of the functions that open its
level, and a stand in `tests/contract/stands.py`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal
from weakref import WeakValueDictionary

from beastmode_otel.cache.envelope import EnvelopeCodec
from beastmode_otel.cache.tier import (
    AsyncTier,
    Backplane,
    BlockingTier,
    DatabaseFacts,
    FileFacts,
    InspectableTier,
    Migrator,
    StoreFacts,
)
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


def inspect_l2(settings: CacheSettings) -> InspectableTier | None:
    """The configured L2, to be looked into; None when there is none. Nothing is connected yet."""
    l2 = settings.l2
    if l2.url is None:
        return None
    from beastmode_otel.cache.tiers.redis.inspect import RedisInspection

    return RedisInspection(
        l2.url, codec=_codec(settings), prefix=l2.prefix, stale=settings.stale_if_error, hard=l2.hard
    )


Level = Literal["l2", "l3"]


def inspected(
    settings: CacheSettings, wanted: Sequence[Level], tell: Callable[[str], None] = lambda _: None
) -> dict[Level, InspectableTier]:
    """Of the tiers that are wanted, in that order, those that are configured and can be looked into. Raises
    ConfigError."""
    opened = ((name, inspect_l2(settings) if name == "l2" else inspect_l3(settings, tell)) for name in wanted)
    return {name: tier for name, tier in opened if tier is not None}


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


def open_l3(
    settings: CacheSettings, pool: WorkerPool, tell: Callable[[str], None]
) -> tuple[BlockingTier, AsyncTier | None] | None:
    """The ports of the configured L3, for requests; None when it is off. pool: its own. Raises ConfigError.

    tell: hears what people should know, such as that a corrupt file was set aside, or that a server does not answer.
    """
    path, server = settings.l3.path, settings.l3.server
    codec, stale, most = _codec(settings), settings.stale_if_error, settings.l3.max_bytes
    if server is not None:
        with _psycopg():
            from beastmode_otel.cache.tiers.postgres.tier import PostgresTier

        tier = PostgresTier(
            server, codec=codec, pool=pool, stale=stale, max_bytes=most, hard=settings.l3.hard,
            prepare=settings.l3.prepare, tell=tell,
        )  # fmt: skip
        return tier, None if sys.platform == "win32" else tier  # whose event loop cannot wait for a foreign socket
    if path is None:
        return None
    from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier

    file = SQLiteTier(
        path, codec=codec, pool=pool, stale=stale, max_bytes=most, signed=settings.secret is not None,
        tell=tell, tell_ill=tell,
    )  # fmt: skip
    return file, None


def inspect_l3(settings: CacheSettings, tell: Callable[[str], None]) -> InspectableTier | None:
    """The configured L3, to be looked into; None when it is off, or the team's own. Nothing is opened yet, and nothing
    made by looking. Raises ConfigError."""
    if settings.own is not None and settings.own.level == "l3":
        return None
    path, server = settings.l3.path, settings.l3.server
    codec, stale, most = _codec(settings), settings.stale_if_error, settings.l3.max_bytes
    if server is not None:
        with _psycopg():
            from beastmode_otel.cache.tiers.postgres.inspect import PostgresInspection

        return PostgresInspection(server, codec=codec, stale=stale, max_bytes=most)
    if path is None:
        return None
    from beastmode_otel.cache.tiers.sqlite.inspect import SQLiteInspection

    return SQLiteInspection(path, codec=codec, stale=stale, max_bytes=most, tell=tell)


def migrate_l3(settings: CacheSettings) -> Migrator | None:
    """What brings the configured L3's schema up to date by command; None where nobody needs to. Raises ConfigError."""
    server = settings.l3.server
    if server is None:
        return None
    with _psycopg():
        from beastmode_otel.cache.tiers.postgres.migrate import PostgresMigrator

    return PostgresMigrator(server)


def examine_l3(settings: CacheSettings) -> DatabaseFacts | None:
    """What the configured L3 says of itself; None where it is no server. Raises TierUnavailable, ConfigError."""
    server = settings.l3.server
    if server is None:
        return None
    with _psycopg():
        from beastmode_otel.cache.tiers.postgres.examine import examine

    return examine(server, settings.l3.hard)


def examine_l3_file(settings: CacheSettings) -> FileFacts | None:
    """What can be told of the configured L3 in a file; None where it is in none. Raises ConfigError."""
    path = settings.l3.path
    own = settings.own is not None and settings.own.level == "l3"
    if path is None or own or settings.l3.server is not None:
        return None
    from beastmode_otel.cache.tiers.sqlite.examine import examine

    return examine(path, signed=settings.secret is not None)


@contextmanager
def _psycopg() -> Iterator[None]:
    try:
        yield
    except ImportError as exc:
        hint = "pip install 'beastmode-otel[postgres]'"
        raise ConfigError(f"an L3 in Postgres needs psycopg: {exc}", hints=(hint,)) from exc


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
