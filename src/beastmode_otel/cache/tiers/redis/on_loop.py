"""Connections of event loops: each belongs to the loop that made it, and ends with that."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any, Final

import redis.asyncio.connection as aio
from redis import exceptions

from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.redis.blocking import REDIRECTS, Connections, asking, checked, first_error
from beastmode_otel.cache.tiers.redis.nodes import Nodes, options
from beastmode_otel.config.redis_url import Host, RedisUrl
from beastmode_otel.runtime import PoolFull, WorkerPool, in_child

_MOST: Final = 64  # connections of one loop; who comes later waits, within the hard timeout


class LoopConnections:
    """Commands of asyncio callers. Raises redis-py's errors, TimeoutError after `hard` seconds, and TierUnavailable.

    - Several loops at once, and one after another. When `asyncio.run` ends, what its loop had open is closed on it.
    - A cancelled command takes its connection along: an answer may still come, which must not be the next one's.
    - Who is asked is found out by the blocking side, on the pool.
    """

    def __init__(self, url: RedisUrl, hard: float, blocking: Connections, pool: WorkerPool) -> None:
        self._url, self._hard, self._blocking, self._pool = url, hard, blocking, pool
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._loops: dict[asyncio.AbstractEventLoop, _Loop] = {}

    async def call(self, slot: int, *commands: bytes) -> list[Any]:
        try:
            async with asyncio.timeout(self._hard):
                return await self._call(slot, commands)
        except TimeoutError:
            host = self._blocking.nodes.known(slot)
            if host is not None:
                self._blocking.nodes.doubt(host)
            raise

    async def _call(self, slot: int, commands: Sequence[bytes]) -> list[Any]:
        here, nodes = await self._here(), self._blocking.nodes
        for last in (False,) * REDIRECTS + (True,):
            host = nodes.known(slot) or await self._find(nodes, slot)
            answers = await here.ask(host, commands)
            trouble = first_error(answers)
            if trouble is None:
                return answers
            if last:
                raise trouble
            if isinstance(trouble, exceptions.MovedError):
                nodes.moved(trouble.slot_id, (trouble.host or host[0], trouble.port))
            elif isinstance(trouble, exceptions.AskError):
                asked = await here.ask((trouble.host or host[0], trouble.port), asking(commands))
                return checked(asked[1::2])
            else:
                raise trouble
        raise AssertionError  # the last round returns or raises

    async def _find(self, nodes: Nodes, slot: int) -> Host:
        try:
            job = self._pool.submit(lambda: nodes.find(slot))
        except PoolFull:
            raise TierUnavailable("the pool is full", healthy=True) from None
        return await asyncio.wrap_future(job)

    async def _here(self) -> _Loop:
        if self._blocking.closed:
            raise TierUnavailable("it was closed", healthy=True)
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop)
        if here is None:
            for ended in [one for one in list(self._loops) if one.is_closed()]:
                self._loops.pop(ended, None)
            here = self._loops[loop] = _Loop(self._url, self._hard, self._blocking.nodes)
            await anext(here.keeper)
        return here

    async def aclose(self) -> None:
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.keeper.aclose()


class _Loop:
    """One loop's connections. keeper: ends with the loop, and closes them then."""

    def __init__(self, url: RedisUrl, hard: float, nodes: Nodes) -> None:
        self._url, self._hard, self._nodes = url, hard, nodes
        self._idle: dict[Host, deque[aio.AbstractConnection]] = defaultdict(deque)
        self._room, self._closed = asyncio.Semaphore(_MOST), False
        self._tls: aio.RedisSSLContext | None = None
        # The one hook that every loop has for its end: asyncio.run, and uvloop, close the generators that were begun.
        self.keeper = self._keep_until_the_end()

    async def _keep_until_the_end(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._closed = True
            left = [connection for idle in self._idle.values() for connection in idle]
            # To its end, as the loop has none of its steps left afterwards: TLS says goodbye, for `hard` at most.
            await asyncio.gather(*(one.disconnect() for one in left), return_exceptions=True)
            await asyncio.sleep(0)

    async def ask(self, host: Host, commands: Sequence[bytes]) -> list[Any]:
        async with self._room:
            idle = self._idle[host]
            if idle:
                try:
                    return await self._on(idle.pop(), host, commands)
                except exceptions.ConnectionError as exc:
                    await _drop(idle)  # the server had closed it: the others are no better
                    if isinstance(exc, exceptions.AuthenticationError | exceptions.BusyLoadingError):
                        raise
            return await self._on(self._make(host), host, commands)

    def _make(self, host: Host) -> aio.AbstractConnection:
        kind: Any = {"unix": aio.UnixDomainSocketConnection}.get(
            self._url.kind, aio.Connection if self._url.tls is None else aio.SSLConnection
        )
        # socket_timeout: with one, redis-py makes a task for each write; the whole command has a limit here.
        made: aio.AbstractConnection = kind(**options(self._url, host, self._hard), socket_timeout=None)
        if isinstance(made, aio.SSLConnection):  # reading the system's authorities takes too long to do it each time
            self._tls = made.ssl_context = self._tls or made.ssl_context
        return made

    async def _on(self, connection: aio.AbstractConnection, host: Host, commands: Sequence[bytes]) -> list[Any]:
        try:
            await connection.send_packed_command(b"".join(commands))  # connects, if it is not
            answers = [await _reply(connection) for _ in commands]
        except BaseException as exc:
            await _close(connection)
            if isinstance(exc, exceptions.ConnectionError | OSError):
                self._nodes.doubt(host)
            raise
        if self._closed:
            await _close(connection)
        else:
            self._idle[host].append(connection)
        return answers


async def _reply(connection: aio.AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except exceptions.ResponseError as refused:
        return refused


async def _close(connection: aio.AbstractConnection) -> None:
    with suppress(Exception):  # it is given up anyhow
        await connection.disconnect(nowait=True)


async def _drop(idle: deque[aio.AbstractConnection]) -> None:
    while idle:
        await _close(idle.pop())
