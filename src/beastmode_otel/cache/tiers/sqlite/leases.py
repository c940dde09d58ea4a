"""Leases in the SQLite tier's file: for processes of one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import Final

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.lease import DONE_SECONDS, Grant
from beastmode_otel.cache.tiers.sqlite.connections import Connections
from beastmode_otel.cache.tiers.sqlite.errors import edge, is_busy
from beastmode_otel.cache.tiers.sqlite.file import NotReady

_LOOK: Final = "SELECT token, ends_at, done FROM llm_lease WHERE tenant = ? AND key = ?"
_TAKE: Final = "INSERT OR REPLACE INTO llm_lease (tenant, key, token, ends_at, done) VALUES (?, ?, ?, ?, 0)"
_RENEW: Final = "UPDATE llm_lease SET ends_at = ? WHERE tenant = ? AND key = ? AND token = ? AND NOT done"
_END: Final = "UPDATE llm_lease SET ends_at = ?, done = 1 WHERE tenant = ? AND key = ? AND token = ? AND NOT done"
_PAUSE: Final = 0.005  # seconds between two tries
FORGET: Final = "DELETE FROM llm_lease WHERE ends_at <= ?"


class SQLiteLeases:
    """A LeaseStore (cache/lease.py). clock: wall time, which the processes of one machine share.

    All writers of a file wait for one lock: to wait for it a little longer costs less than another call upstream.
    """

    patience = 1.0

    def __init__(self, db: Connections, clock: Callable[[], float] = time.time) -> None:
        self._db, self._clock = db, clock

    def acquire(self, key: Key, seconds: float) -> Grant:
        until = time.monotonic() + self.patience
        with edge():
            while True:
                try:
                    return self._look_and_take(key, seconds)
                except sqlite3.Error as exc:
                    if not is_busy(exc) or time.monotonic() > until:
                        raise
                time.sleep(_PAUSE)

    def _look_and_take(self, key: Key, seconds: float) -> Grant:
        try:
            held = self._held(self._db.read(_LOOK, (key.tenant, key.digest)))
        except NotReady:  # nothing was ever stored there
            held = None
        # Whoever waits looks often, and only reads: a write would wait for the lock of all other writers.
        return held or self._db.write(lambda writer: self._take(writer, key, seconds))

    def _take(self, writer: sqlite3.Connection, key: Key, seconds: float) -> Grant:
        rows = writer.execute(_LOOK, (key.tenant, key.digest)).fetchall()
        held, now = self._held(rows), self._clock()
        if held is not None:
            return held
        token = max(int(now * 1e6), rows[0][0] + 1 if rows else 0)
        writer.execute(_TAKE, (key.tenant, key.digest, token, now + seconds))
        return Grant(token=token, left=seconds)

    def _held(self, rows: list[tuple[int, float, int]]) -> Grant | None:
        if not rows:
            return None
        _, ends_at, done = rows[0]
        left = ends_at - self._clock()
        return None if left <= 0.0 else Grant(left=0.0 if done else left)

    def renew(self, key: Key, token: int, seconds: float) -> bool:
        return self._update(_RENEW, key, token, seconds)

    def release(self, key: Key, token: int) -> None:
        self._update(_END, key, token, DONE_SECONDS)

    def _update(self, statement: str, key: Key, token: int, seconds: float) -> bool:
        parameters = (self._clock() + seconds, key.tenant, key.digest, token)
        with edge():
            return self._db.write(lambda writer: writer.execute(statement, parameters).rowcount) == 1
