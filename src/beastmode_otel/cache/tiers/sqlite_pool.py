"""Open connections to one file of the SQLite tier: its writer, and readers that wait to be lent."""

from __future__ import annotations

import sqlite3
from collections import deque
from contextlib import suppress
from typing import Final

from beastmode_otel.cache.tiers.sqlite_path import Identity

_IDLE_READERS: Final = 8


class Pool:
    """All connections to the file that was at the path when the first of them was opened.

    seen: which file that is. opened: every open connection, of all pools: what must not be open when the process forks.
    A retired pool keeps nothing: what is lent is closed when it comes back. Thread-safe but for the writer.
    """

    __slots__ = ("_idle", "_opened", "retired", "seen", "writer")

    def __init__(self, opened: set[sqlite3.Connection]) -> None:
        self._opened = opened
        self._idle: deque[sqlite3.Connection] = deque()
        self.seen: Identity | None = None
        self.writer: sqlite3.Connection | None = None
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
