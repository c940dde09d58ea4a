"""What Redis and its client say, in the words of a tier: whether the server is ill, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from redis import exceptions as redis

from beastmode_otel.cache.tier import TierUnavailable

# The first that fits counts. healthy: the server works, so that a breaker that opens would stop reads too.
_ROWS: Final[tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], bool, str], ...]] = (
    (redis.AuthenticationError, False,
     "the login was refused: write user and password into cache.l2.url, percent-encoded"),
    (redis.BusyLoadingError, False, "it is loading its data after a start"),
    ((redis.TimeoutError, TimeoutError, asyncio.TimeoutError), False,
     "no answer in time (cache.l2.hard): it hangs, is far away, or a firewall drops the packets"),
    (redis.ConnectionError, False, "it cannot be reached"),
    (redis.ReadOnlyError, True,
     "it is a read-only replica: let cache.l2.url name the primary, or redis+sentinel://, which finds it"),
    (redis.OutOfMemoryError, True,
     "it is out of memory and evicts nothing: set maxmemory-policy to allkeys-lru, or raise maxmemory"),
    (redis.NoPermissionError, True,
     "its user may not do this: the cache needs +@read +@write +@scripting +@connection +@pubsub on its prefix"),
    ((redis.MovedError, redis.AskError, redis.TryAgainError), True, "the cluster is moving this slot"),
    ((redis.ClusterDownError, redis.MasterDownError), False, "the cluster, or its primary, is down"),
    (redis.NoScriptError, True, "it forgets scripts at once"),
    (redis.ResponseError, True, "it refuses the command"),
    (OSError, False, "it cannot be reached"),
)  # fmt: skip


def unavailable(exc: BaseException) -> TierUnavailable:
    if isinstance(exc, redis.ResponseError) and "unauthenticated" in str(exc):
        exc = redis.AuthenticationError(str(exc))  # of a command longer than strangers may send
    for kinds, healthy, reason in _ROWS:
        if isinstance(exc, kinds):
            said = str(exc).strip()
            return TierUnavailable(f"{reason} ({type(exc).__name__}{': ' if said else ''}{said})", healthy=healthy)
    return TierUnavailable(f"{exc} ({type(exc).__name__})", healthy=True)


@contextmanager
def edge() -> Iterator[None]:
    """Past this, nothing but TierUnavailable."""
    try:
        yield
    except TierUnavailable:
        raise
    except Exception as exc:
        raise unavailable(exc) from exc
