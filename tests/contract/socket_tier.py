"""A tier behind a socket, with both ports, that hangs, refuses and loses connections on command.

A store of rows in memory, a server that does what is asked of it over TCP, a BlockingTier and an AsyncTier that ask.
What a wire protocol adds is left out: a message is four bytes of length and a pickle.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import select
import socket
import socketserver
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import Codec, Filter, Pending, TierStats, TierUnavailable
from beastmode_otel.runtime import PoolFull, WorkerPool

HARD = 0.25  # seconds that a command may take


@dataclass(slots=True)
class Row:
    """facts: the entry without body and text, as columns would hold it."""

    facts: Entry
    payload: bytes
    accessed_at: float
    hits: int = 0


class Store:
    """Rows by tenant and digest. What the server runs, one command at a time."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, bytes], Row] = {}

    def get(self, tenant: str, digest: bytes, now: float, stale: float) -> bytes | None:
        row = self.rows.get((tenant, digest))
        if row is None or now >= row.facts.expires_at + stale:
            return None
        row.hits, row.accessed_at = row.hits + 1, now
        return row.payload

    def put(self, facts: Entry, payload: bytes, now: float) -> None:
        handle = (facts.key.tenant, facts.key.digest)
        held = self.rows.get(handle)
        if held is None or held.facts.ahead(now) or facts.created_at >= held.facts.created_at:
            hits, accessed = (held.hits, held.accessed_at) if held else (0, facts.created_at)
            self.rows[handle] = Row(facts, payload, accessed, hits)

    def delete(self, tenant: str, digest: bytes, payload: bytes | None = None) -> None:
        row = self.rows.get((tenant, digest))
        if row is not None and payload in (None, row.payload):
            del self.rows[tenant, digest]

    def invalidate(self, which: Filter, now: float) -> int:
        return self._drop(lambda row: which.matches(row.facts, now))

    def purge(self, before: float) -> int:
        return self._drop(lambda row: row.facts.expires_at <= before)

    def _drop(self, goes: Callable[[Row], bool]) -> int:
        gone = [handle for handle, row in self.rows.items() if goes(row)]
        for handle in gone:
            del self.rows[handle]
        return len(gone)

    def stats(self) -> tuple[int, int, float | None]:
        rows = self.rows.values()
        return (
            len(rows), sum(len(row.payload) for row in rows), min((row.facts.created_at for row in rows), default=None),
        )  # fmt: skip

    def scan(self, tenant: str | None, after: float) -> list[tuple[Key, bytes]]:
        rows = [row for row in self.rows.values()
                if tenant in (None, row.facts.key.tenant) and row.facts.expires_at > after]  # fmt: skip
        rows.sort(key=lambda row: row.facts.created_at, reverse=True)
        return [(row.facts.key, row.payload) for row in rows]

    def ping(self) -> None: ...


class StoreServer:
    """Serves a Store on 127.0.0.1. hang: seconds before each answer. lost: connections end instead of answering.

    accepted, commands: how many so far. `let_go` ends what hangs.
    """

    def __init__(self) -> None:
        self.store, self.hang, self.lost = Store(), 0.0, False
        self.accepted = self.commands = 0
        self._release = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.accepted += 1
                with contextlib.suppress(OSError, EOFError):
                    while True:
                        name, arguments = receive(self.request)
                        outer.commands += 1
                        if outer.hang:
                            outer._release.wait(outer.hang)
                        if outer.lost:
                            return
                        with outer._lock:
                            found = getattr(outer.store, name)(*arguments)
                        self.request.sendall(message(found))

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads, request_queue_size = True, 256

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address: tuple[str, int] = self._server.server_address
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def let_go(self) -> None:
        """What hangs now goes on, and nothing hangs any more."""
        self.hang = 0.0
        held, self._release = self._release, threading.Event()
        held.set()

    def close(self) -> None:
        self._release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def message(value: Any) -> bytes:
    data = pickle.dumps(value)
    return len(data).to_bytes(4, "big") + data


def receive(connection: socket.socket) -> Any:
    return pickle.loads(_exactly(connection, int.from_bytes(_exactly(connection, 4), "big")))


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


@contextmanager
def edge() -> Iterator[None]:
    """Past this, nothing but TierUnavailable."""
    try:
        yield
    except TierUnavailable:
        raise
    except (OSError, EOFError) as exc:  # a timeout is an OSError
        raise TierUnavailable(f"{exc!r}") from exc
    except Exception as exc:
        raise TierUnavailable(f"{exc!r}", healthy=True) from exc


