"""What a file of the cache has lost, or has too much, and how it gets its schema back."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from typing import Final

from beastmode_otel.cache.tiers.sqlite import schema as sql

# (kind, name, table) → its SQL: as sqlite_master has them, without what SQLite makes by itself.
Objects = Mapping[tuple[str, str, str], str]

# Other people's indexes and views do no harm, and nor do tables. A trigger runs inside of our statements.
_OURS: Final = """
    SELECT type, name, tbl_name, sql FROM sqlite_master
    WHERE sql IS NOT NULL AND (name IN ({names}) OR (type = 'trigger' AND tbl_name IN ({names})))"""
_WORDS: Final = re.compile(r"\s+")
_TABLES_FIRST: Final = ("table", "index")
# What a statement of ours says only where the schema is not what it was written for.
_SUSPECT: Final = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH}


def may_be_schema(code: int) -> bool:
    """Whether an error with this primary code may come from a table, a column or an index that has gone."""
    return code in _SUSPECT


@cache
def _expected(steps: tuple[tuple[str, ...], ...]) -> Objects:
    """What those migrations make of an empty database."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        for step in steps:
            for statement in step:
                empty.execute(statement)
        rows = empty.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {(kind, name, table): text for kind, name, table, text in rows}


def expected(version: int) -> Objects:
    """The schema of a version."""
    return _expected(sql.MIGRATIONS[:version])


def present(connection: sqlite3.Connection) -> Objects:
    """Of what is in the file, what bears one of our names, and triggers on our tables."""
    names = ", ".join(f"'{name}'" for _, name, _ in expected(sql.VERSION))  # constants
    rows = connection.execute(_OURS.format(names=names)).fetchall()
    return {(kind, name, table): text for kind, name, table, text in rows}


def is_whole(connection: sqlite3.Connection) -> bool:
    """Whether all of this release's schema is there, as it was made, and nothing runs inside of it."""
    found, wanted = present(connection), expected(sql.VERSION)
    return found.keys() == wanted.keys() and not _different(found, wanted)


def schema_cookie(connection: sqlite3.Connection) -> int:
    """SQLite's count of changes of the schema, by whomever."""
    (count,) = connection.execute("PRAGMA schema_version").fetchone()
    return int(count)


def version_of(found: Objects, said: int) -> int | None:
    """Of which version a schema is that may have lost something, whatever its number says; None: of none.

    What it says is tried first: with tables missing it may be of several.
    """
    versions: dict[int, None] = dict.fromkeys((said, *range(sql.VERSION, -1, -1)))
    for version in versions:
        wanted = expected(version)
        if found.keys() <= wanted.keys() and not _different(found, wanted):
            return version
    return None


def missing(found: Objects, version: int) -> dict[str, str]:
    """What a schema of that version has lost: the SQL of each by its name, tables before their indexes."""
    wanted = expected(version)
    lost = sorted(wanted.keys() - found.keys(), key=lambda one: _TABLES_FIRST.index(one[0]))
    return {one[1]: wanted[one] for one in lost}


def _different(found: Objects, wanted: Objects) -> bool:
    return any(_plain(text) != _plain(wanted[one]) for one, text in found.items() if one in wanted)


def _plain(text: str) -> str:
    """Without how it is laid out; STRICT depends on the library that made the file."""
    return _WORDS.sub(" ", text).removesuffix("STRICT").strip()
