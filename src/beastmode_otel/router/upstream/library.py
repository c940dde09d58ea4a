"""Which HTTP library: httpx2 when it is installed, else httpx. Both have the same names for all that is used here."""

from __future__ import annotations

import functools
import importlib
import socket
import ssl
from typing import Any

DRAIN_SECONDS = 0.05  # how long the end of a finished stream is waited for, to keep its connection


@functools.cache
def library() -> Any:
    """The module; imported on first use."""
    try:
        return importlib.import_module("httpx2")
    except ImportError:
        return importlib.import_module("httpx")


@functools.cache
def ssl_context() -> ssl.SSLContext:
    """One TLS context for all clients of the process: each costs tens of milliseconds to load."""
    context: ssl.SSLContext = library().create_ssl_context()
    return context


# httpx follows no more, and says so with the same exception.
_MOST_REDIRECTS = 20
_PORTS = {"http": 80, "https": 443}


def next_hop(response: Any, hops: int) -> Any:
    """The request that follows a redirect within one origin; None for any other response.

    A key and a prompt are for the origin that base_url names, whatever answers there: what leads to another one is
    given to the caller as it is. Raises TooManyRedirects.
    """
    follows = response.next_request
    if follows is None or _origin(follows.url) != _origin(response.request.url):
        return None
    if hops >= _MOST_REDIRECTS:
        raise library().TooManyRedirects("too many redirects", request=response.request)
    return follows


def _origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def socket_of(response: Any) -> socket.socket | None:
    """The socket that a response is read from, if it is this response's alone; None where nobody can say."""
    if response.extensions.get("http_version") == b"HTTP/2":
        return None
    stream = response.extensions.get("network_stream")
    found = None if stream is None else stream.get_extra_info("socket")
    return found if isinstance(found, socket.socket) else None


def added_by(client: Any) -> tuple[tuple[str, str], ...] | None:
    """See http.Http.adds."""
    if client.auth is not None:
        return None
    query = (("?", str(client.params)),) if client.params else ()
    return (*client.headers.items(), *query)


def options(max_connections: int) -> dict[str, Any]:
    """Arguments of our own clients. Timeouts come with each request."""
    limits = library().Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    return {"limits": limits, "verify": ssl_context(), "follow_redirects": True}


def is_async_client(client: object) -> bool:
    """Whether a client that a user passed in is an asynchronous one. Raises TypeError for what is no client at all."""
    names = {kind.__name__ for kind in type(client).__mro__}
    if "AsyncClient" in names:
        return True
    if "Client" in names:
        return False
    raise TypeError(f"client must be a Client or AsyncClient of httpx or httpx2, not {type(client).__name__}")
