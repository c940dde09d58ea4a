"""What the doctor wants to know of a Postgres: its schema, its clock, and whom its policies hold for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from beastmode_otel.cache.tier import DatabaseFacts
from beastmode_otel.cache.tiers.postgres import schema as sql
from beastmode_otel.cache.tiers.postgres.connection import Connection, Query, Rows, Servers, connect
from beastmode_otel.cache.tiers.postgres.errors import FORBIDDEN, UNDEFINED, ServerError, edge
from beastmode_otel.cache.tiers.postgres.migrate import mismatch
from beastmode_otel.config.postgres_url import PostgresUrl

_SERVER: Final[Query] = (
    b"""select current_setting('server_version_num')::bigint, extract(epoch from clock_timestamp())::float8,
        pg_is_in_recovery() or current_setting('transaction_read_only') = 'on', session_user""", ())  # fmt: skip
_TABLES: Final[Query] = (
    b"""select bool_and(c.relrowsecurity and c.relforcerowsecurity),
        bool_or(pg_has_role(session_user, c.relowner, 'member'))
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'beastmode' and c.relname in ('llm_cache', 'llm_lease')""", ())  # fmt: skip
_ROLE: Final[Query] = (b"select rolsuper, rolbypassrls from pg_roles where rolname = session_user", ())
# One row for each tenant; unnest, since arrays are not read here.
_TENANTS: Final[Query] = (
    b"""select tenant from unnest(case when beastmode.everybody() then array[''] else beastmode.tenants() end) tenant
    order by tenant""", ())  # fmt: skip


# Of a bounded number of rows: the whole of a large table is not counted for this.
_SCOPES: Final[Query] = (
    b"""select to_regclass('beastmode.llm_vector') is not null, coalesce(max(entries), 0)::bigint from (
        select count(*) entries from (
            select tenant, scope from beastmode.llm_cache order by expires_at desc limit 20000
        ) latest group by tenant, scope) scopes""", ())  # fmt: skip


def examine(url: PostgresUrl, hard: float) -> DatabaseFacts:
    """Raises TierUnavailable, ConfigError."""
    servers = Servers(url, hard)
    with edge():
        connection = connect(servers, time.monotonic() + hard)
        try:
            return _examined(connection, servers, hard)
        finally:
            connection.close()


def _examined(connection: Connection, servers: Servers, hard: float) -> DatabaseFacts:
    began, asked = time.monotonic(), time.time()
    ((version, clock, read_only, role),) = _rows(connection, [_SERVER], hard)
    seconds = time.monotonic() - began
    ((superuser, bypasses),) = _rows(connection, [_ROLE], hard)
    ((guarded, owner),) = _rows(connection, [_TABLES], hard)
    try:
        problem = mismatch(_rows(connection, [sql.GREETING], hard))
        tenants = None if problem else _rows(connection, [sql.of_everybody(hard), _TENANTS], hard)
    except ServerError as exc:
        if exc.state not in (*UNDEFINED, FORBIDDEN):
            raise
        problem, tenants = (mismatch([]) if exc.state in UNDEFINED else None), []
    vectors, largest = (False, None) if problem or not tenants else _scopes(connection, hard)
    exempt = "a superuser" if superuser else "allowed to bypass them (BYPASSRLS)" if bypasses else None
    return DatabaseFacts(
        where=servers.location, version=version, seconds=seconds, skew=clock - asked - seconds / 2,
        read_only=read_only, problem=problem, role=role,
        exempt=exempt or ("the owner, who may change them" if owner else None), guarded=bool(guarded),
        tenants=None if tenants is None else tuple(tenant for (tenant,) in tenants),
        vectors=vectors, largest_scope=largest,
    )  # fmt: skip


def _scopes(connection: Connection, hard: float) -> tuple[bool, int | None]:
    """Last: one that takes too long ends the connection."""
    try:
        ((vectors, largest),) = _rows(connection, [sql.of_everybody(hard), _SCOPES], hard)
    except (ServerError, TimeoutError):
        return False, None
    return vectors, largest


def _rows(connection: Connection, queries: Sequence[Query], hard: float) -> Rows:
    """Of the last of them."""
    return connection.run(queries, time.monotonic() + hard)[-1][0]
