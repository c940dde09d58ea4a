"""The port to the network: one POST, its response read whole or piece by piece."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from beastmode_otel.record import record


@dataclass(slots=True)
class Trail:
    """How far a request came, as the HTTP library reports it. heard: it reports at all (a foreign one may not)."""

    heard: bool = False
    sent: bool = False

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """An event of httpcore's `trace` extension."""
        self.heard = True
        if event.endswith("send_request_headers.complete"):
            self.sent = True
        elif event.endswith("send_request_headers.failed"):
            # A cancellation strikes where the library waits, and it waits only after the bytes are written; an
            # Exception says that they could not be.
            self.sent = not isinstance(info.get("exception"), Exception)


@record(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A POST. timeouts: seconds by phase (connect, read, write, pool).

    Its repr shows neither address (gateways put keys into queries) nor headers nor body.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    timeouts: Mapping[str, float]
    trail: Trail


class HttpResponse(Protocol):
    """A response whose head has arrived. Header names are lower case. Bodies come content-decoded."""

    status: int
    headers: Mapping[str, str]

    async def read(self) -> bytes:
        """The whole body; the connection is free afterwards."""

    async def next(self) -> bytes | None:
        """The next piece of the body; None at its end."""

    async def release(self, *, complete: bool) -> None:
        """Give the connection back. complete: the caller has all it wants, so what is left of the body is read for a
        moment to keep the connection alive; otherwise it is closed. Idempotent, never raises."""

    def discard(self) -> None:
        """`release` for those who cannot wait: synchronous, from any thread, best effort. Never raises."""


class Http(Protocol):
    """An HTTP client. Raises the library's own exceptions; the caller maps them.

    closings: how often connections of ours were closed; who sees it grow was cut off by ourselves.
    """

    closings: int

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send and return as soon as the response's head is there."""

    async def close(self) -> None:
        """Close the connections that are ours; a client that the user passed in stays open."""
