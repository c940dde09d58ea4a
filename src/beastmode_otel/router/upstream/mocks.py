"""Whether the HTTP library asks the host itself, or a mock answers in its place.

respx, pytest-httpx and vcrpy put functions of their own into the library's classes, or into those of its connection
pool; apps pass a client whose transport answers by itself.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from types import FunctionType
from typing import Any, Final

OWN: Final = frozenset({"HTTPTransport", "AsyncHTTPTransport", "AiohttpTransport"})
OF: Final = frozenset({"httpx", "httpx2", "httpx_aiohttp"})
_PACKAGES: Final = OF | {"httpcore", "httpcore2"}
_ANSWERING: Final = frozenset({"MockTransport", "ASGITransport", "WSGITransport"})
_HANDLES: Final = ("handle_request", "handle_async_request")
_SENDS: Final = ("send", "_send_single_request", "_transport_for_url")
_LAYERS: Final = 32
DEPTH: Final = 5


def leads_to_library(function: Any, *, through_wraps: bool = True) -> bool:
    """Whether it is a function of the HTTP library, or a wrapper over one. A mock in its place is neither.

    through_wraps: believe functools.wraps, too, and not wrapt alone.
    """
    for _ in range(_LAYERS):
        function = getattr(function, "__func__", function)  # of a method that an instance was given
        below = getattr(function, "__wrapped__", None)
        if below is None:
            break
        if not through_wraps and type(function) is FunctionType:
            return False
        function = below
    # Not `__module__`, which functools.wraps copies.
    return type(function) is FunctionType and _is_library(function.__globals__.get("__name__", ""))


def is_own(transport: Any) -> bool:
    """Whether it is the library's own, over the network."""
    kind = type(transport)
    if kind.__name__ not in OWN or kind.__module__.partition(".")[0] not in OF:
        return False
    return getattr(getattr(transport, "_pool", None), "_uds", None) is None


def asks_the_host(client: Any, url: str) -> bool:
    """Whether what a client answers for `url` comes from there, as far as can be seen.

    client: one of httpx or httpx2. A transport of somebody else's does when it holds one that does, as those that
    retry or log; one that answers by itself (MockTransport, ASGITransport, a fake of the app's) does not.
    """
    try:
        kind: Any = type(client.base_url)
        return _lead(_parts(client, _SENDS), True) and reaches_host(client._transport_for_url(_url(kind, url)))
    except Exception:  # noqa: BLE001  (a client of its own kind)
        return False


@functools.lru_cache(maxsize=256)
def _url(kind: Any, url: str) -> Any:
    """Parsed once: for each request it would cost more than all the rest."""
    return kind(url)


def reaches_host(transport: Any, depth: int = DEPTH) -> bool:
    """See `asks_the_host`."""
    if _is_network(transport):
        return _handles(transport)
    return depth > 0 and any(reaches_host(part, depth - 1) for part in inner_transports(transport))


def is_mock(transport: Any, depth: int = DEPTH) -> bool:
    """Whether it is known to answer otherwise than from its host, or holds one that does. An app's own kind of
    transport is no mock by itself: whoever puts our door before it knows what it asks."""
    kind = type(transport)
    if kind.__name__ in _ANSWERING and _is_library(kind.__module__):
        return True
    if _is_network(transport):
        return not _handles(transport)
    return depth > 0 and any(is_mock(part, depth - 1) for part in inner_transports(transport))


def _is_network(transport: Any) -> bool:
    """The library's own, or a subclass."""
    kind: Any = type(transport)
    return _is_network_kind(kind)


@functools.lru_cache(maxsize=256)
def _is_network_kind(kind: Any) -> bool:
    return any(base.__name__ in OWN and base.__module__.partition(".")[0] in OF for base in kind.__mro__)


def inner_transports(transport: Any) -> list[Any]:
    """What a transport has in its attributes that is one, too."""
    parts = getattr(transport, "__dict__", None)
    if not isinstance(parts, Mapping):
        return []
    return [part for part in list(parts.values()) if any(hasattr(type(part), name) for name in _HANDLES)]


def library_asks_the_host(library: Any, *, is_async: bool) -> bool:
    """`asks_the_host` for plain clients of the library, before there is one."""
    client, transport = (
        (library.AsyncClient, library.AsyncHTTPTransport) if is_async else (library.Client, library.HTTPTransport)
    )
    core = sys.modules.get(library.__name__.replace("httpx", "httpcore"))  # not loaded: nobody has patched it
    pool = getattr(core, "AsyncConnectionPool" if is_async else "ConnectionPool", None)
    handle = _HANDLES[is_async]
    found = tuple([getattr(client, name, None) for name in _SENDS])
    below = (getattr(transport, handle, None), *(() if pool is None else (getattr(pool, handle, None),)))
    return _lead(found, True) and _lead(below, False)


def _lead(functions: tuple[Any, ...], through_wraps: bool) -> bool:
    """Whether all of them lead to the library."""
    try:
        return _remembered(functions, through_wraps)
    except TypeError:  # a stand-in that cannot be hashed
        return False


@functools.lru_cache(maxsize=64)
def _remembered(functions: tuple[Any, ...], through_wraps: bool) -> bool:
    """Looked at once for each set of functions: each request of a router asks."""
    return all(leads_to_library(function, through_wraps=through_wraps) for function in functions)


def _handles(transport: Any) -> bool:
    """Whether its handler, and its connection pool's, are still the library's. An app's subclass may add to them."""
    pool = getattr(transport, "_pool", None)
    return _lead(_parts(transport, _HANDLES) + (() if pool is None else _parts(pool, _HANDLES)), False)


def _parts(thing: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """What the library has, or is made to have, under those names; what an app's subclass defines is passed over."""
    kind: Any = type(thing)
    parts = []
    places = (getattr(thing, "__dict__", {}), *_library_classes(kind))
    for name in names:
        for place in places:
            if name in place:
                parts.append(place[name])
                break
    return tuple(parts)


@functools.lru_cache(maxsize=256)
def _library_classes(kind: Any) -> tuple[Mapping[str, Any], ...]:
    """What stands in those of the library, at any time: a mock may come to any of them, and go."""
    return tuple(base.__dict__ for base in kind.__mro__ if _is_library(base.__module__))


def _is_library(module: str) -> bool:
    return module.partition(".")[0] in _PACKAGES
