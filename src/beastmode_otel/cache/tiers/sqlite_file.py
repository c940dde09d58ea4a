"""Opening the file of the SQLite tier: pragmas, the switch to WAL, migrations."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from beastmode_otel.cache.ports import TierUnavailable
from beastmode_otel.cache.tiers import sqlite_schema as sql
from beastmode_otel.cache.tiers.sqlite_aside import directory_lock
from beastmode_otel.cache.tiers.sqlite_errors import code_of, is_busy

BUSY_SECONDS: Final = 0.25  # what a write, and a read on the lane, waits for somebody's lock
PREPARE_SECONDS: Final = 2.0  # what the first writer waits while others make or migrate the file
WRITER_PRAGMAS: tuple[str, ...] = ("synchronous = NORMAL", "journal_size_limit = 16777216")
READER_PRAGMAS: tuple[str, ...] = ("query_only = ON",)
_NO_LOG_POSSIBLE: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


class NotReady(Exception):
    """There is no schema yet, or an older one: there is nothing to read until a writer has been here."""


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that never waits and never writes. Raises NotReady, TierUnavailable, sqlite3.Error."""
    with directory_lock(path.parent, alone=False, wait=0.0):
        connection = _connect(path, 0.0)
        try:
            _pragmas(connection, READER_PRAGMAS)
            if _version(connection, path) < sql.VERSION:
                raise NotReady
        except BaseException:
            connection.close()
            raise
        return connection


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that waits BUSY_SECONDS for locks, to a file with our schema in WAL mode.

    Raises TierUnavailable, sqlite3.Error. A file that cannot be written to is opened too: each write says so itself.
    """
    with directory_lock(path.parent, alone=False, wait=1.0):
        connection = _connect(path, BUSY_SECONDS)
        try:
            _pragmas(connection, WRITER_PRAGMAS)
            if _version(connection, path) < sql.VERSION:
                _persistently(lambda: _prepare(connection, path))
        except BaseException:
            connection.close()
            raise
        return connection


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


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection, path) == 0:
        # Both only before the first table, and in this order: the switch writes the first page.
        _pragmas(connection, ("auto_vacuum = INCREMENTAL", "journal_mode = WAL"))
    connection.execute("BEGIN IMMEDIATE")
    try:
        _migrate(connection, _version(connection, path))  # read again: the lock was somebody else's until now
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    for step in sql.MIGRATIONS[version:]:
        for statement in step:
            connection.execute(statement)
    _pragmas(connection, (f"application_id = {sql.APPLICATION_ID}", f"user_version = {sql.VERSION}"))
