"""Between a client and a server on the loopback: hangs, loses connections and counts them, on command."""

from __future__ import annotations

import contextlib
import socket
import threading


class Relay:
    """hang: seconds before what a client says goes on. lost: connections end instead. accepted: how many there were.

    messages: how often a client said something.
    """

    def __init__(self, port: int) -> None:
        self.hang, self.lost, self.accepted, self.messages = 0.0, False, 0, 0
        self._release = threading.Event()
        self._target, self._closed = port, False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:  # down: the client is told so
                client.close()
                continue
            self._sockets += [client, server]
            if self._closed:
                self.close()
            threading.Thread(target=self._carry, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.messages += asks
                if asks and self.hang:
                    self._release.wait(self.hang)
                if asks and self.lost:
                    break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """What hangs now goes on, and nothing hangs any more."""
        self.hang = 0.0
        held, self._release = self._release, threading.Event()
        held.set()

    def close(self) -> None:
        self._closed = True
        self._release.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
