"""The standard streams of a command, whatever the shell has made of them."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Final

_DESCRIPTORS: Final = (0, 1, 2)


class Nowhere(io.TextIOBase):
    """Standard output that was closed before we began: whatever is written is lost, and `flush` says so."""

    encoding = "utf-8"

    def __init__(self) -> None:
        super().__init__()
        self._lost = False

    def write(self, text: str) -> int:
        self._lost = self._lost or bool(text)
        return len(text)

    def flush(self) -> None:
        if self._lost:
            self._lost = False
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def fileno(self) -> int:
        return 1

    def writable(self) -> bool:
        return True


def prepare() -> None:
    """Streams that can be written to, and no descriptor below 3 that a file of ours could get."""
    for descriptor in _DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            _fill()
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  (for as long as the process lives)
    if sys.stdout is None:
        sys.stdout = Nowhere()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character must not stop us


def _fill() -> None:
    with suppress(OSError):
        os.open(os.devnull, os.O_RDWR)  # the lowest that is free


def flush() -> None:
    """Raises OSError where what was printed got nowhere."""
    sys.stdout.flush()


def abandon() -> None:
    """What is still to be written is lost, and the end of the interpreter has nothing to complain about."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
                stream.flush()


def complain(text: str) -> None:
    """One line to standard error, if anybody reads it."""
    with suppress(OSError, ValueError):
        print(f"beastmode-otel: {text}", file=sys.stderr, flush=True)
