"""The door for those who want no patches: a transport round the client's own, for httpx and httpx2."""

from __future__ import annotations

import asyncio
import functools
import sys
from typing import Any, Final

from beastmode_otel.config import Ttl
from beastmode_otel.errors import ConfigError
from beastmode_otel.instrumentation.build import build_context
from beastmode_otel.instrumentation.context import DoorContext
from beastmode_otel.instrumentation.observe import AppCall
from beastmode_otel.instrumentation.send import managed, run_blocking, through
from beastmode_otel.router.upstream.library import library as installed
from beastmode_otel.router.upstream.mocks import is_mock
from beastmode_otel.runtime import running_loop
from beastmode_otel.telemetry import is_ours

_PROVIDERS: Final = ("tracer_provider", "meter_provider", "logger_provider")


def transport(inner: Any, *, cache: Any = None, ttl: Ttl = None, **providers: Any) -> Any:
    """A transport of `inner`'s library that sees, and with `cache` also answers, the LLM calls that pass it.

    inner: an httpx or httpx2 transport. cache: as the router's: "on", "off", a mapping like `[cache]`.
    ttl: seconds for which answers may be served, or a function that is given the Answer and returns them, or None for
    not storing it. Whom an answer belongs to is read from the request's headers: with `cache`, `inner` must not add a
    login of its own.
    What a mock answers (MockTransport, ASGITransport, respx) is not stored.
    providers: `tracer_provider`, `meter_provider`, `logger_provider`; the global ones where they are not given.
    Raises ConfigError.
    """
    library = _library_of(inner, "BaseTransport", "handle_request")
    return _doors(library)[0](inner, _context(cache, ttl, providers), library)


def async_transport(inner: Any, *, cache: Any = None, ttl: Ttl = None, **providers: Any) -> Any:
    """`transport` for asynchronous clients."""
    library = _library_of(inner, "AsyncBaseTransport", "handle_async_request")
    return _doors(library)[1](inner, _context(cache, ttl, providers), library)


def http_client(*, cache: Any = None, ttl: Ttl = None, **options: Any) -> Any:
    """A client for `OpenAI(http_client=...)` and the like: httpx2's when there is one.

    options: those of `Client`; all mean what they always mean (`proxy`, `mounts`, `transport`), and the environment's
    proxies are used. Timeouts, limits and redirects are as SDKs have them. cache, providers: as in `transport`.
    Raises ConfigError.
    """
    return _client(installed(), "Client", (cache, ttl), options)


def async_http_client(*, cache: Any = None, ttl: Ttl = None, **options: Any) -> Any:
    """`http_client` for asynchronous SDK clients."""
    return _client(installed(), "AsyncClient", (cache, ttl), options)


def _client(library: Any, kind: str, cache: tuple[Any, Ttl], options: dict[str, Any]) -> Any:
    """A client with a door before each of its transports. `transport=` would make it ignore the environment."""
    context = _context(*cache, {name: options.pop(name) for name in _PROVIDERS if name in options})
    client = getattr(library, kind)(**_for_sdk(library, options))
    door = functools.partial(_doors(library)[kind == "AsyncClient"], context=context, library=library)
    client._transport = door(client._transport)
    client._mounts = {pattern: None if inner is None else door(inner) for pattern, inner in client._mounts.items()}
    return client


def _context(cache: Any, ttl: Ttl, providers: dict[str, Any]) -> DoorContext:
    unknown = providers.keys() - set(_PROVIDERS)
    if unknown:
        raise TypeError(f"unexpected argument {unknown.pop()!r}")
    tracer, meter, logger = map(providers.get, _PROVIDERS)
    return build_context("transport", cache=cache, ttl=ttl, providers=(tracer, meter, logger))


def _for_sdk(library: Any, options: dict[str, Any]) -> dict[str, Any]:
    """SDKs follow redirects, open more connections and wait longer for answers than the library does by itself."""
    return {
        "follow_redirects": True,
        "timeout": library.Timeout(600.0, connect=5.0),
        "limits": library.Limits(max_connections=1000, max_keepalive_connections=100),
        **options,
    }


def _library_of(inner: Any, base: str, method: str) -> Any:
    for name in ("httpx", "httpx2"):
        library = sys.modules.get(name)
        if library is not None and isinstance(inner, getattr(library, base)):
            return library
    raise ConfigError(
        f"not a transport: {type(inner).__name__} is no {base} of httpx or httpx2",
        hints=(f"pass an object with {method}, such as httpx.HTTPTransport()",),
    )


class _Door:
    __beastmode_door__ = True

    def __init__(self, inner: Any, context: DoorContext, library: Any) -> None:
        self._inner, self._context, self._library = inner, context, library

    def handle_request(self, request: Any) -> Any:
        seen = None if is_ours() else managed(self._context, request)
        if seen is None:
            return self._inner.handle_request(request)

        async def go() -> Any:
            return self._inner.handle_request(request)

        app = AppCall(
            context=self._context, seen=seen, request=request, library=self._library, is_async=False, go=go, read=None,
            flow=self._context.blocking, plain=self._context.blocking is None or not is_mock(self._inner),
        )  # fmt: skip
        return run_blocking(app)

    def close(self) -> None:
        self._inner.close()
        self._context.close()


class _AsyncDoor:
    __beastmode_door__ = True

    def __init__(self, inner: Any, context: DoorContext, library: Any) -> None:
        self._inner, self._context, self._library = inner, context, library

    async def handle_async_request(self, request: Any) -> Any:
        seen = None if is_ours() else managed(self._context, request)
        if seen is None:
            return await self._inner.handle_async_request(request)

        async def go() -> Any:
            return await self._inner.handle_async_request(request)

        app = AppCall(
            context=self._context, seen=seen, request=request, library=self._library, is_async=True, go=go, read=None,
            flow=self._context.asyncio if running_loop() is not None else None,
            plain=self._context.asyncio is None or not is_mock(self._inner),
        )  # fmt: skip
        return await through(app)

    async def aclose(self) -> None:
        await self._inner.aclose()
        if self._context.blocking is None or running_loop() is None:
            self._context.close()
        else:  # what is owed to the tiers is waited for
            await asyncio.to_thread(self._context.close)


@functools.cache
def _doors(library: Any) -> tuple[Any, Any]:
    """The classes for httpx or httpx2, whose clients ask for their own base classes."""
    blocking = type("Door", (_Door, library.BaseTransport), {})
    return blocking, type("AsyncDoor", (_AsyncDoor, library.AsyncBaseTransport), {})
