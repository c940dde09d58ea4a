"""One client connection: bytes to requests and back, through h11. Decides nothing about answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import time
from collections.abc import Coroutine
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final, Protocol

import h11

_logger: Final = logging.getLogger(__name__)
_MAX_HEAD: Final = 256 * 1024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)

Headers = list[tuple[bytes, bytes]]


class ServedRequest:
    """One request on a connection, from its complete head to the end of its answer.

    facts, content: the handler's own; what it read from the head, and later from the body.
    """

    def __init__(self, head: h11.Request, facts: Any) -> None:
        self.facts = facts
        self.content: Any = None
        self.method = head.method.decode("ascii")
        self.at = time.time()
        self.body = bytearray()
        self.complete = False
        self.task: asyncio.Task[None] | None = None


class RequestHandler(Protocol):
    """Who answers.

    - `opened` and `closed` frame the life of each connection.
    - `begin` is called the moment a head is complete, `body` when its body is complete or never will be, then
      `end`; each of them exactly once per `begin`.
    - `answer` is cancelled when the client leaves.
    """

    def opened(self, connection: Connection) -> None: ...
    def closed(self, connection: Connection) -> None: ...
    def begin(self, head: h11.Request) -> ServedRequest: ...
    def body(self, served: ServedRequest) -> None: ...
    def answer(self, served: ServedRequest, connection: Connection) -> Coroutine[Any, Any, None]: ...
    def end(self, served: ServedRequest) -> None: ...


class Connection(asyncio.Protocol):
    """The server's side of one TCP connection."""

    transport: asyncio.Transport

    def __init__(self, handler: RequestHandler) -> None:
        self._handler = handler
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        self._served: ServedRequest | None = None
        self._room: asyncio.Future[None] | None = None  # set while the client reads too slowly

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows the type for mypy
        self.transport = transport
        # asyncio does this only for sockets that name their protocol, which socket.create_server does not; without it
        # every stream waits 40 ms for the client's delayed acknowledgement.
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._handler.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._h11.their_state is h11.ERROR:
            return
        self._h11.receive_data(data)
        self._pump()

    def eof_received(self) -> None:
        # The client has left. (One that only stops sending looks the same; LLM clients do not do that.)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()
        if self._served is not None:
            self._finish(self._served)
        self._handler.closed(self)

    def pause_writing(self) -> None:
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    # What an answer calls.

    async def send(self, *events: h11.Event) -> None:
        """Write these in one go; waits while the client reads too slowly. ConnectionResetError when it has left."""
        if self.transport.is_closing():
            raise ConnectionResetError("the client has left")
        self.transport.write(b"".join(filter(None, map(self._h11.send, events))))
        if self._room is not None:
            await self._room

    def close(self) -> None:
        """Close once what was written is on its way, without ending the response."""
        self.transport.close()

    def reset(self) -> None:
        """Close with a TCP reset; what was not delivered is lost."""
        peer = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    # Inside.

    def _pump(self) -> None:
        try:
            while self._take(self._h11.next_event()):
                pass
        except h11.RemoteProtocolError as exc:
            self._malformed(exc)

    def _take(self, event: Any) -> bool:
        """Handle one event; whether there may be another one."""
        if isinstance(event, h11.Request):
            self._served = self._handler.begin(event)
        elif isinstance(event, h11.Data) and self._served:
            self._served.body += event.data
        elif isinstance(event, h11.EndOfMessage) and self._served:
            self._start(self._served)
        else:
            self._continue()
            return False
        return True

    def _continue(self) -> None:
        if self._h11.they_are_waiting_for_100_continue:
            go_on = self._h11.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.transport.write(go_on or b"")

    def _start(self, served: ServedRequest) -> None:
        served.complete = True
        self._handler.body(served)
        served.task = asyncio.get_running_loop().create_task(self._respond(served))

    async def _respond(self, served: ServedRequest) -> None:
        try:
            await self._handler.answer(served, self)
        except ConnectionResetError:
            pass  # the client left; connection_lost ends the request
        except Exception:
            _logger.exception("the simulator failed to answer %s", served.method)
            self.transport.abort()
        else:
            self._finish(served)
            self._next()

    def _next(self) -> None:
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            self._pump()
        else:
            self.transport.close()

    def _finish(self, served: ServedRequest) -> None:
        self._served = None
        if not served.complete:
            self._handler.body(served)
        if served.task is not None and served.task is not asyncio.current_task():
            served.task.cancel()
        self._handler.end(served)

    def _malformed(self, exc: h11.RemoteProtocolError) -> None:
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            status = exc.error_status_hint
            head = response_head(status, [(b"content-length", b"0"), (b"connection", b"close")])
            self.transport.write(self._h11.send(head) or b"")
        self.transport.close()


def response_head(status: int, headers: Headers) -> h11.Response:
    """A response head with the headers that every server adds."""
    own = [(b"date", _date(int(time.time()))), (b"server", b"beastmode-simulator")]
    return h11.Response(status_code=status, headers=[*own, *headers])


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode("ascii")
