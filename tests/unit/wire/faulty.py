"""Servers on real sockets that each misbehave in one way, and the four clients that meet them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2

from livestack.ports import free_ports

LIBRARIES = (httpx, httpx2)
Behaviour = Callable[[socket.socket], object]


def caught_sync(library: Any, url: str, **options: Any) -> Exception:
    request, client = _split(options)
    try:
        with library.Client(**client) as session:
            session.request(url=url, **request).json()
    except Exception as exc:
        return exc
    raise AssertionError("nothing was raised")


def caught_async(library: Any, url: str, **options: Any) -> Exception:
    async def call() -> None:
        request, client = _split(options)
        async with library.AsyncClient(**client) as session:
            (await session.request(url=url, **request)).json()

    try:
        asyncio.run(call())
    except Exception as exc:
        return exc
    raise AssertionError("nothing was raised")


def _split(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Request and client options: ours unless the test says otherwise; proxies of the machine play no part."""
    client = {"trust_env": False, "verify": False, "timeout": 5.0, **options}
    request = {name: client.pop(name) for name in ("headers", "content", "follow_redirects") if name in client}
    return {"method": "POST", **request}, client


@contextlib.contextmanager
def server(behave: Behaviour) -> Iterator[int]:
    """A port where every connection gets `behave`, and is closed after it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    behave(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def answers(data: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return behave


def resets(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says_nothing(connection: socket.socket) -> None:
    """Until the client hangs up."""
    while connection.recv(65536):
        pass


def reads_nothing(connection: socket.socket) -> None:
    threading.Event().wait(0.3)


def speaks_tls(certificate: Path) -> Behaviour:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)

    return behave


def self_signed(path: Path) -> Path:
    """A certificate and its key in one file, made now: no key is kept in the repository."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    options = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run([*command.split(), *options], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port that answers no further connection: its queue of waiting ones is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def closed_port() -> int:
    """None that a test beside this one is given for its server."""
    return free_ports(1)[0]
