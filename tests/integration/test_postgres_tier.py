"""L3 against a real Postgres: whose rows are whose, what is sent, and how much is done at once."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.tier import Filter, TierUnavailable
from beastmode_otel.cache.tiers.postgres.inspect import PostgresInspection
from beastmode_otel.cache.tiers.postgres.migrate import PostgresMigrator
from beastmode_otel.cache.tiers.postgres.schema import PURGE_LOCK
from beastmode_otel.cache.tiers.postgres.tier import PostgresTier
from beastmode_otel.config.postgres_url import read_postgres_url
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, entry, key
from support import postgres
from support.crowd import wait_until
from support.relay import Relay
from support.transaction_pooler import TransactionPooler

Make = Callable[..., PostgresTier]


@pytest.fixture
def server() -> postgres.PostgresServer:
    return postgres.shared()


@pytest.fixture
def database(server: postgres.PostgresServer) -> str:
    return server.database()


@pytest.fixture
def admin(server: postgres.PostgresServer, database: str) -> Iterator[Any]:
    with server.admin(database) as connection:
        yield connection


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[tuple[PostgresTier, WorkerPool]] = []

    def tier(url: str, *, hard: float = 20.0, **options: Any) -> PostgresTier:
        pool = WorkerPool("l3", size=2)
        one = PostgresTier(read_postgres_url(url), codec=CODEC, pool=pool, hard=hard, **options)
        made.append((one, pool))
        return one

    yield tier
    for one, pool in made:
        pool.close()
        one.close()


def fresh(name: object = "q", ttl: float = 600.0, *, tenant: str = "acme", **changes: Any) -> Entry:
    now = time.time()
    return entry(key(name, tenant=tenant), created_at=now, expires_at=now + ttl, **changes)


def both_ways(tier: PostgresTier, name: object = "q", tenant: str = "acme") -> list[Entry | None]:
    async def read() -> Entry | None:
        try:
            return await tier.get(key(name, tenant=tenant))
        finally:
            await tier.aclose()

    return [tier.ask(key(name, tenant=tenant)).take(), asyncio.run(read())]


# Tenants.


@pytest.fixture
def filled(server: postgres.PostgresServer, database: str, make: Make) -> PostgresTier:
    """By a role for all tenants: an entry of acme, one of other."""
    tier = make(server.role(database, "app"))
    tier.put(fresh())
    tier.put(fresh(tenant="other"))
    return tier


ATTEMPTS = (
    "select count(*) from beastmode.llm_cache where tenant = 'other'",
    "with gone as (delete from beastmode.llm_cache where tenant = 'other' returning 1) select count(*) from gone",
    "with hit as (update beastmode.llm_cache set hit_count = 9 where tenant = 'other' returning 1)"
    " select count(*) from hit",
)  # fmt: skip
FORGERIES = ("", "set beastmode.tenant = 'other'", "set beastmode.all_tenants = 'on'", "set role app_acme",
             "set row_security = on")  # fmt: skip


@pytest.mark.parametrize("forged", FORGERIES)
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_role_of_one_tenant_cannot_touch_anothers_rows_whatever_it_says(
    server: postgres.PostgresServer, database: str, filled: PostgresTier, forged: str, attempt: str
) -> None:
    url = server.role(database, "app_acme", "acme")
    with psycopg.connect(url, autocommit=True) as session:
        if forged:
            session.execute(forged.encode())
        assert session.execute(attempt.encode()).fetchone() == (0,)
    assert all(both_ways(filled, tenant="other"))


def test_it_cannot_write_as_another_tenant_nor_admit_itself(
    server: postgres.PostgresServer, database: str, filled: PostgresTier, make: Make
) -> None:
    tier = make(server.role(database, "app_acme", "acme"))
    assert all(both_ways(tier))
    assert both_ways(tier, tenant="other") == [None, None]
    with pytest.raises(TierUnavailable) as refused:
        tier.put(fresh("new", tenant="other"))
    assert refused.value.healthy  # acme's requests go on
    with psycopg.connect(server.url(database, "app_acme"), autocommit=True) as session:
        for forbidden in (
            "insert into beastmode.tenant_roles values ('app_acme', '')",
            "select * from beastmode.tenant_roles",
            "select beastmode.admit('app_acme')",
            "alter table beastmode.llm_cache disable row level security",
            "set session authorization postgres",
            "drop policy of_tenant on beastmode.llm_cache",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden.encode())
        session.execute("set beastmode.tenant = 'other'")
        lease = "insert into beastmode.llm_lease values ('other', decode(repeat('00', 32), 'hex'), 1, now())"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(lease)


def test_a_role_for_all_tenants_sees_the_one_that_the_transaction_names(
    server: postgres.PostgresServer, database: str, filled: PostgresTier
) -> None:
    with psycopg.connect(server.url(database, "app"), autocommit=True) as session:
        count = "select count(*) from beastmode.llm_cache"
        assert session.execute(count).fetchone() == (0,)
        session.execute("set beastmode.tenant = 'other'")
        assert session.execute(count).fetchone() == (1,)


def test_a_role_that_nobody_admitted_sees_nothing_though_it_has_the_grants(
    server: postgres.PostgresServer, database: str, filled: PostgresTier, admin: Any, make: Make
) -> None:
    url = server.role(database, "guest", "acme")
    admin.execute("delete from beastmode.tenant_roles where role = 'guest'")
    assert both_ways(make(url)) == [None, None]


def test_a_role_without_grants_is_told_what_to_do(
    server: postgres.PostgresServer, database: str, admin: Any, make: Make
) -> None:
    server.role(server.database(), "stranger")
    told: list[str] = []
    tier = make(server.url(database, "stranger"), tell=told.append)
    for _ in range(3):
        with pytest.raises(TierUnavailable, match=r"select beastmode.admit\('…'\)"):
            tier.ask(key()).take()
    assert len(told) == 1


def test_a_role_that_bypasses_the_policies_is_kept_to_the_tenant_by_each_statement(
    server: postgres.PostgresServer, database: str, filled: PostgresTier, admin: Any, make: Make
) -> None:
    url = server.role(database, "service_role_like", "acme")
    admin.execute("alter role service_role_like bypassrls")
    tier = make(url)
    assert both_ways(tier, "none", "acme") == [None, None]
    assert tier.invalidate(Filter(tenant="nobody"), time.time()) == 0
    assert [one.key.tenant for one in tier.scan("acme", 10)] == ["acme"]
    look = PostgresInspection(read_postgres_url(url), codec=CODEC)
    assert look.totals("acme", time.time()).entries == 1
    assert look.related(key("another")) == (1, 0)
    assert [one.model for one in look.totals_by_model("nobody")] == []
    look.close()
    assert tier.invalidate(Filter(tenant="acme"), time.time()) == 1
    assert all(both_ways(filled, tenant="other"))


def test_the_owner_is_kept_to_it_too(server: postgres.PostgresServer, make: Make) -> None:
    database = server.database(migrated=False)
    with server.admin(database) as admin:
        admin.execute("create role owner_of_it login")
        admin.execute(f"grant create on database {database} to owner_of_it")
    url = server.url(database, "owner_of_it")
    PostgresMigrator(read_postgres_url(url)).apply()
    tier = make(url)
    tier.put(fresh())
    assert all(both_ways(tier))
    with psycopg.connect(url, autocommit=True) as session:
        assert session.execute("select count(*) from beastmode.llm_cache").fetchone() == (0,)
        assert session.execute("select relforcerowsecurity from pg_class where relname = 'llm_cache'").fetchone() == (
            True,
        )


def test_the_roles_of_supabases_api_get_nothing(server: postgres.PostgresServer) -> None:
    database = server.database(migrated=False)
    with server.admin(database) as admin:
        for role in ("anon", "authenticated"):
            if not admin.execute("select from pg_roles where rolname = %s", (role,)).fetchall():
                admin.execute(f"create role {role} login")
            admin.execute(f"alter default privileges grant all on tables to {role}")
            admin.execute(f"alter default privileges grant all on schemas to {role}")
        PostgresMigrator(read_postgres_url(server.url(database))).apply()
        for role in ("anon", "authenticated"):
            for privilege in ("select", "insert", "update", "delete"):
                said = admin.execute("select has_table_privilege(%s, 'beastmode.llm_cache', %s)", (role, privilege))
                assert said.fetchone() == (False,)
            assert admin.execute("select has_schema_privilege(%s, 'beastmode', 'usage')", (role,)).fetchone() == (
                False,
            )
            admin.execute(f"alter default privileges revoke all on tables from {role}")
            admin.execute(f"alter default privileges revoke all on schemas from {role}")


# What is sent.


def test_it_needs_no_session_behind_a_transaction_pooler(
    server: postgres.PostgresServer, database: str, make: Make
) -> None:
    server.role(database, "app")
    pooler = TransactionPooler(server.port)
    tier = make(server.url(database, "app", port=pooler.port))
    for number in range(5):
        tier.put(fresh(number))
        assert all(both_ways(tier, number))
    assert both_ways(tier, "none") == [None, None]
    token = tier.leases.acquire(key(), 5.0).token
    assert tier.leases.renew(key(), token, 5.0)
    assert tier.stats().entries == 5
    assert tier.invalidate(Filter(tenant="acme"), time.time()) == 5
    assert pooler.transactions > 20
    pooler.close()


def test_a_read_is_one_round_trip_and_leaves_nothing_behind(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any
) -> None:
    server.role(database, "app")
    relay = Relay(server.port)
    tier = make(server.url(database, "app", port=relay.port))
    tier.put(fresh())
    before = relay.messages
    for _ in range(10):
        assert tier.ask(key()).take() is not None
    assert relay.messages - before == 10
    assert relay.accepted == 1
    assert admin.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone() == (0,)
    relay.close()


def test_prepared_reads_are_one_round_trip_and_kept_to_their_tenant(
    server: postgres.PostgresServer, database: str, make: Make
) -> None:
    server.role(database, "app_acme", "acme")
    filler = make(server.role(database, "app"))
    for tenant in ("acme", "other"):
        filler.put(fresh(tenant=tenant))
    relay, told = Relay(server.port), list[str]()
    tier = make(server.url(database, "app_acme", port=relay.port), prepare=True, tell=told.append)
    assert tier.ask(key()).take() is not None
    before = relay.messages
    for _ in range(10):  # beyond what the server takes to choose a plan for all parameters
        assert tier.ask(key()).take() is not None
        assert tier.ask(key(tenant="other")).take() is None
    assert relay.messages - before == 20
    assert all(both_ways(tier))
    known = [one for one in _sessions(tier) if one.run([_NAMES], time.monotonic() + 20)[0][0] == [(2,)]]
    assert len(known) == 1
    assert told == []
    relay.close()


_NAMES = (b"select count(*) from pg_prepared_statements where name like 'beastmode_%'", ())


def _sessions(tier: PostgresTier) -> list[Any]:
    return [connection for _, connection in tier._db._idle._waiting]


def test_prepared_reads_behind_a_transaction_pooler_are_given_up_and_nothing_fails(
    server: postgres.PostgresServer, database: str, make: Make
) -> None:
    server.role(database, "app")
    pooler, told = TransactionPooler(server.port), list[str]()
    tier = make(server.url(database, "app", port=pooler.port), prepare=True, tell=told.append)
    for number in range(5):
        tier.put(fresh(number))
        assert all(both_ways(tier, number))
    assert len(told) == 1
    assert "prepare = true has no effect" in told[0]
    pooler.close()


def test_hits_are_counted_in_one_update_when_it_closes(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any
) -> None:
    server.role(database, "app")
    relay = Relay(server.port)
    tier = make(server.url(database, "app", port=relay.port))
    for number in range(20):
        tier.put(fresh(number))
    for number in range(20):
        for _ in range(number):
            tier.ask(key(number)).take()
    counted = "select sum(hit_count), max(hit_count) from beastmode.llm_cache"
    assert admin.execute(counted).fetchone() == (0, 0)
    before = relay.messages
    tier.close()
    assert admin.execute(counted).fetchone() == (190, 19)
    assert relay.messages - before <= 2  # the update, and goodbye
    relay.close()


def test_an_invalidation_misses_no_row_that_is_being_counted(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any
) -> None:
    """The counting transaction ends while the invalidation waits for its row, which has moved by then."""
    tier = make(server.role(database, "app"))
    tier.put(fresh(tags=("faq",)))
    gone = list[int]()
    with server.admin(database) as counting:
        counting.autocommit = False
        counting.execute("update beastmode.llm_cache set hit_count = hit_count + 1")
        asked = threading.Thread(target=lambda: gone.append(tier.invalidate(Filter(tenant="acme", tag="faq"), 0.0)))
        asked.start()
        waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        wait_until(lambda: admin.execute(waits).fetchone() == (1,))
        counting.commit()
        asked.join(20)
    assert gone == [1]
    assert both_ways(tier) == [None, None]


def test_two_that_count_the_same_lose_nothing(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any
) -> None:
    tiers = [make(server.role(database, "app")) for _ in range(2)]
    tiers[0].put(fresh())
    for tier in tiers:
        for _ in range(5):
            tier.ask(key()).take()
    with psycopg.connect(server.url(database)) as other:  # holds the row while both want it
        other.execute("update beastmode.llm_cache set hit_count = 100")
        jobs = [tier._pool.submit(tier._count_hits) for tier in tiers]
        time.sleep(0.2)
        other.commit()
        for job in jobs:
            job.result(20)
    assert admin.execute("select hit_count from beastmode.llm_cache").fetchone() == (110,)


def test_counting_and_invalidating_the_same_entries_do_not_wait_for_each_other_in_a_circle(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any
) -> None:
    counting, removing = (make(server.role(database, "app")) for _ in range(2))
    names = sorted(range(3), key=lambda name: key(name).digest)
    for name in reversed(names):  # so that the order of the rows on disk is not that of their keys
        counting.put(fresh(name))
    for name in names:
        counting.ask(key(name)).take()
    with psycopg.connect(server.url(database)) as other:  # each of both has one row by then, and wants this one
        held = "select from beastmode.llm_cache where key = %s for update"
        other.execute(held, (key(names[1]).digest,))
        counted = counting._pool.submit(counting._count_hits)
        time.sleep(0.1)
        removed = removing._pool.submit(lambda: removing.invalidate(Filter(tenant="acme"), time.time()))
        time.sleep(0.2)
        other.commit()
        counted.result(20)
        assert removed.result(20) == 3  # also those that have changed while it waited
    assert admin.execute("select count(*) from beastmode.llm_cache").fetchone() == (0,)
    deadlocks = "select deadlocks from pg_stat_database where datname = current_database()"
    assert admin.execute(deadlocks).fetchone() == (0,)


def test_many_that_invalidate_at_once_never_wait_in_a_circle(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any
) -> None:
    url = server.role(database, "app")
    grow(admin, 3_000, 600)
    filters = [Filter(tenant="acme"), Filter(tenant="acme", older_than=0.0), Filter(tenant="acme", model="m")]
    jobs = []
    for which in filters:
        tier = make(url)
        jobs.append(tier._pool.submit(lambda tier=tier, which=which: tier.invalidate(which, time.time() + 10)))
    assert sum(job.result(20) for job in jobs) == 3_000
    assert admin.execute("select count(*) from beastmode.llm_cache").fetchone() == (0,)


def test_hits_that_cannot_be_counted_hold_up_no_purge_and_say_nothing_about_its_health(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beastmode_otel.cache.tiers.postgres.tier.LONG", 1.0)
    tier = make(server.role(database, "app"))
    tier.put(fresh())
    grow(admin, 10, -10)
    assert tier.ask(key()).take() is not None
    with psycopg.connect(server.url(database)) as other:
        other.execute("select from beastmode.llm_cache where expires_at > now() for update")
        assert tier.purge(time.time()) == 10
    assert tier.ask(key()).take() is not None
    assert tier.purge(time.time()) == 0
    assert admin.execute("select hit_count from beastmode.llm_cache").fetchone() == (1,)  # not those of then


def test_counting_hits_has_the_time_of_what_nobody_waits_for(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any
) -> None:
    tier = make(server.role(database, "app"), hard=0.3)
    tier.put(fresh())
    assert tier.ask(key()).take() is not None
    with psycopg.connect(server.url(database)) as other:
        other.execute("select from beastmode.llm_cache for update")
        counted = tier._pool.submit(tier._count_hits)
        time.sleep(0.8)  # longer than a read or a write may take
        other.commit()
        counted.result(20)
    assert admin.execute("select hit_count from beastmode.llm_cache").fetchone() == (1,)


def test_no_index_is_on_what_each_hit_changes(admin: Any) -> None:
    indexed = "select indexdef from pg_indexes where tablename = 'llm_cache'"
    definitions = " ".join(text for (text,) in admin.execute(indexed).fetchall())
    assert "hit_count" not in definitions
    assert "last_accessed_at" not in definitions


# How much at once.


def grow(admin: Any, count: int, expires_in: int, size: int = 10) -> None:
    admin.execute(
        "insert into beastmode.llm_cache (tenant, key, scope, namespace, v, model_requested, model_served, enc,"
        " created_at, expires_at, last_accessed_at, payload)"
        " select 'acme', sha256(n::text::bytea), '', 'n', 1, 'm', 'm', 'envelope', now(),"
        " now() + make_interval(secs => %s), now(), convert_to(repeat('x', %s), 'UTF8')"
        " from generate_series(1, %s) n",
        (expires_in, size, count),
    )


def test_a_purge_is_bounded_and_of_one_process_at_a_time(
    server: postgres.PostgresServer, database: str, make: Make, admin: Any
) -> None:
    grow(admin, 11_000, -10)
    tier = make(server.role(database, "app"))
    with psycopg.connect(server.url(database)) as other:
        other.execute("select pg_advisory_xact_lock(%s)", (PURGE_LOCK,))
        assert tier.purge(time.time()) == 0
    assert [tier.purge(time.time()) for _ in range(3)] == [10_000, 1_000, 0]


def test_it_keeps_to_its_size(server: postgres.PostgresServer, database: str, make: Make, admin: Any) -> None:
    grow(admin, 300, 600, size=10_000)
    tier = make(server.role(database, "app"), max_bytes=1_000_000)
    tier.purge(time.time())
    assert 700_000 < tier.stats().size <= 1_000_000
    assert tier.purge(time.time()) == 0
    assert tier.stats().size > 700_000


# Forks.


def test_a_child_opens_its_own(server: postgres.PostgresServer, database: str, make: Make) -> None:
    tier = make(server.role(database, "app"))
    tier.put(fresh())
    assert all(both_ways(tier))
    child = os.fork()
    if child == 0:
        os._exit(0 if tier.ask(key()).take() is not None else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert all(both_ways(tier))
