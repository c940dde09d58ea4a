"""L3 searches a scope that is too large for the process: a real pgvector, in the Postgres of the wheel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter
from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.semantic import hydration
from beastmode_otel.cache.tier import Filter, TierUnavailable
from beastmode_otel.cache.tiers.postgres.migrate import VECTORS, PostgresMigrator, shipped
from beastmode_otel.cache.tiers.postgres.tier import PostgresTier
from beastmode_otel.cli import main
from beastmode_otel.config.postgres_url import read_postgres_url
from beastmode_otel.runtime import WorkerPool
from beastmode_otel.simulator import Behaviour, Simulator
from contract.samples import CODEC, entry, key
from support import postgres
from support.embedders import NGrams
from support.patience import wait_for_tiers
from support.recorder import Recorder

DIMENSIONS = 8
SECONDS = 20.0  # a busy machine is not what these tests are about


@pytest.fixture
def server() -> postgres.PostgresServer:
    return postgres.shared()


@pytest.fixture
def database(server: postgres.PostgresServer) -> str:
    """With room for vectors."""
    made = server.database()
    assert migrator(server.url(made)).apply(vectors=True) == [VECTORS]
    return made


@pytest.fixture
def make() -> Iterator[Callable[..., PostgresTier]]:
    made: list[tuple[PostgresTier, WorkerPool]] = []

    def tier(url: str, **options: Any) -> PostgresTier:
        pool = WorkerPool("l3", size=2)
        one = PostgresTier(read_postgres_url(url), codec=CODEC, pool=pool, hard=SECONDS, **options)
        made.append((one, pool))
        return one

    yield tier
    for one, pool in made:
        pool.close()
        one.close()


def migrator(url: str) -> PostgresMigrator:
    return PostgresMigrator(read_postgres_url(url))


def row(*at: float) -> Any:
    numbers = np.zeros(DIMENSIONS, "<f4")
    numbers[: len(at)] = at
    return numbers / np.linalg.norm(numbers)


def stored(name: object, *at: float, tenant: str = "acme", scope: str = "s", age: float = 0.0, **more: Any) -> Entry:
    now = time.time()
    facts = {"vector": row(*at).tobytes(), "embedder": "e 1", "question": str(name), "expires_at": now + 600}
    return entry(key(name, tenant=tenant, scope=scope), **{**facts, "created_at": now - age, **more})


def near(tier: PostgresTier, limit: int = 4, embedder: str = "e 1", **place: Any) -> list[str | None]:
    asked = key("asked", **{"tenant": "acme", "scope": "s", **place})
    return [one.question for one in tier.nearest(asked, row(1.0).tobytes(), embedder, limit, SECONDS)]


# What is found.


def test_the_nearest_of_a_scope_first_and_whole(server: postgres.PostgresServer, database: str, make: Any) -> None:
    tier = make(server.role(database, "finds"))
    entries = [stored(number, 1.0, number / 10) for number in range(20)]
    for one in (*entries[::2], *entries[1::2]):
        tier.put(one)
    assert near(tier) == ["0", "1", "2", "3"]
    assert near(tier, limit=1) == ["0"]
    asked = key("asked", tenant="acme", scope="s")
    assert tier.nearest(asked, row(1.0).tobytes(), "e 1", 20, SECONDS) == entries
    assert tier.nearest(asked, row(1.0).tobytes(), "e 1", 20, 0.0) == []


def test_of_no_other_tenant_scope_embedder_or_length(server: postgres.PostgresServer, database: str, make: Any) -> None:
    tier = make(server.role(database, "keeps"))
    tier.put(stored("own", 1.0, 3.0))
    tier.put(stored("other tenant", 1.0, tenant="evil"))
    tier.put(stored("other scope", 1.0, scope="t"))
    tier.put(stored("other embedder", 1.0, embedder="e 2"))
    tier.put(stored("longer", 1.0, vector=np.ones(DIMENSIONS + 1, "<f4").tobytes()))
    tier.put(stored("none", 1.0, vector=None))
    assert near(tier) == ["own"]
    assert near(tier, tenant="evil") == ["other tenant"]
    assert near(tier, scope="t") == ["other scope"]
    assert near(tier, embedder="e 2") == ["other embedder"]
    assert near(tier, embedder="e 3") == near(tier, scope="u") == near(tier, tenant="nobody") == []


def test_row_level_security_holds_for_vectors_too(server: postgres.PostgresServer, database: str, make: Any) -> None:
    everybody = make(server.role(database, "everybody"))
    everybody.put(stored("acme's", 1.0))
    everybody.put(stored("evil's", 1.0, tenant="evil"))
    url = server.role(database, "evil_only", "evil")
    assert near(make(url)) == []
    assert near(make(url), tenant="evil") == ["evil's"]
    with psycopg.connect(url) as connection:  # whatever it claims, and with no condition of its own
        connection.execute("select set_config('beastmode.tenant', 'acme', false)")
        assert connection.execute("select tenant from beastmode.llm_vector").fetchall() == []
        connection.execute("select set_config('beastmode.all_tenants', 'on', false)")
        assert connection.execute("select tenant from beastmode.llm_vector").fetchall() == [("evil",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("update beastmode.llm_vector set tenant = 'acme'")


def test_vectors_go_with_their_entries(server: postgres.PostgresServer, database: str, make: Any) -> None:
    tier = make(server.role(database, "drops"))
    for name in ("deleted", "invalidated", "expired", "kept"):
        tier.put(stored(name, 1.0, tags=(name,)))
    tier.delete(key("deleted", tenant="acme", scope="s"))
    tier.invalidate(Filter(tenant="acme", tag="invalidated"), time.time())
    with server.admin(database) as admin:
        admin.execute("update beastmode.llm_cache set expires_at = now() - interval '1 s' where tags = '{expired}'")
        tier.purge(time.time())
        assert admin.execute("select count(*) from beastmode.llm_vector").fetchone() == (1,)
    assert near(tier) == ["kept"]


def test_a_newer_entry_brings_its_own_vector_and_a_late_one_none(
    server: postgres.PostgresServer, database: str, make: Any
) -> None:
    tier = make(server.role(database, "replaces"))
    tier.put(stored("q", 0.0, 1.0, age=20.0))
    tier.put(stored("between", 1.0, 1.0))
    tier.put(stored("q", 1.0, age=10.0))
    assert near(tier) == ["q", "between"]
    tier.put(stored("q", 0.0, 1.0, age=15.0))
    assert near(tier) == ["q", "between"]
    tier.put(stored("gone", 1.0, expires_at=time.time() - 1))
    assert near(tier) == ["q", "between"]


def test_a_forged_vector_serves_nobody(server: postgres.PostgresServer, database: str, make: Any) -> None:
    """It leads to an entry, whose own vector decides."""
    tier = make(server.role(database, "forges"))
    tier.put(stored("far", 0.0, 1.0))
    with server.admin(database) as admin:
        admin.execute("update beastmode.llm_vector set vector = %s", (str([1.0] + [0.0] * (DIMENSIONS - 1)),))
    asked = key("asked", tenant="acme", scope="s")
    (found,) = tier.nearest(asked, row(1.0).tobytes(), "e 1", 4, SECONDS)
    assert found.vector == row(0.0, 1.0).tobytes()


def test_the_extension_may_lie_in_a_schema_of_its_own(server: postgres.PostgresServer, make: Any) -> None:
    database = server.database()
    with server.admin(database) as admin:
        admin.execute('create schema "the extensions"; create extension vector schema "the extensions"')
        admin.execute('grant usage on schema "the extensions" to public')
    migrator(server.url(database)).apply(vectors=True)
    tier = make(server.role(database, "elsewhere"))
    tier.put(stored("q", 1.0))
    assert near(tier) == ["q"]


# Making room.


def test_the_command_makes_room_once_and_shows_its_sql(
    server: postgres.PostgresServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = server.database(migrated=False)
    monkeypatch.setenv("BEASTMODE_L3_URL", server.url(database))
    assert main(["cache", "migrate", "--sql", "--pgvector"]) == 0
    whole = capsys.readouterr().out
    assert main(["cache", "migrate", "--dry-run", "--pgvector"]) == 0
    assert capsys.readouterr().out == whole
    assert "create extension if not exists vector" in whole
    assert main(["cache", "migrate", "--pgvector"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in (shipped()[-1].name, VECTORS))
    for words in (["--pgvector"], ["--pgvector", "--dry-run"]):
        assert main(["cache", "migrate", *words]) == 0
        assert "is up to date" in capsys.readouterr().out


def test_the_script_does_what_the_command_does(server: postgres.PostgresServer) -> None:
    database = server.database(migrated=False)
    with server.admin(database) as admin:
        admin.execute(migrator(server.url(database)).script(anew=True, vectors=True))
    assert migrator(server.url(database)).apply(vectors=True) == []


def test_who_was_admitted_before_and_who_is_after_may_use_them(server: postgres.PostgresServer, make: Any) -> None:
    database = server.database()
    before = make(server.role(database, "before"))
    migrator(server.url(database)).apply(vectors=True)
    after = make(server.role(database, "after"))
    before.put(stored("one", 1.0))
    after.put(stored("two", 1.0, 0.1))
    assert near(before) == near(after) == ["one", "two"]


def test_a_role_that_may_not_add_the_extension_is_told_who_may(server: postgres.PostgresServer) -> None:
    database = server.database(migrated=False)
    with server.admin(database) as admin:
        admin.execute(f"create role owns_{database} login; alter database {database} owner to owns_{database}")
        owner = migrator(server.url(database, f"owns_{database}"))
        owner.apply()
        with pytest.raises(
            TierUnavailable, match=r"may not add pgvector .* run `create extension vector` as one that may"
        ):
            owner.apply(vectors=True)
        admin.execute("create extension vector")
    assert owner.apply(vectors=True) == [VECTORS]


# When it is not well.


def test_an_entry_is_stored_and_read_whatever_becomes_of_the_vectors(
    server: postgres.PostgresServer, database: str, make: Any
) -> None:
    told: list[str] = []
    tier = make(server.role(database, "loses"), tell=told.append)
    tier.put(stored("first", 1.0))
    assert near(tier) == ["first"]
    with server.admin(database) as admin:
        admin.execute("drop extension vector cascade")
    assert near(tier) == []
    one = stored("second", 1.0)
    tier.put(one)
    assert tier.ask(one.key).take() == one
    (said,) = told
    assert "pgvector rests" in said


def test_a_search_ends_in_its_time_and_harms_no_read(server: postgres.PostgresServer, database: str, make: Any) -> None:
    tier = make(server.role(database, "waits"), tell=lambda text: None)
    one = stored("q", 1.0)
    tier.put(one)
    asked = key("asked", tenant="acme", scope="s")
    with psycopg.connect(server.url(database)) as blocking:
        blocking.execute("lock table beastmode.llm_vector in access exclusive mode")
        began = time.monotonic()
        assert tier.nearest(asked, row(1.0).tobytes(), "e 1", 4, 0.2) == []
        assert time.monotonic() - began < 10.0
        assert tier.nearest(asked, row(1.0).tobytes(), "e 1", 4, SECONDS) == []  # it rests: nobody waits for the lock
        assert tier.ask(one.key).take() == one


# Through the router.

QUESTIONS = [f"What is the postal code of {town}?" for town in (
    "Aberdeen", "Brighton", "Cardiff", "Dundee", "Exeter", "Falkirk", "Glasgow", "Hereford", "Inverness", "Jarrow",
)]  # fmt: skip


@pytest.fixture
def config(
    server: postgres.PostgresServer, database: str, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Where a process holds three entries of a scope, and the newest are others than the one that is asked for."""
    wait_for_tiers(monkeypatch)
    monkeypatch.setattr(hydration, "MOST_ENTRIES", 3)
    simulator.define("a", Behaviour(text="An answer."))
    return {
        "deployments": {"a": {"base_url": simulator.url("a"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": {
            "mode": "semantic", "l3": {"url": server.role(database, "routes")},
            "semantic": {"embedder": NGrams(), "seconds": SECONDS},
        },
    }  # fmt: skip


def body(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def fill(config: dict[str, Any]) -> None:
    with ModelRouter(config) as router:
        for question in QUESTIONS:
            assert router.route("chat", body(question)).cache.status == "miss"
            time.sleep(0.002)


SIMILAR = "What is the postal code of Aberdeen, please?"


SEARCHED = "beastmode.cache.semantic.searched"


def test_a_question_beyond_what_is_in_memory_is_answered(config: dict[str, Any]) -> None:
    fill(config)
    recorder = Recorder()
    with ModelRouter(config, **recorder.providers) as router:
        said = router.route("chat", body(SIMILAR)).cache
        assert (said.match, said.tier, said.verdict) == ("semantic", "l3", "served")
        assert router.route("chat", body("What is the postal code of Jarrow, please?")).cache.verdict == "served"
        assert router.route("chat", body("Who wrote this song?")).cache.verdict == "below_threshold"
    looks = [dict(span.attributes or {}) for span in recorder.spans() if span.name == "cache.match"]
    assert [look.get(SEARCHED) for look in looks] == ["l3", None, "l3"]


def test_in_asyncio_too(config: dict[str, Any]) -> None:
    fill(config)

    async def ask() -> Any:
        async with AsyncModelRouter(config) as router:
            return (await router.route("chat", body(SIMILAR))).cache

    said = asyncio.run(ask())
    assert (said.match, said.tier, said.verdict) == ("semantic", "l3", "served")


def test_without_the_vectors_only_what_is_in_memory_is(
    config: dict[str, Any], server: postgres.PostgresServer, database: str
) -> None:
    with server.admin(database) as admin:
        admin.execute("drop table beastmode.llm_vector; drop function beastmode.admit_to_vectors cascade")
    fill(config)
    with ModelRouter(config) as router:
        assert router.route("chat", body("What is the postal code of Jarrow, please?")).cache.match == "semantic"
        assert router.route("chat", body(SIMILAR)).cache.status == "miss"
