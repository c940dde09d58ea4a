"""Setting a corrupt file aside while other processes may use it, find it corrupt too, or open it right now.

The rule: whoever opens a connection holds the directory's lock shared, whoever renames holds it alone. So no connection
is ever opened between the renames, where the log of one database could meet the pages of another.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from beastmode_otel.cache.tiers.sqlite_path import Identity, create, identity
from beastmode_otel.cache.tiers.sqlite_schema import APPLICATION_ID

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be renamed anyway
    fcntl = None  # type: ignore[assignment]

_KEPT: Final = 3  # corrupt files beside the good one: a failing disk must not fill up with them
_PAUSE: Final = 0.005
_OUR_DIRECTORY: Final = "beastmode_otel"  # of the default path


@contextmanager
def directory_lock(directory: Path, *, alone: bool, wait: float) -> Iterator[None]:
    """Shared or alone among our processes. Raises OperationalError (busy) after `wait` seconds.

    Where there are no such locks (network file systems, a directory that may not be read) it goes on without.
    """
    try:
        handle = os.open(directory, os.O_RDONLY) if fcntl is not None else None
    except OSError:
        handle = None
    if handle is None:
        yield
        return
    try:
        _lock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, time.monotonic() + wait)
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # closing is not enough: a child forked meanwhile shares the lock
        os.close(handle)


def _lock(handle: int, how: int, until: float) -> None:
    while True:
        try:
            return fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            if time.monotonic() >= until:
                raise busy("another process is replacing the file") from exc
        except OSError:
            return None
        time.sleep(_PAUSE)


def busy(reason: str) -> sqlite3.OperationalError:
    """As SQLite itself would say it."""
    error = sqlite3.OperationalError(reason)
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_BUSY, "SQLITE_BUSY"
    return error


def is_ours(path: Path) -> bool:
    """Whether a file that SQLite finds corrupt was the cache's: its header says so, or it is where nobody else's is.

    A path with a slip of the pen may be anything, and whatever it is stays where it is.
    """
    if path.parent.name == _OUR_DIRECTORY:
        return True
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            return bool(connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID)
    except sqlite3.Error:
        return False


def set_aside(path: Path, seen: Identity) -> Path | None:
    """Rename the file that was found corrupt and begin a new one. None: somebody else has done it already."""
    with directory_lock(path.parent, alone=True, wait=1.0):
        if identity(path) != seen:
            return None
        aside = path.with_name(f"{path.name}.corrupt-{_stamp()}")
        for suffix in ("-wal", "-shm", ""):  # the database last: a new one must not find an old log
            with suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
        create(path)
        _forget_old(path)
        return aside


def _stamp() -> str:
    now = time.time()
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(now)) + f".{int(now * 1e6) % 1_000_000:06d}Z"


def _forget_old(path: Path) -> None:
    prefix = f"{path.name}.corrupt-"
    found = sorted(name for name in os.listdir(path.parent) if name.startswith(prefix) and name.endswith("Z"))
    for name in found[:-_KEPT]:
        for suffix in ("-wal", "-shm", ""):
            with suppress(FileNotFoundError):
                os.unlink(path.parent / f"{name}{suffix}")
