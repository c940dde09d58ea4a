"""An application of its own with httpx or httpx2, blocking or on asyncio: it does the same things in all four."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import httpx
import httpx2

QUESTION = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "the PLANTED prompt"}]}
STREAMED = QUESTION | {"stream": True, "stream_options": {"include_usage": True}}
READS = ("raw", "bytes", "text", "lines", "read")


def chat(simulator: Any, name: str = "ok") -> str:
    return f"{simulator.url(name)}/chat/completions"


class Blocking:
    """client: one that was made before, else one with these options."""

    world = "sync"

    def __init__(self, library: ModuleType, client: Any = None, **options: Any) -> None:
        self.library = library
        self.client = library.Client(**options) if client is None else client

    def post(self, url: str, body: Any = QUESTION, **options: Any) -> Any:
        return self.client.post(url, json=body, **options)

    def open(self, url: str, body: Any = STREAMED, **options: Any) -> Any:
        """A response whose body is still to be read."""
        return self.client.send(self.client.build_request("POST", url, json=body, **options), stream=True)

    def pieces(self, response: Any, how: str = "bytes") -> list[Any]:
        return [response.read()] if how == "read" else list(self.iterate(response, how))

    def iterate(self, response: Any, how: str = "bytes") -> Iterator[Any]:
        return getattr(response, f"iter_{how}")()

    def some(self, response: Any, count: int) -> list[bytes]:
        """The first pieces, with nothing closed; the iterator is kept on the response."""
        response.kept = getattr(response, "kept", None) or response.iter_raw()
        return [next(response.kept) for _ in range(count)]

    def some_more(self, response: Any) -> bytes:
        return self.some(response, 1)[0]

    def close_response(self, response: Any) -> None:
        response.close()

    def break_off(self, url: str) -> None:
        with self.client.stream("POST", url, json=STREAMED) as response:
            for _ in response.iter_lines():
                break

    def abandon(self, url: str) -> None:
        """Only the garbage collector finds it, in a circle."""
        response = self.open(url)
        self.some(response, 1)
        response.itself = response
        del response
        gc.collect()

    def run(self, work: Callable[[], Any]) -> Any:
        return work()

    def close(self) -> None:
        self.client.close()


class Tasks:
    """The same with an AsyncClient; every method blocks, and runs on one loop."""

    world = "async"

    def __init__(self, library: ModuleType, client: Any = None, **options: Any) -> None:
        self.library = library
        self.runner = asyncio.Runner()
        self.client = library.AsyncClient(**options) if client is None else client

    def _run(self, work: Any) -> Any:
        return self.runner.run(work, context=contextvars.copy_context())  # as one that is awaited here would run

    def post(self, url: str, body: Any = QUESTION, **options: Any) -> Any:
        return self._run(self.client.post(url, json=body, **options))

    def open(self, url: str, body: Any = STREAMED, **options: Any) -> Any:
        return self._run(self.client.send(self.client.build_request("POST", url, json=body, **options), stream=True))

    def pieces(self, response: Any, how: str = "bytes") -> list[Any]:
        async def read() -> list[Any]:
            return [await response.aread()] if how == "read" else [piece async for piece in self.iterate(response, how)]

        return self._run(read())

    def iterate(self, response: Any, how: str = "bytes") -> AsyncIterator[Any]:
        return getattr(response, f"aiter_{how}")()

    def some(self, response: Any, count: int) -> list[bytes]:
        async def read() -> list[bytes]:
            response.kept = getattr(response, "kept", None) or response.aiter_raw()
            return [await anext(response.kept) for _ in range(count)]

        return self._run(read())

    def some_more(self, response: Any) -> bytes:
        return self.some(response, 1)[0]

    def close_response(self, response: Any) -> None:
        self._run(response.aclose())

    def break_off(self, url: str) -> None:
        async def read() -> None:
            async with self.client.stream("POST", url, json=STREAMED) as response:
                async for _ in response.aiter_lines():
                    break

        self._run(read())

    def abandon(self, url: str) -> None:
        response = self.open(url)
        self.some(response, 1)
        response.itself = response
        del response
        gc.collect()
        self.run(lambda: asyncio.sleep(0.01))  # the loop closes the generators that were found

    def run(self, work: Callable[[], Any]) -> Any:
        async def on_loop() -> Any:
            found = work()
            return await found if asyncio.iscoroutine(found) else found

        return self._run(on_loop())

    def close(self) -> None:
        self._run(self.client.aclose())
        self.runner.close()


App = Blocking | Tasks
LIBRARIES = {"httpx": httpx, "httpx2": httpx2}
WORLDS = {"sync": Blocking, "async": Tasks}
COMBINATIONS = [(library, world) for library in LIBRARIES for world in WORLDS]


def make(library: str, world: str, **options: Any) -> App:
    return WORLDS[world](LIBRARIES[library], **options)


def transport_of(library: ModuleType, world: str, answer: Callable[[Any], Any]) -> Any:
    """A transport of the app's own. answer: gives the response to a request, or raises."""
    if world == "sync":
        kind = type("Own", (library.BaseTransport,), {"handle_request": lambda self, request: answer(request)})
    else:

        async def handle(self: Any, request: Any) -> Any:
            return answer(request)

        kind = type("Own", (library.AsyncBaseTransport,), {"handle_async_request": handle})
    return kind()
