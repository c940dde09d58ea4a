"""The port to the network: one POST, its response read whole or piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Protocol

from beastmode_otel.attempts.progress import Trail
from beastmode_otel.record import record

Adds = Callable[[], tuple[tuple[str, str], ...] | None]


@record(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A POST. timeouts: seconds by phase (connect, read, write, pool). head: seconds for which a thread that cannot be
    interrupted may wait for the response's head.

    Its repr shows neither address (gateways put keys into queries) nor headers nor body.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    timeouts: Mapping[str, float]
    head: float
    trail: Trail


class HttpResponse(Protocol):
    """A response whose head has arrived. Header names are lower case. Bodies come content-decoded."""

    status: int
    headers: Mapping[str, str]

    async def read(self) -> bytes:
        """The whole body; the connection is free afterwards."""

    async def next(self) -> bytes | None:
        """The next piece of the body; None at its end."""

    def limit(self, seconds: float | None) -> None:
        """For a world that cannot interrupt a read (the others need not do anything): one that is still waiting after
        so many seconds, best effort, ends as a connection that was cut. None: no longer."""

    async def release(self, *, complete: bool) -> None:
        """Give the connection back. complete: the caller has all it wants, so what is left of the body is read for a
        moment to keep the connection alive; otherwise it is closed. Idempotent, never raises."""

    def discard(self) -> None:
        """`release` for those who cannot wait: synchronous, from any thread, best effort. Never raises."""


class Http(Protocol):
    """An HTTP client. Raises the library's own exceptions; the caller maps them.

    adds: what a client that was passed in adds to each request: headers, names in lower case, and a query as "?"; gives
    None where it has an `auth` of its own, which may log anybody in. None for our own clients, which add nothing.
    asks_host: whether what answers at a URL is that host, as far as can be seen, and not a mock in its place.
    closings: how often connections of ours were closed; who sees it grow was cut off by ourselves.
    """

    adds: Adds | None
    closings: int

    def asks_host(self, url: str) -> bool:
        """Never raises."""

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send and return as soon as the response's head is there."""

    async def close(self) -> None:
        """Close the connections that are ours; a client that the user passed in stays open."""
