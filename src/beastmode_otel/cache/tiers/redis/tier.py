"""L2 in Redis or Valkey: shared by the processes of many machines."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

from redis import exceptions

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import Codec, Filter, Later, Pending, Refused, TierStats, TierUnavailable
from beastmode_otel.cache.tiers.redis import walk
from beastmode_otel.cache.tiers.redis.blocking import Connection, Connections
from beastmode_otel.cache.tiers.redis.errors import edge, unavailable
from beastmode_otel.cache.tiers.redis.layout import (
    DROP_DAMAGED,
    PUT,
    Layout,
    command,
    envelope_of,
    generation_of,
    head_of,
    number,
)
from beastmode_otel.cache.tiers.redis.leases import RedisLeases
from beastmode_otel.cache.tiers.redis.on_loop import LoopConnections
from beastmode_otel.config.redis_url import Host, RedisUrl
from beastmode_otel.runtime import PoolFull, WorkerPool

_GENERATIONS: Final = (10**15, 9 * 10**15)  # 16 digits, and exact in the double that a score is
_TOLD_AGAIN: Final = 600.0  # seconds after which a tenant's name is written anew
_TENANTS: Final = 10_000  # whose names are remembered to be written


class RedisTier:
    """A BlockingTier and an AsyncTier (cache/tier.py) over one server, a primary behind Sentinel, or a cluster.

    - `ask` sends on a connection that is open already and lets the caller wait for the socket; when there is none, the
      pool makes one. One round trip for a read, one for a write.
    - The server expires entries; one that its clock let live too long is a miss by this process's clock.
    - Whatever another program has evicted, flushed or replaced is a miss. What is found with an older generation than
      its index has was invalidated (see layout.py).
    - A server that refuses writes (read-only, out of memory) is healthy: reads go on.
    """

    name = "l2"
    system = "redis"

    def __init__(
        self,
        url: RedisUrl,
        *,
        codec: Codec,
        pool: WorkerPool,
        prefix: str = "beastmode",
        stale: float = 0.0,
        hard: float = 0.25,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is connected yet. hard: seconds after which a command is given up."""
        self.damaged = 0
        self._codec, self._pool, self._clock, self._stale = codec, pool, clock, stale
        self._layout = Layout(prefix)
        self._connections = Connections(url, hard)
        self._on_loops = LoopConnections(url, hard, self._connections, pool)
        self.leases = RedisLeases(self._layout, self._connections.run)
        self._tenants: dict[str, float] = {}  # until when their names are known to the server
        self._rng = random.Random()

    @property
    def server(self) -> Host | None:
        """Address and port, for spans."""
        return self._connections.nodes.shown

    # Reading.

    def ask(self, key: Key) -> Pending:
        place = self._layout.place(key)
        try:
            ready = self._connections.ready(place.slot)
            if ready is None:
                return Later(partial(self._find, key))
            host, connection = ready
            try:
                connection.send_packed_command([b"".join(self._layout.read(place, key))])
            except BaseException:
                connection.disconnect()
                raise
        except TierUnavailable as refused:
            return Refused(refused)
        except Exception as exc:  # noqa: BLE001  (the port's promise: whatever goes wrong is TierUnavailable)
            return Refused(unavailable(exc))
        return Question(self, key, host, connection)

    def _find(self, key: Key) -> Entry | None:
        place = self._layout.place(key)
        with edge():
            return self.found(key, self._connections.call(place.slot, *self._layout.read(place, key)))

    def answer(self, key: Key, host: Host, connection: Connection) -> Entry | None:
        """What was asked on it."""
        with edge():
            try:
                answers = self._connections.answers(host, connection, 2)
            except exceptions.ConnectionError as exc:
                if isinstance(exc, exceptions.AuthenticationError | exceptions.BusyLoadingError):
                    raise
                return self._find(key)  # the server had closed it, as a restart does
            if any(isinstance(one, exceptions.ResponseError) for one in answers):
                return self._find(key)  # moved, most likely: `call` knows how to follow
            return self.found(key, answers)

    async def get(self, key: Key) -> Entry | None:
        place = self._layout.place(key)
        with edge():
            return self.found(key, await self._on_loops.call(place.slot, *self._layout.read(place, key)))

    async def aclose(self) -> None:
        await self._on_loops.aclose()

    def found(self, key: Key, answers: list[Any]) -> Entry | None:
        score, value = answers
        if value is None:
            return None
        head = head_of(value)
        if head is not None and head.generation != generation_of(score):
            return None  # invalidated, or its index was evicted
        entry = self._decoded(value, key)
        now = self._clock()
        return entry if entry and now < entry.expires_at + self._stale and not entry.ahead(now) else None

    def _decoded(self, value: bytes, key: Key) -> Entry | None:
        entry = self._codec.decode(envelope_of(value), key)
        if isinstance(entry, Entry):
            return entry
        self.damaged += 1
        if not entry.foreign:
            with suppress(PoolFull):  # the next read finds it again
                self._pool.submit(partial(self._drop_damaged, key, value))
        return None

    # Writing.

    def put(self, entry: Entry) -> None:
        """Insert, or replace what is not newer."""
        if not entry.key.tenant:
            raise TierUnavailable("an entry needs a tenant", healthy=True)
        with edge():
            place, now = self._layout.place(entry.key), self._clock()
            words = self._layout.put(
                place, entry, self._codec.encode(entry), now=now, stale=self._stale,
                fresh=self._rng.randrange(*_GENERATIONS),
            )  # fmt: skip
            self._tell_tenant(entry, now, anew=self._connections.run(place.slot, PUT, words) == 2)

    def _tell_tenant(self, entry: Entry, now: float, *, anew: bool) -> None:
        """That it has entries, for those who look at all of them. Once in ten minutes, and when something was lost."""
        tenant, gone = entry.key.tenant, entry.expires_at + self._stale
        if not anew and self._tenants.get(tenant, 0.0) >= gone:
            return
        if len(self._tenants) >= _TENANTS:
            self._tenants.clear()
        until = max(gone, now) + _TOLD_AGAIN
        names, slot = self._layout.tenants.base, self._layout.tenants.slot
        self._connections.call(
            slot, command(b"ZADD", names, b"GT", number(until), tenant.encode("utf-8", "surrogatepass"))
        )
        self._tenants[tenant] = until

    def delete(self, key: Key) -> None:
        place = self._layout.place(key)
        with edge():
            self._connections.call(place.slot, *place.delete((key.digest,)))

    def _drop_damaged(self, key: Key, value: bytes) -> None:
        place = self._layout.place(key)
        with edge():
            self._connections.run(
                place.slot, DROP_DAMAGED, [b"2", place.index, place.entry(key.digest), value, key.digest]
            )

    # Everything there is.

    def invalidate(self, which: Filter, now: float) -> int:
        with edge():
            return walk.invalidate(self._connections, self._layout, which, now)

    def purge(self, now: float) -> int:
        """Forget what the server has expired, and delete what it would soon; at most 10,000, of 64 tenants."""
        with edge():
            return walk.purge(self._connections, self._layout, now - self._stale, self._rng)

    def stats(self) -> TierStats:
        """Exact up to some hundred entries, then from a sample. size: of the values, without Redis's own overhead."""
        with edge():
            return walk.stats(self._connections, self._layout, self._clock(), self._stale)

    def scan(self, tenant: str | None, limit: int) -> Iterator[Entry]:
        """Newest first, at most `limit`; of one tenant, or of all for None."""
        now = self._clock()
        with edge():
            pages = walk.newest(self._connections, self._layout, tenant, limit)
        for owner, digest in pages:
            if limit <= 0:
                return
            place = self._layout.place_of(owner, digest)
            with edge():
                score, value = self._connections.call(
                    place.slot, command(b"ZSCORE", place.index, b"g"), command(b"GET", place.entry(digest))
                )
            entry = self._seen(owner, digest, score, value)
            if entry is not None and now < entry.expires_at + self._stale and not entry.ahead(now):
                limit -= 1
                yield entry

    def in_scope(self, key: Key, limit: int) -> Iterator[Entry]:
        """Newest first, at most `limit`, of the tenant and scope of `key`; only those with a vector are named there.

        A page in memory at a time. Of the newest 500 that each bucket names.
        """
        with edge():
            pages = list(walk.of_scope(self._connections, self._layout, key, limit))
        now = self._clock()
        for digests in pages:
            places = [self._layout.place_of(key.tenant, digest) for digest in digests]
            works = [
                (place.slot, sent)
                for place, digest in zip(places, digests, strict=True)
                for sent in (command(b"ZSCORE", place.index, b"g"), command(b"GET", place.entry(digest)))
            ]
            with edge():
                answers = self._connections.call_each(works)
            for digest, score, value in zip(digests, answers[::2], answers[1::2], strict=True):
                entry = self._seen(key.tenant, digest, score, value)
                if entry is None or entry.key.scope != key.scope or entry.ahead(now):
                    continue
                if now < entry.expires_at + self._stale:
                    yield entry

    def _seen(self, tenant: str, digest: bytes, score: Any, value: bytes | None) -> Entry | None:
        head = head_of(value) if value is not None else None
        if value is None or (head is not None and head.generation != generation_of(score)):
            return None
        entry = self._codec.decode(envelope_of(value), None)
        if isinstance(entry, Entry) and (entry.key.tenant, entry.key.digest) == (tenant, digest):
            return entry
        self.damaged += 1
        return None

    def ping(self) -> None:
        """That it answers, with its data loaded; of a cluster, most of its primaries."""
        with edge():
            self._connections.ping()

    def close(self) -> None:
        self._connections.close()


class Question:
    """A read that was sent when it was made."""

    __slots__ = ("_connection", "_found", "_host", "_key", "_refused", "_tier")

    def __init__(self, tier: RedisTier, key: Key, host: Host, connection: Connection) -> None:
        self._tier, self._key, self._host = tier, key, host
        self._connection: Connection | None = connection
        self._found: Entry | None = None
        self._refused: TierUnavailable | None = None

    def ready(self, timeout: float) -> bool:
        if self._connection is None:
            return True
        try:
            return self._connection.can_read(timeout)
        except Exception:  # noqa: BLE001  (`take` says what it is)
            return True

    def take(self) -> Entry | None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                self._found = self._tier.answer(self._key, self._host, connection)
            except TierUnavailable as refused:
                self._refused = refused
        if self._refused is not None:
            raise self._refused
        return self._found

    def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()