class SocketTier:
    """A BlockingTier and an AsyncTier in one (cache/tier.py)."""

    name, system = "l2", "socket"

    def __init__(
        self, server: StoreServer, *, codec: Codec, pool: WorkerPool, stale: float = 0.0,
        clock: Callable[[], float] = time.time, hard: float = HARD,
    ) -> None:  # fmt: skip
        self.damaged = 0
        self._address, self._codec, self._pool, self._stale = server.address, codec, pool, stale
        self._clock, self._hard = clock, hard
        self._idle: deque[socket.socket] = deque()
        self._loops: dict[asyncio.AbstractEventLoop, deque[socket.socket]] = {}
        self._closed = False

    @property
    def server(self) -> tuple[str, int]:
        return self._address

    # The blocking port.

    def ask(self, key: Key) -> Pending:
        return Question(self, key)

    def send(self, name: str, *arguments: Any) -> socket.socket:
        """A connection on which the answer will come."""
        if self._closed:
            raise TierUnavailable("closed", healthy=True)
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = socket.create_connection(self._address, self._hard)
        connection.settimeout(self._hard)
        connection.sendall(message((name, arguments)))
        return connection

    def answer(self, connection: socket.socket) -> Any:
        try:
            found = receive(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        if self._closed:
            self._close_all(self._idle)
        return found

    def command(self, name: str, *arguments: Any) -> Any:
        with edge():
            return self.answer(self.send(name, *arguments))

    def read(self, key: Key) -> tuple[Any, ...]:
        return "get", key.tenant, key.digest, self._clock(), self._stale

    def decoded(self, payload: bytes | None, key: Key) -> Entry | None:
        if payload is None:
            return None
        entry = self._codec.decode(payload, key)
        if isinstance(entry, Entry):
            now = self._clock()
            return entry if now < entry.expires_at + self._stale and not entry.ahead(now) else None
        self.damaged += 1
        if not entry.foreign:
            with contextlib.suppress(PoolFull):
                self._pool.submit(lambda: self.command("delete", key.tenant, key.digest, payload))
        return None

    def put(self, entry: Entry) -> None:
        with edge():
            payload = self._codec.encode(entry)
        self.command("put", replace(entry, body=b"", text=""), payload, self._clock())

    def delete(self, key: Key) -> None:
        self.command("delete", key.tenant, key.digest)

    def invalidate(self, which: Filter, now: float) -> int:
        return int(self.command("invalidate", which, now))

    def purge(self, now: float) -> int:
        return int(self.command("purge", now - self._stale))

    def stats(self) -> TierStats:
        entries, size, oldest = self.command("stats")
        return TierStats(entries=entries, size=size, oldest=None if oldest is None else self._clock() - oldest)

    def scan(self, tenant: str | None, limit: int) -> Iterator[Entry]:
        for key, payload in self.command("scan", tenant, self._clock() - self._stale):
            if limit <= 0:
                return
            entry = self.decoded(payload, key)
            if entry is not None:
                limit -= 1
                yield entry

    def ping(self) -> None:
        self.command("ping")

    def close(self) -> None:
        self._closed = True
        self._close_all(self._idle)
        for loop, idle in list(self._loops.items()):
            if loop.is_closed():
                self._close_all(idle)

    @staticmethod
    def _close_all(idle: deque[socket.socket]) -> None:
        while idle:
            idle.pop().close()

    # The asynchronous port.

    async def get(self, key: Key) -> Entry | None:
        with edge():
            if self._closed:
                raise TierUnavailable("closed", healthy=True)
            loop, idle = asyncio.get_running_loop(), self._idle_here()
            async with asyncio.timeout(self._hard):
                connection = idle.pop() if idle else await self._connect(loop)
                try:
                    name, *arguments = self.read(key)
                    await loop.sock_sendall(connection, message((name, tuple(arguments))))
                    size = int.from_bytes(await self._receive(loop, connection, 4), "big")
                    payload = pickle.loads(await self._receive(loop, connection, size))
                except BaseException:
                    connection.close()  # an answer may still come: it must not be the next command's
                    raise
            idle.append(connection)
            return self.decoded(payload, key)

    def _idle_here(self) -> deque[socket.socket]:
        for loop in [loop for loop in self._loops if loop.is_closed()]:
            self._close_all(self._loops.pop(loop))
        return self._loops.setdefault(asyncio.get_running_loop(), deque())

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, self._address)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _receive(self, loop: asyncio.AbstractEventLoop, connection: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await loop.sock_recv(connection, size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    async def aclose(self) -> None:
        self._close_all(self._loops.pop(asyncio.get_running_loop(), deque()))


class Question:
    """A read that was sent when it was made."""

    def __init__(self, tier: SocketTier, key: Key) -> None:
        self._tier, self._key = tier, key
        self._connection: socket.socket | None = None
        self._found: Entry | None = None
        self._refused: TierUnavailable | None = None
        try:
            with edge():
                name, *arguments = tier.read(key)
                self._connection = tier.send(name, *arguments)
        except TierUnavailable as refused:
            self._refused = refused

    def ready(self, timeout: float) -> bool:
        return self._connection is None or bool(select.select([self._connection], [], [], timeout)[0])

    def take(self) -> Entry | None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                with edge():
                    self._found = self._tier.decoded(self._tier.answer(connection), self._key)
            except TierUnavailable as refused:
                self._refused = refused
        if self._refused is not None:
            raise self._refused
        return self._found

    def drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
