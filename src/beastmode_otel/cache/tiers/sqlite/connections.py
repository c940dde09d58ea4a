"""All ways to the file of the SQLite tier: one writer, and readers that are lent to one caller at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.sqlite.errors import code_of, is_busy, is_corrupt, is_unhealthy
from beastmode_otel.cache.tiers.sqlite.file import (
    Identity,
    NotReady,
    busy,
    create,
    identity,
    is_ours,
    open_reader,
    open_writer,
    set_aside,
)
from beastmode_otel.cache.tiers.sqlite.repair import is_whole, may_be_schema, schema_cookie
from beastmode_otel.cache.tiers.sqlite.trust import distrust, remedy
from beastmode_otel.runtime import in_child

T = TypeVar("T")

_IDLE_READERS: Final = 8
_OPENING_SECONDS: Final = 0.05  # what a read waits for other threads that are opening readers
_WRITER_SECONDS: Final = 2.0  # what a write waits for the other writers of this process, each of them bounded
_FORK_SECONDS: Final = 1.0
_inherited: list[object] = []  # connections of a parent: closing or collecting one in a child would harm the parent


class Corrupt(Exception):
    """A reader found the file `seen` corrupt."""

    def __init__(self, seen: Identity | None, why: sqlite3.Error) -> None:
        super().__init__(str(why))
        self.seen, self.why = seen, why


class Connections:
    """Thread-safe. Raises sqlite3.Error, OSError, TierUnavailable; `read` also NotReady and Corrupt.

    - `read` never waits for a lock of the database; `write` and `visit` do, for background work.
    - A file that was removed or replaced is noticed by the next write; one that is corrupt is set aside, if it is ours.
      What its schema has lost is made again; a schema that no release made is as good as corrupt.
    - `tell_ill` hears of whatever keeps the tier from work once, until work is done again. Locks are no news.
    - signed: whether entries are. If not, a file that others can write to is not opened.
    - Around a fork everything is closed; parent and child open their own again.
    """

    def __init__(
        self, path: Path, tell: Callable[[str], None], tell_ill: Callable[[str], None] | None, *, signed: bool
    ) -> None:
        self.path, self._tell, self._tell_ill, self._signed = path, tell, tell_ill, signed
        self._told: set[str] = set()
        self._refusal: TierUnavailable | None = None
        self._start_empty()
        round_forks(self)

    def _start_empty(self) -> None:
        self._opened: set[sqlite3.Connection] = set()
        self._pool = ConnectionPool(self._opened)
        self._writing, self._opening = threading.RLock(), threading.Lock()
        self._held: list[Any] = []

    # Reading.

    def read(self, sql: str, parameters: Any) -> list[Any]:
        """The rows of one statement, in autocommit. A lock in the way is an error (is_busy) at once."""
        try:
            return self._read(sql, parameters)
        except (TierUnavailable, sqlite3.Error, OSError) as exc:
            self._tell_once(exc)
            raise

    def _read(self, sql: str, parameters: Any) -> list[Any]:
        pool, ill = self._pool, False
        reader = pool.idle()
        if reader is None:
            pool, reader = self._open_reader()
        try:
            return reader.execute(sql, parameters).fetchall()
        except sqlite3.Error as exc:
            if is_corrupt(exc):
                raise self._corrupt(pool.seen, exc) from exc
            if self._has_lost(reader, exc):
                ill = True
                raise NotReady from exc
            ill = is_unhealthy(exc) and not is_busy(exc)
            raise
        finally:
            pool.give_back(reader, ill=ill)

    def _open_reader(self) -> tuple[ConnectionPool, sqlite3.Connection]:
        with _locked(self._opening, _OPENING_SECONDS):
            self._check_open()
            self._check_trust()
            pool, seen = self._pool, identity(self.path)
            if seen is None or pool.seen not in (None, seen):
                raise NotReady  # gone or replaced: the writer sees to it
            try:
                reader = open_reader(self.path)
            except sqlite3.Error as exc:
                if is_corrupt(exc):
                    raise self._corrupt(seen, exc) from exc
                raise
            pool.seen = seen
            return pool, pool.opened(reader)

    # Writing.

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` in one transaction. It may run twice: again on a new file, if this one is corrupt."""
        return self.visit(lambda writer: _transaction(writer, work))

    def visit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` with the writer, outside of a transaction."""
        try:
            done = self._visit(work)
        except (TierUnavailable, sqlite3.Error, OSError) as exc:
            self._tell_once(exc)
            raise
        self._told.clear()
        return done

    def _visit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with _locked(self._writing, _WRITER_SECONDS):
            try:
                return work(self._writer())
            except sqlite3.Error as exc:
                writer = self._pool.writer
                if writer is not None and self._has_lost(writer, exc):
                    self._renew()  # opening a writer is what mends it
                    return self._visit_mended(work)
                if not is_corrupt(exc):
                    if is_unhealthy(exc) and not is_busy(exc):
                        self._renew()  # an I/O error may be the connection's own: begin afresh
                    raise
                ill = self._corrupt(self._pool.seen, exc)
                if not isinstance(ill, Corrupt):
                    raise ill from exc
                self.replace(ill.seen, exc)
            return work(self._writer())

    def _visit_mended(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Once more; where the schema cannot be mended, on a new file."""
        try:
            return work(self._writer())
        except sqlite3.Error as exc:
            if not is_corrupt(exc):
                raise
            self.replace(self._pool.seen, exc)
        return work(self._writer())

    def _has_lost(self, connection: sqlite3.Connection, why: sqlite3.Error) -> bool:
        """Whether a statement failed because another process has taken a table, a column or an index away."""
        if not may_be_schema(code_of(why)):
            return False
        try:
            return not is_whole(connection)
        except sqlite3.Error:
            return False

    def _tell_once(self, why: Exception) -> None:
        """Whoever is asked 1,000 times a second says it once."""
        if self._tell_ill is None or why is self._refusal or is_busy(why):
            return
        kind = str(why) if isinstance(why, TierUnavailable) else f"{type(why).__name__} {code_of(why)}"
        if kind not in self._told:
            self._told.add(kind)
            self._tell_ill(f"the cache {self.path} does not work, and requests go on without it: {why}")

    def _check_trust(self) -> None:
        doubt = None if self._signed else distrust(self.path)
        if doubt is not None:
            raise TierUnavailable(f"{doubt}, and entries are not signed: {remedy(self.path)}")

    def _writer(self) -> sqlite3.Connection:
        seen = identity(self.path)
        if self._pool.seen not in (None, seen) or self._was_changed():
            self._renew()
        pool = self._pool
        if pool.writer is None:
            with _locked(self._opening, _WRITER_SECONDS):
                self._check_open()
                self._check_trust()
                if seen is None:
                    create(self.path)
                pool.seen = seen or identity(self.path)
                pool.writer = pool.opened(open_writer(self.path, self._tell))
                pool.logs, pool.schema = self._logs(), schema_cookie(pool.writer)
        return pool.writer

    def _logs(self) -> tuple[Identity | None, ...]:
        return identity(Path(f"{self.path}-wal")), identity(Path(f"{self.path}-shm"))

    def _was_changed(self) -> bool:
        """Whether somebody has taken the log away, or from the schema, or put a trigger on it, since the writer was
        opened: its statements still work, and nobody else sees what they do. Some microseconds."""
        pool = self._pool
        if pool.writer is None:
            return False
        if pool.logs != self._logs():
            return True
        cookie = schema_cookie(pool.writer)
        if cookie == pool.schema:
            return False
        pool.schema = cookie
        return not is_whole(pool.writer)

    # Beginning afresh.

    def _corrupt(self, seen: Identity | None, why: sqlite3.Error) -> Corrupt | TierUnavailable:
        if is_ours(self.path):
            return Corrupt(seen, why)
        return TierUnavailable(f"{self.path} is no file of the cache ({why}): choose another path, or remove it")

    def replace(self, seen: Identity | None, why: sqlite3.Error) -> None:
        """Set aside the file that was found corrupt, unless somebody has done it already. Raises OSError."""
        with _locked(self._writing, _WRITER_SECONDS):
            if seen is None or self._pool.seen not in (None, seen):
                return
            self._renew()
            aside = set_aside(self.path, seen)
        if aside is not None:
            self._tell(f"the cache {self.path} was corrupt ({why}): set aside as {aside.name}, a new one is begun")

    def _renew(self) -> None:
        old, self._pool = self._pool, ConnectionPool(self._opened)
        old.retire()

    def close(self) -> None:
        """For good: whatever comes afterwards is TierUnavailable. Idempotent."""
        self._refusal = self._refusal or TierUnavailable("the cache was closed", healthy=True)
        with _locked(self._writing, _WRITER_SECONDS):
            self._renew()

    def _check_open(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    # Forks.

    def before_fork(self) -> None:
        until = time.monotonic() + _FORK_SECONDS
        for lock in (self._writing, self._opening):
            if lock.acquire(timeout=max(0.0, until - time.monotonic())):
                self._held.append(lock)
        if len(self._held) == 2:
            self._renew()
        while self._opened and time.monotonic() < until:
            time.sleep(0.001)  # readers that are lent come back within microseconds

    def after_fork_in_parent(self) -> None:
        while self._held:
            self._held.pop().release()

    def after_fork_in_child(self) -> None:
        if self._opened:
            self._refusal = TierUnavailable("the process was forked in the middle of a write: not used in this child")
            _inherited.extend((self._opened, self._pool))
        self._start_empty()


@contextmanager
def _locked(lock: Any, seconds: float) -> Iterator[None]:
    if not lock.acquire(timeout=seconds):
        raise busy("other threads of this process are busy with it")
    try:
        yield
    finally:
        lock.release()


def _transaction(writer: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    writer.execute("BEGIN IMMEDIATE")  # a transaction that begins by reading cannot wait for the lock afterwards
    try:
        result = work(writer)
        writer.execute("COMMIT")
    except BaseException:
        if writer.in_transaction:  # SQLite may have rolled back by itself: disk full, I/O error
            writer.execute("ROLLBACK")
        raise
    return result


class ConnectionPool:
    """All connections to the file that was at the path when the first of them was opened.

    seen: which file that is. logs: which log it had then. schema: SQLite's count of changes when it was whole. opened:
    every open connection, of all pools: what must not be open when the process forks.
    A retired pool keeps nothing: what is lent is closed when it comes back. Thread-safe but for the writer.
    """

    __slots__ = ("_idle", "_opened", "logs", "retired", "schema", "seen", "writer")

    def __init__(self, opened: set[sqlite3.Connection]) -> None:
        self._opened = opened
        self._idle: deque[sqlite3.Connection] = deque()
        self.seen: Identity | None = None
        self.writer: sqlite3.Connection | None = None
        self.logs: tuple[Identity | None, ...] = ()
        self.schema: int | None = None
        self.retired = False

    def idle(self) -> sqlite3.Connection | None:
        """A reader for the caller alone, until `give_back`. The one used last: its pages are warm."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def opened(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        self._opened.add(connection)
        return connection

    def give_back(self, reader: sqlite3.Connection, *, ill: bool = False) -> None:
        if ill or len(self._idle) >= _IDLE_READERS:
            self._close(reader)
        else:
            self._idle.append(reader)
        if self.retired:  # asked afterwards: `retire` may have emptied it just before
            self._empty()

    def retire(self) -> None:
        self.retired = True
        self._empty()
        writer, self.writer = self.writer, None
        if writer is not None:
            self._close(writer)

    def _empty(self) -> None:
        while (reader := self.idle()) is not None:
            self._close(reader)

    def _close(self, connection: sqlite3.Connection) -> None:
        with suppress(sqlite3.Error):
            connection.close()
        self._opened.discard(connection)


# Forks.


class Forkable(Protocol):
    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...


def round_forks(one: Forkable) -> None:
    """Tell `one` of every fork of this process from now on, as long as it lives."""
    if not hasattr(os, "register_at_fork"):
        return
    os.register_at_fork(before=_weakly(one.before_fork), after_in_parent=_weakly(one.after_fork_in_parent))
    in_child(one.after_fork_in_child)


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def run() -> None:
        alive = reference()
        if alive is not None:
            alive()

    return run
