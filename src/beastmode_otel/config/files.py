"""Reading a file that somebody named, whatever is at that path."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 16 * 1024 * 1024
_TOO_LARGE: Final = f"it has more than {MOST_BYTES // (1024 * 1024)} MiB"


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file. Never waits and never reads more than MOST_BYTES.

    Raises OSError with a strerror: also for what is no file (a pipe that nobody writes to, a device that has no end),
    and for more than MOST_BYTES. The null device is an empty file.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        found = os.fstat(handle)
        if _is_null(found):
            return b""
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is not a file" if not stat.S_ISDIR(found.st_mode) else "it is a directory")
        if found.st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, _TOO_LARGE)
        with open(handle, "rb", closefd=False) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:  # a file of /proc tells no size, and one may grow
            raise OSError(errno.EFBIG, _TOO_LARGE)
        return data
    finally:
        os.close(handle)


def _is_null(found: os.stat_result) -> bool:
    if not stat.S_ISCHR(found.st_mode):
        return False
    try:
        return found.st_rdev == Path(os.devnull).stat().st_rdev
    except OSError:
        return False
