"""A pooler in transaction mode, at its worst: no two transactions of a client meet the same server connection."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading

_SSL, _GSS = 80877103, 80877104  # what a client asks for before it begins


class TransactionPooler:
    """Of each client's transactions the next goes to the next of three connections to the server.

    transactions: how many there were.
    """

    def __init__(self, port: int) -> None:
        self._target, self.transactions = port, 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        servers: list[socket.socket] = []
        with contextlib.suppress(OSError, EOFError):
            startup = _startup(client)
            for number in range(3):
                servers.append(socket.create_connection(("127.0.0.1", self._target)))
                servers[-1].sendall(startup)
                greeting = _until_ready(servers[-1])
                if number == 0:
                    client.sendall(greeting)
            for server in itertools.cycle(servers):
                server.sendall(_until_sync(client))
                client.sendall(_until_ready(server))
                self.transactions += 1
        for one in (client, *servers):
            one.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _startup(client: socket.socket) -> bytes:
    while True:
        head = _exactly(client, 4)
        whole = head + _exactly(client, struct.unpack("!i", head)[0] - 4)
        if struct.unpack("!i", whole[4:8])[0] not in (_SSL, _GSS):
            return whole
        client.sendall(b"N")


def _until_sync(client: socket.socket) -> bytes:
    return _messages(client, b"SQ")


def _until_ready(server: socket.socket) -> bytes:
    return _messages(server, b"Z")


def _messages(source: socket.socket, last: bytes) -> bytes:
    found = b""
    while True:
        head = _exactly(source, 5)
        found += head + _exactly(source, struct.unpack("!i", head[1:])[0] - 4)
        if head[:1] in last:
            return found


def _exactly(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        more = source.recv(count - len(found))
        if not more:
            raise EOFError
        found += more
    return found
