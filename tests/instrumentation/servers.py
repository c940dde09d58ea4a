"""Small servers of a test's own, over real sockets, for what no provider does on command."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


class Gate:
    """Sends a head, and then one part each time it is let."""

    def __init__(self, parts: Sequence[bytes], head: bytes = HEAD) -> None:
        self._parts, self._head = parts, head
        self._allowed = threading.Semaphore(0)
        self.sent = 0

    def let(self) -> None:
        self._allowed.release()

    def serve(self, connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(self._head)
        for part in self._parts:
            if not self._allowed.acquire(timeout=20):
                return
            self.sent += 1
            connection.sendall(part)


def read_request(connection: socket.socket) -> bytes:
    """The head and the body, whose length the head tells."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    return listener


@contextmanager
def serving(serve: Callable[[socket.socket], object], unix: str | None = None) -> Iterator[str]:
    """Each connection is handed to `serve` in a thread of its own, and closed afterwards; gives `http://host:port`.

    unix: the path of a Unix socket to listen on instead.
    """
    listener = socket.create_server(("127.0.0.1", 0)) if unix is None else _unix(unix)
    threads: list[threading.Thread] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(20)
            serve(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=one, args=(listener.accept()[0],), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield "http://localhost" if unix else f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(5)
        for thread in threads:
            thread.join(5)
