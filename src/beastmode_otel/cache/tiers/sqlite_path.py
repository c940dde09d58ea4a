"""Where the SQLite tier's file may be, and how it comes into being: for its owner only."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

from beastmode_otel.errors import ConfigError

# (device, inode): which file is at a path.
Identity = tuple[int, int]


def checked(path: str | os.PathLike[str]) -> Path:
    """The absolute path of a file that can be read, made (0600, its new directories 0700) if there is none.

    Raises ConfigError, which says what to do. A file that may only be read is accepted.
    """
    given = os.fspath(path)
    if given in ("", ":memory:"):
        raise _refusal(f"{given!r} is not the path of a file", "name one, such as ~/.cache/beastmode_otel/cache.db")
    whole = Path(given).expanduser().resolve()  # resolved: SQLite puts -wal and -shm beside the real file
    try:
        _make_directories(whole.parent)
        if identity(whole) is None:
            create(whole)
    except OSError as exc:
        raise _refusal(f"{whole} cannot be made: {exc.strerror}", "choose a path that this user may write to") from exc
    _check_file(whole)
    return whole


def _check_file(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):
        raise _refusal(f"{path} is not a file", "name a file: the cache makes it and its directories")
    if not os.access(path, os.R_OK):
        raise _refusal(f"{path} may not be read by this user", f"chmod u+rw {path}, or choose another path")
    if os.access(path, os.W_OK) and not os.access(path.parent, os.W_OK):
        raise _refusal(f"the directory of {path} is not writable", "SQLite keeps its log beside the file: allow that")


def _refusal(problem: str, hint: str) -> ConfigError:
    return ConfigError(f"SQLite cache: {problem}", hints=(hint,))


def _make_directories(directory: Path) -> None:
    if not directory.is_dir():
        _make_directories(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)  # not parents=True: that gives the mode to the last one only


def identity(path: Path) -> Identity | None:
    """Which file is there now; None when there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def create(path: Path) -> None:
    """An empty file, 0600, unless there is one. SQLite gives its -wal and -shm the same mode.

    Never opens what may be somebody's database: closing it would drop every POSIX lock of this process on it.
    """
    blank = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    os.close(os.open(blank, os.O_CREAT | os.O_WRONLY, 0o600))
    try:
        os.link(blank, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        _create_in_place(path)
    finally:
        blank.unlink()


def _create_in_place(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        pass
