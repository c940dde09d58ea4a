"""All connections of the Postgres tier: those of blocking callers, and those of each event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.postgres.connection import Answers, Connection, Exchange, Query, Rows, Servers, connect
from beastmode_otel.cache.tiers.postgres.errors import FORBIDDEN, READ_ONLY, UNDEFINED, Lost, ServerError, unavailable
from beastmode_otel.runtime import Job, PoolFull, WorkerPool, in_child

_MOST: Final = 8  # idle ones that are kept, those that a loop opens, and questions that nobody has taken yet
_IDLE_SECONDS: Final = 60.0  # after which one that nobody needed is closed


class Idle:
    """Connections that nobody uses right now, the one used last on top. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Connection]] = deque()

    def take(self) -> Connection | None:
        """One that is alive, as far as can be seen without asking."""
        while True:
            try:
                _, connection = self._waiting.pop()
            except IndexError:
                return None
            if connection.alive:
                return connection
            connection.close()

    def give(self, connection: Connection) -> None:
        now = time.monotonic()
        self._waiting.append((now, connection))
        while len(self._waiting) > 1:
            try:
                since, oldest = self._waiting.popleft()
            except IndexError:
                return
            if len(self._waiting) < _MOST and since > now - _IDLE_SECONDS:
                self._waiting.appendleft((since, oldest))
                return
            oldest.close()

    def close_all(self) -> None:
        while self._waiting:
            try:
                _, connection = self._waiting.pop()
            except IndexError:
                return
            connection.close()


class LoopConnections:
    """Those of one event loop: at most so many at a time, whoever comes then waits for one of them."""

    def __init__(self) -> None:
        self.idle, self.turn, self.ended = Idle(), asyncio.Semaphore(_MOST), False


