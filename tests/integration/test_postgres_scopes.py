"""Reading the entries of one scope from a real Postgres: by which index, and what an upgrade keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from beastmode_otel.cache.tiers.postgres import schema as sql
from beastmode_otel.cache.tiers.postgres.connection import Servers, connect
from beastmode_otel.cache.tiers.postgres.migrate import PostgresMigrator, shipped
from beastmode_otel.cache.tiers.postgres.tier import PostgresTier
from beastmode_otel.config.postgres_url import read_postgres_url
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, entry, key
from support import postgres

# Half of the tenant's entries are of one scope, the other scopes' between them.
_FILL = """insert into beastmode.llm_cache (tenant, key, scope, namespace, v, model_requested, model_served, enc,
        created_at, expires_at, last_accessed_at, payload)
    select 'acme', sha256(n::text::bytea),
        case when n % 2 = 0 then '\\x01'::bytea else sha256((n % 50)::text::bytea) end, 'shop', 1, 'm', 'm', 'envelope',
        now() - n * interval '1 ms', now() + interval '1 day', now(), '\\x00'::bytea
    from generate_series(1, 20000) n"""


@pytest.fixture
def server() -> postgres.PostgresServer:
    return postgres.shared()


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool("l3", size=1)
    yield made
    made.close()


def plan(url: str, query: Any) -> str:
    """What the server would do, asked by the role whose rows they are."""
    statement, values = query
    connection = connect(Servers(read_postgres_url(url), 20.0), time.monotonic() + 20.0)
    try:
        rows, _ = connection.run(
            [sql.of_tenant("acme", 20.0), (b"explain " + statement, values)], time.monotonic() + 20
        )[-1]
    finally:
        connection.close()
    return "\n".join(line for (line,) in rows)


def test_a_page_of_a_scope_is_read_in_the_order_of_the_index(server: postgres.PostgresServer) -> None:
    database = server.database()
    url = server.role(database, "reads")
    with server.admin(database) as admin:
        admin.execute(_FILL)
        admin.execute("analyze beastmode.llm_cache")
    now = time.time()
    for below in (now + 1, now - 5):  # the first page, and one in the middle
        told = plan(url, sql.scan("acme", now, (below, "acme", b""), 50, scope=b"\x01"))
        assert "using llm_cache_scope_age" in told
        assert "Sort" not in told
        (condition,) = (line for line in told.splitlines() if "Index Cond" in line)
        assert all(f"({column}" in condition for column in ("tenant =", "scope =", "ROW(created_at"))


def test_an_older_schema_is_brought_up_to_date_and_keeps_its_entries(
    server: postgres.PostgresServer, pool: WorkerPool
) -> None:
    database = server.database(migrated=False)
    first, *later = shipped()
    with server.admin(database) as admin:
        admin.execute("create schema beastmode")
        admin.execute("""create table beastmode.schema_migrations (version integer primary key, checksum text not null,
            applied_at timestamptz not null default now())""")
        admin.execute(first.script)
        now = time.time()
        one = entry(key("kept"), created_at=now, expires_at=now + 600)
        statement, values = sql.put(one, CODEC.encode(one), now)
        url = server.role(database, "upgrades")
        connection = connect(Servers(read_postgres_url(url), 20.0), time.monotonic() + 20.0)
        connection.run([sql.of_tenant(one.key.tenant, 20.0), (statement, values)], time.monotonic() + 20.0)
        connection.close()
    assert PostgresMigrator(read_postgres_url(server.url(database))).apply() == [step.name for step in later]
    tier = PostgresTier(read_postgres_url(url), codec=CODEC, pool=pool, hard=20.0)
    assert tier.ask(one.key).take() == one
    tier.close()
