"""What keeps the file of the SQLite tier small: purge, eviction, invalidation, all in bounded batches.

Between two batches the lock is free, so that no writer of any process waits for more than one of them.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from functools import partial
from typing import Any, Final

from beastmode_otel.cache.tiers.sqlite import schema as sql
from beastmode_otel.cache.tiers.sqlite.connections import Connections

BATCH: Final = 500  # rows
_PURGE_BATCHES: Final = 20  # of one call: what is left waits for the next
_PAGES: Final = 2_000  # given back to the file system by one call
_CANDIDATES: Final = 2_000
_SLACK: Final = 0.9  # evict down to this part of the limit, not to the limit itself at each write


def purge(db: Connections, expired_before: float) -> int:
    return _in_batches(db, sql.PURGE, (expired_before, BATCH), _PURGE_BATCHES)


def delete_all(db: Connections, statement: str, parameters: Any) -> int:
    return _in_batches(db, statement, parameters, None)


def _in_batches(db: Connections, statement: str, parameters: Any, most: int | None) -> int:
    """Run a statement that deletes at most BATCH rows until it finds no more."""
    gone = runs = 0
    while most is None or runs < most:
        batch = db.write(partial(_changed, statement, parameters))
        gone, runs = gone + batch, runs + 1
        if batch < BATCH:
            break
    return gone


def _changed(statement: str, parameters: Any, writer: sqlite3.Connection) -> int:
    return writer.execute(statement, parameters).rowcount


def shrink(db: Connections) -> None:
    """Give free pages back to the file system, best effort."""

    def vacuum(writer: sqlite3.Connection) -> None:
        # Not execute(): each page is a row without columns, of which it takes one and stops.
        writer.executescript(f"PRAGMA incremental_vacuum({_PAGES})")
        writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # the file itself is cut here

    with suppress(sqlite3.OperationalError):
        db.visit(vacuum)


def checkpoint(db: Connections) -> None:
    """Bring the whole log into the file and empty it, best effort: readers of other processes may be in the way."""
    with suppress(sqlite3.OperationalError):
        db.visit(lambda writer: writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())


def make_room(writer: sqlite3.Connection, most: float) -> int:
    """Inside a transaction: evict at most one batch if more than `most` bytes are used. How many entries went.

    Those that expire soonest go, the least used of them first. Only the soonest quarter is looked at: in a cache where
    all else is in use, a new entry would otherwise never stay.
    """
    (used,) = writer.execute(sql.USED_BYTES).fetchone()
    if used <= most:
        return 0
    excess, victims = used - _SLACK * most, []
    (entries,) = writer.execute(sql.COUNT_UP_TO, (4 * _CANDIDATES,)).fetchone()
    for row, size in writer.execute(sql.LEAST_USEFUL, (max(1, entries // 4), BATCH)).fetchall():
        victims.append((row,))
        excess -= size
        if excess <= 0:
            break
    writer.executemany(sql.DELETE_ROW, victims)
    return len(victims)
