"""The asyncio edge: AsyncClient of httpx or httpx2."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import weakref
from collections.abc import Mapping
from typing import Any

from beastmode_otel.router.http import Adds, HttpRequest, HttpResponse
from beastmode_otel.router.upstream.library import DRAIN_SECONDS, added_by, library, next_hop, options
from beastmode_otel.router.upstream.mocks import asks_the_host, library_asks_the_host
from beastmode_otel.router.upstream.preload import preload_async
from beastmode_otel.runtime import in_child


class AsyncHttp:
    """One client for each event loop (connections cannot leave theirs), or the one that the user passed in."""

    def __init__(self, client: Any = None, *, max_connections: int = 1000) -> None:
        preload_async()
        self._given = client
        self.adds: Adds | None = None if client is None else functools.partial(added_by, client)
        self._max_connections = max_connections
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()
        self._closing: set[asyncio.Task[None]] = set()
        self.closings = 0
        in_child(self._forget)

    def _forget(self) -> None:
        # The parent goes on talking over those sockets: neither use nor close them here.
        self._clients = weakref.WeakKeyDictionary()

    def _client(self) -> Any:
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            self._drop_the_dead()
            client = self._clients[loop] = library().AsyncClient(**options(self._max_connections))
        return client

    def _drop_the_dead(self) -> None:
        # A client's sockets know their loop, so that weak keys alone never let go of one that asyncio.run has closed.
        for reference in self._clients.keyrefs():
            loop = reference()
            if loop is not None and loop.is_closed():
                self._clients.pop(loop, None)

    def asks_host(self, url: str) -> bool:
        if self._given is not None:
            return asks_the_host(self._given, url)
        return library_asks_the_host(library(), is_async=True)

    async def open(self, request: HttpRequest) -> HttpResponse:
        client = self._client()

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            request.trail.note(event, info)
            if request.trail.sent:  # all that it is asked; the events that would follow cost a microsecond each
                built.extensions.pop("trace", None)

        built = client.build_request(
            "POST",
            request.url,
            headers=request.headers,
            content=request.body,
            extensions={"timeout": dict(request.timeouts), "trace": trace},
        )
        response = await client.send(built, stream=True, follow_redirects=False)
        hops = 0
        while client.follow_redirects and (follows := next_hop(response, hops)) is not None:
            await AsyncResponse(response, self._closing).release(complete=True)
            response = await client.send(follows, stream=True, follow_redirects=False)
            hops += 1
        return AsyncResponse(response, self._closing)

    async def close(self) -> None:
        for task in list(self._closing):
            with contextlib.suppress(Exception):
                await task
        if self._given is None:
            client = self._clients.pop(asyncio.get_running_loop(), None)
            if client is not None:
                self.closings += 1
                await client.aclose()


class AsyncResponse:
    """A response on the loop that sent the request."""

    __slots__ = ("_chunks", "_closing", "_loop", "_response", "headers", "status")

    def __init__(self, response: Any, closing: set[asyncio.Task[None]]) -> None:
        self._response, self._closing = response, closing
        self._loop = asyncio.get_running_loop()
        self._chunks: Any = None
        self.status: int = response.status_code
        # Both libraries give lower-case names. Without items(), dict() searches the list of headers for each of them.
        self.headers: Mapping[str, str] = dict(response.headers.items())

    async def read(self) -> bytes:
        body: bytes = await self._response.aread()
        return body

    async def next(self) -> bytes | None:
        if self._chunks is None:
            self._chunks = self._response.aiter_bytes()
        try:
            chunk: bytes = await self._chunks.__anext__()
        except StopAsyncIteration:
            return None
        return chunk

    def limit(self, seconds: float | None) -> None:
        pass  # asyncio interrupts

    async def release(self, *, complete: bool) -> None:
        if self._response.is_closed:
            return
        with contextlib.suppress(Exception):
            if complete:
                async with asyncio.timeout(DRAIN_SECONDS):
                    while await self.next() is not None:
                        pass
        with contextlib.suppress(Exception):
            await self._response.aclose()

    def discard(self) -> None:
        if self._response.is_closed or self._loop.is_closed():
            return
        with contextlib.suppress(RuntimeError):  # the loop was closed between the question and the call
            self._loop.call_soon_threadsafe(self._start_close)

    def _start_close(self) -> None:
        task = self._loop.create_task(self.release(complete=False))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
