"""The schema's migrations: numbered SQL files, what a server has of them, and applying the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import psycopg

from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.config.postgres_url import PostgresUrl

_LOCK: Final = 0x6265_6173_6D69_6772  # of the database: "beasmigr"
_LOCK_SECONDS: Final = 30
_HALFVEC: Final = (0, 7)  # the version of pgvector that brought it
_COMMAND: Final = "beastmode-otel cache migrate"
_BEGIN: Final = f"""-- One process at a time.
select pg_advisory_xact_lock({_LOCK});
create schema if not exists beastmode;
create table if not exists beastmode.schema_migrations (
    version integer primary key,
    checksum text not null,
    applied_at timestamptz not null default now()
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """checksum: SHA-256 of its SQL, in hex. One that was released is never edited."""

    version: int
    name: str
    sql: str
    checksum: str

    @property
    def script(self) -> str:
        """Its SQL, and that it was applied."""
        noted = f"values ({self.version}, '{self.checksum}');"
        return f"-- {self.name}\n{self.sql}\ninsert into beastmode.schema_migrations (version, checksum) {noted}\n"


def shipped() -> tuple[Migration, ...]:
    """Those of this release, in order."""
    found = []
    for file in files(__package__).joinpath("migrations").iterdir():
        if file.name.endswith(".sql"):
            sql = file.read_text(encoding="utf-8").replace("\r\n", "\n")
            checksum = hashlib.sha256(sql.encode()).hexdigest()
            found.append(Migration(version=int(file.name[:4]), name=file.name, sql=sql, checksum=checksum))
    return tuple(sorted(found, key=lambda one: one.version))


VECTORS: Final = "vectors.sql"  # of extras: no version, what it makes says whether it was run


def _vectors() -> str:
    sql = files(__package__).joinpath("extras", VECTORS).read_text(encoding="utf-8").replace("\r\n", "\n")
    return f"-- {VECTORS}\n{sql}"


Applied = list[tuple[int, str]]  # version and checksum


def mismatch(applied: Applied) -> str | None:
    """Why a server with these cannot be used; None: it has exactly ours."""
    ours = [(one.version, one.checksum) for one in shipped()]
    if applied == ours:
        return None
    if not applied:
        return f"there is no schema of the cache: run `{_COMMAND}`, as the role that is to own it"
    newest, known = applied[-1][0], ours[-1][0]
    if newest > known:
        return f"its schema is newer (version {newest}, this release knows {known}): upgrade this process"
    changed = [version for version, checksum in applied if (version, checksum) not in ours]
    if changed:
        return (
            f"migration {changed[0]} was applied with other SQL than this release has: compare `{_COMMAND} --dry-run`"
        )
    return f"its schema is older (version {newest}, this release needs {known}): run `{_COMMAND}`"


def check_schema(applied: Applied) -> None:
    """Raises TierUnavailable."""
    problem = mismatch(applied)
    if problem is not None:
        raise TierUnavailable(problem)


class PostgresMigrator:
    """A Migrator (cache/tier.py). Whoever the URL says owns what is made."""

    afterwards = (
        "Let the application's own role in, as the role that has run this: select beastmode.admit('ROLE'); or to some "
        "tenants only: select beastmode.admit('ROLE', 'tenant', …)."
    )

    def __init__(self, url: PostgresUrl) -> None:
        self.location, self._url = url.shown, url.whole

    def version(self) -> int:
        with self._connected() as connection:
            applied = _applied(connection)
        return applied[-1][0] if applied else 0

    def script(self, *, anew: bool = False, vectors: bool = False) -> str:
        if anew:
            steps = [*(one.script for one in shipped()), *([_vectors()] if vectors else [])]
        else:
            steps = self._missing_there(vectors=vectors)
        return "".join(["begin;\n", _BEGIN, *("\n" + one for one in steps), "\ncommit;\n"]) if steps else ""

    def _missing_there(self, *, vectors: bool) -> list[str]:
        with self._connected() as connection:
            lacks = vectors and _lacks_vectors(connection)
            return [*(one.script for one in _missing(_applied(connection))), *([_vectors()] if lacks else [])]

    def apply(self, *, vectors: bool = False) -> list[str]:
        with self._connected() as connection, connection.transaction():
            connection.execute(f"set local lock_timeout = '{_LOCK_SECONDS}s'")
            if not _missing(_applied(connection)) and not (vectors and _lacks_vectors(connection)):
                return []  # nothing is made, and whoever may not make a schema is told so only when there is need
            connection.execute(_BEGIN.encode())
            missing = _missing(_applied(connection))  # read again: the lock was somebody else's until now
            for one in missing:
                connection.execute(one.script.encode())
            made = [one.name for one in missing]
            if vectors and _lacks_vectors(connection):
                _add_extension(connection)
                connection.execute(_vectors().encode())
                made.append(VECTORS)
            return made

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            with psycopg.connect(self._url, autocommit=True, prepare_threshold=None, connect_timeout=10) as connection:
                yield connection
        except psycopg.Error as exc:
            raise TierUnavailable(str(exc).partition("\n")[0]) from None


def _applied(connection: psycopg.Connection[Any]) -> Applied:
    exists = "select to_regclass('beastmode.schema_migrations') is not null"
    if connection.execute(exists).fetchone() != (True,):
        return []
    return connection.execute("select version, checksum from beastmode.schema_migrations order by version").fetchall()


def _missing(applied: Applied) -> list[Migration]:
    """Raises TierUnavailable where it is not a matter of going on."""
    ours = shipped()
    if applied != [(one.version, one.checksum) for one in ours[: len(applied)]]:
        raise TierUnavailable(mismatch(applied) or "")
    return list(ours[len(applied) :])


def _lacks_vectors(connection: psycopg.Connection[Any]) -> bool:
    return connection.execute("select to_regclass('beastmode.llm_vector') is null").fetchone() == (True,)


def _add_extension(connection: psycopg.Connection[Any]) -> None:
    """pgvector in this database, by whoever may put it there. Raises TierUnavailable, which says who else may."""
    found = connection.execute(
        "select default_version, installed_version from pg_available_extensions where name = 'vector'"
    ).fetchone()
    if found is None:
        raise TierUnavailable("the server has no pgvector: install it there (0.7 or later), then run this again")
    offered, installed = found
    if installed is None:
        try:
            with connection.transaction():
                connection.execute("create extension vector")
        except psycopg.errors.InsufficientPrivilege:
            raise TierUnavailable(
                "this role may not add pgvector to the database: run `create extension vector` as one that may, then "
                "this again"
            ) from None
        installed = offered
    if tuple(int(part) for part in installed.split(".")[:2]) < _HALFVEC:
        raise TierUnavailable(f"pgvector {installed} is too old: 0.7 or later, then `alter extension vector update`")
