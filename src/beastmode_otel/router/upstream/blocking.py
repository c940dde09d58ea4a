"""The blocking edge: Client of httpx or httpx2. Its coroutines never suspend."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from beastmode_otel.router.http import Adds, HttpRequest, HttpResponse
from beastmode_otel.router.upstream.library import DRAIN_SECONDS, added_by, library, next_hop, options, socket_of
from beastmode_otel.router.upstream.mocks import asks_the_host, library_asks_the_host
from beastmode_otel.router.upstream.preload import preload
from beastmode_otel.runtime import Alarm, Alarms, BlockingRuntime, PoolFull, WorkerPool, in_child

_alarms: Final = Alarms()


class BlockingHttp:
    """One client for all threads, or the one that the user passed in."""

    def __init__(self, pool: WorkerPool, client: Any = None, *, max_connections: int = 1000) -> None:
        preload()
        self._given = client
        self.adds: Adds | None = None if client is None else functools.partial(added_by, client)
        self._client = client
        self._pool = pool
        self._max_connections = max_connections
        self._lock = threading.Lock()
        self.closings = 0
        in_child(self._forget)

    def _forget(self) -> None:
        # The parent goes on talking over those sockets: neither use nor close them here.
        self._client, self._lock = self._given, threading.Lock()

    def _open_client(self) -> Any:
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = library().Client(**options(self._max_connections))
        return self._client

    def asks_host(self, url: str) -> bool:
        if self._given is not None:
            return asks_the_host(self._given, url)
        return library_asks_the_host(library(), is_async=False)

    async def open(self, request: HttpRequest) -> HttpResponse:
        client = self._open_client()

        def trace(event: str, info: Mapping[str, Any]) -> None:
            request.trail.note(event, info)
            if request.trail.sent:  # all that it is asked; the events that would follow cost a microsecond each
                built.extensions.pop("trace", None)

        limits = {**request.timeouts, "read": request.head}
        built = client.build_request(
            "POST",
            request.url,
            headers=request.headers,
            content=request.body,
            extensions={"timeout": limits, "trace": trace},
        )
        response = client.send(built, stream=True, follow_redirects=False)
        hops = 0
        while client.follow_redirects and (follows := next_hop(response, hops)) is not None:
            await BlockingResponse(response, self._pool).release(complete=True)
            response = client.send(follows, stream=True, follow_redirects=False)
            hops += 1
        limits["read"] = request.timeouts["read"]  # which the library looks up when the body is begun to be read
        return BlockingResponse(response, self._pool)

    async def close(self) -> None:
        if self._given is None:
            client, self._client = self._client, None
            if client is not None:
                self.closings += 1
                client.close()


class BlockingResponse:
    """A response read by blocking the caller's thread."""

    __slots__ = ("_alarm", "_chunks", "_pool", "_response", "headers", "status")

    def __init__(self, response: Any, pool: WorkerPool) -> None:
        self._response, self._pool = response, pool
        self._chunks: Iterator[bytes] | None = None
        self._alarm: Alarm | None = None
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers.items())

    async def read(self) -> bytes:
        body: bytes = self._response.read()
        return body

    async def next(self) -> bytes | None:
        if self._chunks is None:
            self._chunks = self._response.iter_bytes()
        return next(self._chunks, None)

    def limit(self, seconds: float | None) -> None:
        if self._alarm is not None:
            if seconds is not None:
                return  # the same limit, of which less is left
            self._alarm.cancel()
            self._alarm = None
        elif seconds is not None and (sock := socket_of(self._response)) is not None:
            # A TLS socket's own `shutdown` would take its state away from the thread that reads.
            self._alarm = _alarms.after(seconds, lambda: socket.socket.shutdown(sock, socket.SHUT_RDWR))

    async def release(self, *, complete: bool) -> None:
        self.limit(None)
        if self._response.is_closed:
            return
        if complete:
            # A read cannot be given a shorter timeout now. On the pool, a server that never ends its body costs a
            # background thread its read timeout, not the caller.
            try:
                job = self._pool.submit(self._drain)
            except PoolFull:
                self.discard()
            else:
                await BlockingRuntime().wait(job, DRAIN_SECONDS)
        else:
            self.discard()

    def _drain(self) -> None:
        with contextlib.suppress(Exception):
            for _ in self._chunks or ():
                pass
        self.discard()

    def discard(self) -> None:
        self.limit(None)
        with contextlib.suppress(Exception):
            self._response.close()
