"""Where a Postgres L3 is: the URLs that may be written. Pure; psycopg is not needed to read one.

    postgresql://[user[:password]@][host[:port][,host[:port]…]]/[database][?sslmode=require&…]

As libpq reads them (postgres:// too), but for what other programs add to their query and libpq would refuse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from beastmode_otel.errors import public_url

SCHEMES: Final = ("postgresql", "postgres")
# What Supabase's and Vercel's pages put there for Prisma and others.
_OTHERS: Final = frozenset(
    {"pgbouncer", "connection_limit", "pool_timeout", "supa", "schema", "workaround", "statement_cache_size"}
)
_ENCODE: Final = "percent-encode the password: @ is %40, / is %2F, # is %23, ? is %3F, % is %25, : is %3A"
_FORM: Final = "write postgresql://user:password@host:5432/database"
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:/?#@\[\]\s,]*)(?::(\d{1,5}))?")
_PORT: Final = re.compile(r" *\d{1,5} *", re.ASCII)
_BROKEN_CODE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PLACEHOLDER: Final = re.compile(r"\[[A-Z-]*PASSWORD\]", re.IGNORECASE)


class BadPostgresUrl(Exception):
    """problem and hint for people; neither holds a password."""

    def __init__(self, problem: str, hint: str = _FORM) -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresUrl:
    """whole: as libpq takes it. host, port: of the first server. database: its name, empty for the user's own."""

    whole: str = field(repr=False)
    host: str
    port: int
    database: str

    @property
    def shown(self) -> str:
        """For people: where it is, without who asks."""
        return public_url(f"postgresql://{self.host}:{self.port}/{self.database}")


def read_postgres_url(url: str) -> PostgresUrl:
    """Raises BadPostgresUrl."""
    scheme, mark, rest = url.strip().partition("://")
    if not mark or scheme not in SCHEMES:
        raise BadPostgresUrl("is no address of a Postgres", _FORM)
    if _PLACEHOLDER.search(rest):
        raise BadPostgresUrl("still has the place where the password belongs", f"put the password there; {_ENCODE}")
    if "#" in rest:
        raise BadPostgresUrl("holds a #", _ENCODE)
    rest, _, query = rest.partition("?")
    authority, _, database = rest.partition("/")
    login, _, hosts = authority.rpartition("@")
    if "@" in database or ("@" in query and not login) or "@" in login:
        raise BadPostgresUrl("has a @, / or ? in its login", _ENCODE)
    if _BROKEN_CODE.search(rest):
        raise BadPostgresUrl("has a % that encodes nothing", _ENCODE)
    options = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in _OTHERS]
    names = {name: value for name, _, value in (pair.partition("=") for pair in options)}
    host, port = _first(hosts)
    named_host, named_port = names.get("host", "").partition(",")[0], _first_port(names.get("port", ""))
    whole = f"postgresql://{rest}{'?' if options else ''}{'&'.join(options)}"
    return PostgresUrl(
        whole=whole, host=host or named_host or "localhost", port=named_port or port,
        database=database or names.get("dbname", ""),
    )  # fmt: skip


def _first(hosts: str) -> tuple[str, int]:
    found = []
    for one in hosts.split(","):
        match = _HOST.fullmatch(one)
        port = int(match[1] or 5432) if match else 0
        if match is None or not 0 < port < 65536:
            raise _no_server()
        found.append((one.removesuffix(f":{match[1]}").strip("[]"), port))
    return found[0]


def _first_port(option: str) -> int | None:
    """Of the option `port`, which has one for each host, or one for all; None: it says none for the first."""
    ports = unquote(option).split(",")
    for one in ports:
        if one and not (_PORT.fullmatch(one) and 0 < int(one) < 65536):
            raise _no_server()
    return int(ports[0]) if ports[0] else None


def _no_server() -> BadPostgresUrl:
    return BadPostgresUrl("names no host, or no possible port", f"{_FORM}; {_ENCODE}")
