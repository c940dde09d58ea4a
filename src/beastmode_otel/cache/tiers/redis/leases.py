"""Leases in Redis: one script for each question, so that nobody comes between looking and taking."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, Final

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.lease import DONE_SECONDS, Grant
from beastmode_otel.cache.tiers.redis.errors import edge
from beastmode_otel.cache.tiers.redis.layout import Layout

# The value is the token, or `done` while its end is to be seen. The token: microseconds of the server's clock.
# KEYS: lease. ARGV: milliseconds. The token, or nothing, and the milliseconds that are left; in its last one that is
# 0 to the server, and would say here that it had been given back.
_ACQUIRE: Final = b"""
local held = redis.call('GET', KEYS[1])
if held == 'done' then return {'', 0} end
if held then return {'', math.max(1, redis.call('PTTL', KEYS[1]))} end
local now = redis.call('TIME')
local token = now[1] .. string.format('%06d', now[2])
redis.call('SET', KEYS[1], token, 'PX', ARGV[1])
return {token, tonumber(ARGV[1])}
"""
# KEYS: lease. ARGV: token, milliseconds.
_RENEW: Final = b"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE: Final = b"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], 'done', 'PX', ARGV[2])
return 1
"""


class RedisLeases:
    """A LeaseStore (cache/lease.py). run: a script's answer, by the slot of its key (RedisTier.run)."""

    patience = None

    def __init__(self, layout: Layout, run: Callable[[int, bytes, list[bytes]], Any]) -> None:
        self._layout, self._run = layout, run

    def acquire(self, key: Key, seconds: float) -> Grant:
        token, left = self._ask(_ACQUIRE, key, _milliseconds(seconds))
        return Grant(token=int(token) if token else None, left=max(left, 0) / 1000)

    def renew(self, key: Key, token: int, seconds: float) -> bool:
        return bool(self._ask(_RENEW, key, b"%d" % token, _milliseconds(seconds)))

    def release(self, key: Key, token: int) -> None:
        self._ask(_RELEASE, key, b"%d" % token, _milliseconds(DONE_SECONDS))

    def _ask(self, script: bytes, key: Key, *words: bytes) -> Any:
        place = self._layout.place(key)
        with edge():
            return self._run(place.slot, script, [b"1", place.lease(key.digest), *words])


def _milliseconds(seconds: float) -> bytes:
    return b"%d" % max(1, ceil(seconds * 1000))
