"""Addresses that fail before any server answers. Loopback only; nothing sent to them is ever received or counted."""

from __future__ import annotations

import contextlib
import socket

DNS_FAILURE_URL = "http://nothing.invalid/v1"  # .invalid never resolves (RFC 2606)
_FILLERS = 4


class Unreachable:
    """Opens each kind of dead end when it is first asked for, and holds it until `close`."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._sockets: list[socket.socket] = []
        self._ports: dict[str, int] = {}

    def refused(self) -> int:
        """A port that refuses connections: bound, so that nobody else can take it, but not listening."""
        return self._port("refused", None)

    def silent(self) -> int:
        """A port where connections succeed and nobody ever answers: the kernel accepts, no program does."""
        return self._port("silent", 4096)

    def blackhole(self) -> int:
        """A port where connecting hangs: its backlog is full, so that the kernel drops every SYN (Linux)."""
        known = "blackhole" in self._ports
        port = self._port("blackhole", 0)
        for _ in range(0 if known else _FILLERS):
            filler = self._new()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((self._host, port))
        return port

    def close(self) -> None:
        """Give all ports back."""
        while self._sockets:
            self._sockets.pop().close()
        self._ports.clear()

    def _port(self, kind: str, backlog: int | None) -> int:
        if kind not in self._ports:
            held = self._new()
            held.bind((self._host, 0))
            if backlog is not None:
                held.listen(backlog)
            self._ports[kind] = held.getsockname()[1]
        return self._ports[kind]

    def _new(self) -> socket.socket:
        fresh = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._sockets.append(fresh)
        return fresh
