"""The file of the SQLite tier: its place, opening it (pragmas, WAL, migrations), setting a corrupt one aside."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.sqlite import repair
from beastmode_otel.cache.tiers.sqlite import schema as sql
from beastmode_otel.cache.tiers.sqlite.errors import code_of, is_busy
from beastmode_otel.cache.tiers.sqlite.trust import distrust, remedy
from beastmode_otel.errors import ConfigError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be renamed anyway
    fcntl = None  # type: ignore[assignment]

# (device, inode): which file is at a path.
Identity = tuple[int, int]

BUSY_SECONDS: Final = 0.25  # what a write, and a read on the pool, waits for somebody's lock
PREPARE_SECONDS: Final = 2.0  # what the first writer waits while others make or migrate the file
WRITER_PRAGMAS: tuple[str, ...] = ("synchronous = NORMAL", "journal_size_limit = 16777216")
READER_PRAGMAS: tuple[str, ...] = ("query_only = ON",)
_NO_LOG_POSSIBLE: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
_KEPT: Final = 3  # corrupt files beside the good one: a failing disk must not fill up with them
_PAUSE: Final = 0.005
# https://www.sqlite.org/fileformat2.html, 1.3
_HEADER: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_ID_AT: Final = slice(68, 72)
_SMALLEST_PAGE: Final = 512
_LOGS: Final = ("-wal", "-shm", "-journal")
_OUR_DIRECTORY: Final = "beastmode_otel"  # of the default path


def checked(path: str | os.PathLike[str], *, signed: bool) -> Path:
    """The absolute path of a file that can be read, made (0600, its new directories 0700) if there is none.

    signed: whether entries are; else only what nobody else can write to is good enough. Raises ConfigError, which says
    what to do. A file that may only be read is accepted.
    """
    given = os.fspath(path)
    if given in ("", ":memory:"):
        raise _refusal(f"{given!r} is not the path of a file", "name one, such as ~/.cache/beastmode_otel/cache.db")
    whole = located(given)
    try:
        _make_directories(whole.parent)
        if identity(whole) is None:
            create(whole)
    except OSError as exc:
        raise _refusal(f"{whole} cannot be made: {exc.strerror}", "choose a path that this user may write to") from exc
    _check_file(whole)
    doubt = None if signed else distrust(whole)
    if doubt is not None:
        raise _refusal(doubt, remedy(whole))
    return whole


def located(given: str | os.PathLike[str]) -> Path:
    """The absolute path that is meant, resolved: SQLite puts -wal and -shm beside the real file.

    Raises ConfigError where there is none: `~` of a user without a home (a container's uid that no passwd entry names),
    a loop of links, a working directory that has gone.
    """
    try:
        return Path(given).expanduser().resolve()
    except (OSError, RuntimeError, ValueError) as exc:
        raise _refusal(
            f"{os.fspath(given)!r} is nowhere: {exc}", "set HOME, or l3 (BEASTMODE_L3_URL) to a full path, or to off"
        ) from exc


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


# Opening it.


class NotReady(Exception):
    """There is no schema yet, an older one, or a piece of it is gone: a writer has to be here before anybody reads."""


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that never waits and never writes. Raises NotReady, TierUnavailable, sqlite3.Error."""
    with directory_lock(path.parent, alone=False, wait=0.0):
        if any(obstacles(path)):
            raise NotReady
        connection = _connect(path, 0.0)
        try:
            _pragmas(connection, READER_PRAGMAS)
            if _version(connection, path) < sql.VERSION or not repair.is_whole(connection):
                raise NotReady
        except BaseException:
            connection.close()
            raise
        return connection


def open_writer(path: Path, tell: Callable[[str], None]) -> sqlite3.Connection:
    """A connection that waits BUSY_SECONDS for locks, to a file with our schema in WAL mode. tell: hears what was
    mended.

    Raises TierUnavailable, sqlite3.Error; one of them is `is_corrupt` where the file has our tables in a form that no
    release made. A file that cannot be written to is opened too: each write says so itself.
    """
    with directory_lock(path.parent, alone=False, wait=1.0):
        for place in obstacles(path):
            aside = f"{place}.corrupt-{_stamp()}"
            os.rename(place, aside)
            tell(f"the cache {path} could not have its log at {place}, which is no file: set aside as {aside}")
        connection = _connect(path, BUSY_SECONDS)
        try:
            _pragmas(connection, WRITER_PRAGMAS)
            if _version(connection, path) < sql.VERSION or not repair.is_whole(connection):
                lost: list[str] = []
                _persistently(lambda: _prepare(connection, path, lost))
                if lost:
                    tell(f"the cache {path} had lost {', '.join(sorted(set(lost)))}: made again")
        except BaseException:
            connection.close()
            raise
        return connection


def obstacles(path: Path) -> list[str]:
    """What stands where SQLite keeps its logs and is no file. The names are SQLite's: nobody else uses them."""
    places = [f"{path}{suffix}" for suffix in _LOGS]
    return [place for place in places if os.path.lexists(place) and not _is_file(place)]


def _is_file(place: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(place).st_mode)
    except OSError:  # gone since, or not to be looked at: SQLite will say
        return True


def _connect(path: Path, wait: float) -> sqlite3.Connection:
    connection = _connected(path, wait, "mode=rw")
    try:
        connection.execute(sql.STATE).fetchone()  # opens the log too, while we hold the lock
    except sqlite3.Error as exc:
        connection.close()
        if code_of(exc) not in _NO_LOG_POSSIBLE or not _read_only_for_all(path):
            raise
        return _connected(path, wait, "mode=ro&immutable=1")
    return connection


def _connected(path: Path, wait: float, mode: str) -> sqlite3.Connection:
    # Any thread may use it, one at a time: Connections lends it to one at a time.
    return sqlite3.connect(
        f"{path.as_uri()}?{mode}", uri=True, timeout=wait, isolation_level=None, check_same_thread=False
    )


def _read_only_for_all(path: Path) -> bool:
    """A cache baked into an image: nobody writes to it, and SQLite may do without its log and locks."""
    return path.exists() and not os.access(path, os.W_OK) and not os.path.exists(f"{path}-wal")


def _pragmas(connection: sqlite3.Connection, pragmas: tuple[str, ...]) -> None:
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version; 0: an empty file. Raises TierUnavailable for a file that we must leave alone."""
    version, application, tables = connection.execute(sql.STATE).fetchone()
    if application != sql.APPLICATION_ID and (application or version or tables):
        raise TierUnavailable(f"{path} is the database of another application: choose another path")
    if version > sql.VERSION:
        raise TierUnavailable(
            f"{path} was written by a newer beastmode_otel (schema {version}, this one knows {sql.VERSION}): "
            "upgrade this process, or give it another path"
        )
    return int(version)


def _persistently(work: Callable[[], None]) -> None:
    """Until it is done: several processes may begin at once, and the switch to WAL does not wait by itself."""
    until = time.monotonic() + PREPARE_SECONDS
    while True:
        try:
            work()
            return
        except sqlite3.Error as exc:
            if not is_busy(exc) or time.monotonic() >= until:
                raise
        time.sleep(random.uniform(0.005, 0.03))


def _prepare(connection: sqlite3.Connection, path: Path, lost: list[str]) -> None:
    """lost: hears the names of what was missing and is there again."""
    if _version(connection, path) == 0:
        # Both only before the first table, and in this order: the switch writes the first page.
        _pragmas(connection, ("auto_vacuum = INCREMENTAL", "journal_mode = WAL"))
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Read again: the lock was somebody else's until now.
        _migrate(connection, _version(connection, path), lost)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrate(connection: sqlite3.Connection, said: int, lost: list[str]) -> None:
    found = repair.present(connection)
    version = repair.version_of(found, said)
    if version is None:
        raise _disfigured()
    gone = repair.missing(found, version)
    for statement in (*gone.values(), *(one for step in sql.MIGRATIONS[version:] for one in step)):
        connection.execute(statement)
    _pragmas(connection, (f"application_id = {sql.APPLICATION_ID}", f"user_version = {sql.VERSION}"))
    lost.extend(gone)
    if version != said and said < sql.VERSION and version:
        lost.append("its version")


def _disfigured() -> sqlite3.DatabaseError:
    """As SQLite says that a file is corrupt: what follows is the same."""
    error = sqlite3.DatabaseError("its tables are not as any release made them")
    error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"
    return error


# Setting a corrupt file aside while other processes may use it, find it corrupt too, or open it right now.


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

    A path with a slip of the pen may be anything, and whatever it is stays where it is: unless it holds nothing.
    """
    if path.parent.name == _OUR_DIRECTORY:
        return True
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            if connection.execute("PRAGMA application_id").fetchone()[0] == sql.APPLICATION_ID:
                return True
    except sqlite3.Error:  # it is so corrupt, or so short, that SQLite reads no header
        pass
    return _header_is_ours(path)


def _header_is_ours(path: Path) -> bool:
    """By the bytes of the file, which SQLite would not take.

    Closing it drops the POSIX locks that this process has on it, which are of no use on such a file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError:
        return False
    try:
        head, whole = os.read(handle, _HEADER), os.fstat(handle).st_size
    except OSError:
        return False
    finally:
        os.close(handle)
    if not head.strip(b"\0"):  # only zeros, as a power cut leaves them
        return True
    if not head.startswith(_MAGIC[: len(head)]):
        return False
    # No page is smaller than 512 bytes: less than one is the beginning of a database without anything in it.
    return whole < _SMALLEST_PAGE or head[_ID_AT].ljust(4, b"\0") == sql.APPLICATION_ID.to_bytes(4, "big")


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