class Connections:
    """Thread-safe, for any number of loops. Raises TierUnavailable, Lost, TimeoutError, ServerError.

    - Nothing is opened before it is needed, and each new connection passes `check` before it is used.
    - One that was idle may have been cut off since: then the exchange is tried once more on a new one. So whatever is
      sent here must be harmless when it is done twice.
    - The number is bounded by who asks: the threads of a tier's pool, 8 that were asked before, and 8 for each loop.
    - A forked child uses none of its parent's.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        hard: float,
        greeting: Query,
        check: Callable[[Rows], None],
        tell: Callable[[str], None],
        prepare: Sequence[Query] = (),
    ) -> None:
        """check: raises TierUnavailable for what `greeting` was answered with. hard: seconds of an exchange.

        prepare: statements that each connection has the server keep the plans of (Connection.prepare).
        tell: hears that there is no connection to be had, and why, once until there is one again.
        """
        self._servers, self._hard, self._check, self._greeting = servers, hard, check, greeting
        self._tell, self._told, self._prepare = tell, "", prepare
        self._openers = WorkerPool("l3-connect", size=2, backlog=64)
        self._closed = False
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._idle, self._early = Idle(), threading.Semaphore(_MOST)
        self._loops: dict[asyncio.AbstractEventLoop, LoopConnections] = {}

    # Blocking.

    def run(self, queries: Sequence[Query], seconds: float | None = None) -> Answers:
        """The answers to one exchange (Connection.run), connecting included, within so many seconds."""
        until = time.monotonic() + (seconds or self._hard)
        connection = self._taken(self._idle)
        if connection is not None:
            try:
                return self._ran(connection, queries, until)
            except Lost:
                self._idle.close_all()  # the others lost their server too
        return self._ran(self._opened(until), queries, until)

    def begin(self, queries: Sequence[Query]) -> Exchange | None:
        """Sent on a connection that is open already; `answers` or `drop` ends it. None: that would have to wait."""
        if not self._early.acquire(blocking=False):
            return None
        begun = None
        try:
            connection = self._taken(self._idle)
            if connection is not None:
                try:
                    begun = connection.begin(queries)
                finally:
                    if begun is None:  # what cannot be encoded was not sent
                        self._give(connection, self._idle)
        finally:
            if begun is None:
                self._early.release()
        return begun

    def answers(self, exchange: Exchange, until: float) -> Answers:
        try:
            return exchange.taken(until)
        except Lost:
            self._idle.close_all()
            raise
        except ServerError as exc:
            self._forget_if_changed(exc, exchange.connection, self._idle)
            raise
        finally:
            self.drop(exchange)

    def drop(self, exchange: Exchange) -> None:
        """Its connection is free. Never waits."""
        exchange.drop()
        self._early.release()
        self._give(exchange.connection, self._idle)

    def _ran(self, connection: Connection, queries: Sequence[Query], until: float) -> Answers:
        try:
            return connection.run(queries, until)
        except ServerError as exc:
            self._forget_if_changed(exc, connection, self._idle)
            raise
        finally:
            self._give(connection, self._idle)

    def _taken(self, idle: Idle) -> Connection | None:
        if self._closed:
            raise TierUnavailable("the cache was closed", healthy=True)
        return idle.take()

    def _give(self, connection: Connection, idle: Idle) -> None:
        if not connection.closed:
            idle.give(connection)
        if self._closed:  # asked afterwards: `close` may have emptied it just before
            idle.close_all()

    def _opened(self, until: float) -> Connection:
        try:
            connection = connect(self._servers, until)
            try:
                self._check(_greeted(connection, self._greeting, until))
                if self._prepare:
                    self._prepared(connection, until)
            except BaseException:
                connection.close()
                raise
        except Exception as exc:
            self._say(exc)
            raise
        self._told = ""
        return connection

    def _prepared(self, connection: Connection, until: float) -> None:
        try:
            connection.prepare(self._prepare, until, self._prepare_no_more)
        except ServerError:  # the session is not new: somebody has prepared these names in it
            self._prepare_no_more()

    def _prepare_no_more(self) -> None:
        if self._prepare:
            self._prepare = ()
            self._tell(f"prepare = true has no effect at {self._servers.location}: a pooler changes the sessions")

    def _say(self, exc: Exception) -> None:
        kind, reason = type(exc).__name__, unavailable(exc).reason
        if self._told != kind:
            self._told = kind
            self._tell(f"the cache works without its L3, {self._servers.location}, until this is mended: {reason}")

    @staticmethod
    def _forget_if_changed(exc: ServerError, connection: Connection, idle: Idle) -> None:
        """It is not the server that it was: a standby now, or with another schema. The next one is looked at anew."""
        if exc.state in UNDEFINED or exc.state == READ_ONLY:
            connection.close()
            idle.close_all()

    # Asynchronous.

    async def arun(self, queries: Sequence[Query]) -> Answers:
        """The same on the running loop. What is opened is opened on a thread: names and TLS would hold up the loop."""
        here = self._here()
        async with asyncio.timeout(self._hard), here.turn:
            connection = self._taken(here.idle)
            if connection is not None:
                try:
                    return await self._aran(connection, queries, here)
                except Lost:
                    here.idle.close_all()
            return await self._aran(await self._opened_beside(), queries, here)

    async def _aran(self, connection: Connection, queries: Sequence[Query], here: LoopConnections) -> Answers:
        try:
            return await connection.arun(queries)
        except ServerError as exc:
            self._forget_if_changed(exc, connection, here.idle)
            raise
        finally:
            if here.ended:
                connection.close()
            else:
                self._give(connection, here.idle)

    async def _opened_beside(self) -> Connection:
        until = time.monotonic() + self._hard
        try:
            job: Job[Connection] = self._openers.submit(lambda: self._opened(until))
        except PoolFull:
            raise TierUnavailable("too many connections are being opened", healthy=True) from None
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            job.add_done_callback(_close_opened)  # it goes on, and nobody will use it
            raise

    def _here(self) -> LoopConnections:
        for loop in [loop for loop in list(self._loops) if loop.is_closed()]:
            gone = self._loops.pop(loop, None)
            if gone is not None:
                gone.idle.close_all()
        loop = asyncio.get_running_loop()
        here = self._loops.get(loop)
        if here is None:
            here = self._loops[loop] = LoopConnections()
        return here

    async def aclose(self) -> None:
        """What the running loop has open."""
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            here.ended = True
            here.idle.close_all()

    def close(self) -> None:
        """For good: whatever comes afterwards is TierUnavailable. Idempotent."""
        self._closed = True
        self._idle.close_all()
        for here in list(self._loops.values()):
            here.idle.close_all()
        self._openers.close(timeout=0.0)


def _greeted(connection: Connection, greeting: Query, until: float) -> Rows:
    """The rows; none where there is no such table."""
    try:
        ((rows, _),) = connection.run([greeting], until)
    except ServerError as exc:
        if exc.state in UNDEFINED:
            return []
        if exc.state == FORBIDDEN:
            hint = "as the schema's owner, run `select beastmode.admit('…')` with the role's name"
            raise TierUnavailable(f"its login role may not use the cache ({exc}): {hint}") from exc
        raise
    return rows


def _close_opened(job: Future[Connection]) -> None:
    if job.exception() is None:
        job.result().close()
