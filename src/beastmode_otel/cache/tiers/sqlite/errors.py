"""What SQLite says, in the words of a tier."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from beastmode_otel.cache.tier import TierUnavailable

# Primary result codes (https://www.sqlite.org/rescode.html); the module names them only since Python 3.11.
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_UNHEALTHY: Final = {
    *_BUSY,
    *_CORRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_INTERNAL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_SCHEMA,
}


def code_of(exc: BaseException) -> int:
    """SQLite's primary result code; 0 for what did not come from SQLite."""
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def is_busy(exc: BaseException) -> bool:
    return code_of(exc) in _BUSY


def is_corrupt(exc: BaseException) -> bool:
    return code_of(exc) in _CORRUPT


def is_full(exc: BaseException) -> bool:
    return code_of(exc) == sqlite3.SQLITE_FULL


def is_unhealthy(exc: BaseException) -> bool:
    """Whether it says something about the file, the disk or who holds them, not about this one call.

    A full disk and a read-only file are healthy: reads work, and a breaker that opens would stop them too.
    """
    return code_of(exc) in _UNHEALTHY or isinstance(exc, OSError)


def unavailable(exc: BaseException) -> TierUnavailable:
    name = getattr(exc, "sqlite_errorname", type(exc).__name__)
    return TierUnavailable(f"{exc} ({name})", healthy=not is_unhealthy(exc))


@contextmanager
def edge() -> Iterator[None]:
    """Past this, nothing but TierUnavailable."""
    try:
        yield
    except TierUnavailable:
        raise
    except Exception as exc:
        raise unavailable(exc) from exc
