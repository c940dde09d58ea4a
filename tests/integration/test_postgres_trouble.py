"""What requests notice of an L3 in Postgres that dies, hangs, fills up, restarts or changes underneath: nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter
from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.postgres.tier import PostgresTier
from beastmode_otel.config.postgres_url import read_postgres_url
from beastmode_otel.runtime import WorkerPool
from beastmode_otel.simulator import Simulator
from contract.samples import CODEC, entry, key
from support import postgres
from support.redis_servers import black_hole, free_port

HARD = 0.5


@pytest.fixture(scope="module")
def own() -> Iterator[postgres.PostgresServer]:
    """What these tests do to it no other test may meet."""
    made = postgres.PostgresServer("max_connections=8", "superuser_reserved_connections=3", "autovacuum=off")
    yield made
    made.close()


@pytest.fixture
def server(own: postgres.PostgresServer) -> Iterator[postgres.PostgresServer]:
    yield own
    own.resume()
    if not own.running:
        own.start()


@pytest.fixture
def database(server: postgres.PostgresServer) -> str:
    return server.database()


@pytest.fixture
def url(server: postgres.PostgresServer, database: str) -> str:
    return server.role(database, "app")


@pytest.fixture
def make() -> Iterator[Callable[..., PostgresTier]]:
    made: list[tuple[PostgresTier, WorkerPool]] = []

    def tier(url: str, *, hard: float = 20.0) -> PostgresTier:
        pool = WorkerPool("l3", size=2)
        one = PostgresTier(read_postgres_url(url), codec=CODEC, pool=pool, hard=hard, tell=lambda text: None)
        made.append((one, pool))
        return one

    yield tier
    for one, pool in made:
        pool.close()
        one.close()


def fresh(name: object = "q") -> Entry:
    now = time.time()
    return entry(key(name), created_at=now, expires_at=now + 600)


def refusals(tier: PostgresTier) -> list[TierUnavailable]:
    """Of a read each way, and a write."""

    async def read() -> None:
        try:
            await tier.get(key())
        finally:
            await tier.aclose()

    refused = []
    for call in (lambda: tier.ask(key()).take(), lambda: asyncio.run(read()), lambda: tier.put(fresh())):
        with pytest.raises(TierUnavailable) as caught:
            call()
        refused.append(caught.value)
    return refused


# How long trouble takes.


def test_a_dead_port_costs_next_to_nothing(make: Any) -> None:
    tier = make(f"postgresql://app@127.0.0.1:{free_port()}/db", hard=HARD)
    refusals(tier)
    began = time.monotonic()
    told = [one for _ in range(10) for one in refusals(tier)]
    assert (time.monotonic() - began) / len(told) < 0.5
    assert not any(one.healthy for one in told)
    assert "refused" in told[0].reason


def test_a_black_hole_costs_the_hard_timeout(make: Any) -> None:
    with black_hole() as port:
        tier = make(f"postgresql://app@127.0.0.1:{port}/db", hard=HARD)
        began = time.monotonic()
        told = refusals(tier)
        assert 1.2 < time.monotonic() - began < 10.0
        assert [(one.healthy, one.reason) for one in told] == [(False, "no answer in time")] * 3


def test_a_stopped_server_costs_the_hard_timeout(make: Any, server: postgres.PostgresServer, url: str) -> None:
    tier = make(url, hard=HARD)
    tier.put(fresh())
    assert tier.ask(key()).take() is not None
    server.suspend()
    began = time.monotonic()
    told = refusals(tier)
    assert 1.2 < time.monotonic() - began < 10.0
    assert not any(one.healthy for one in told)
    server.resume()
    assert tier.ask(key()).take() is not None


def test_asking_a_server_that_hangs_takes_no_time_and_loses_no_answer(
    make: Any, server: postgres.PostgresServer, url: str
) -> None:
    tier = make(url)
    tier.put(fresh())
    server.suspend()
    began = time.monotonic()
    pending = tier.ask(key())
    assert not pending.ready(0.05)
    assert 0.04 < time.monotonic() - began < 8.0
    server.resume()
    assert pending.ready(10.0)
    assert pending.take() is not None


def test_a_statement_that_waits_for_a_lock_ends_on_the_server_too(
    make: Any, server: postgres.PostgresServer, database: str, url: str
) -> None:
    tier = make(url, hard=HARD)
    tier.put(fresh())
    with psycopg.connect(server.url(database)) as other:
        other.execute("lock table beastmode.llm_cache")
        assert not any(one.healthy for one in refusals(tier))
        time.sleep(2 * HARD)
        with server.admin(database) as admin:
            waiting = "select count(*) from pg_locks where not granted"
            assert admin.execute(waiting).fetchone() == (0,)


def test_a_standby_answers_reads_and_is_healthy(
    make: Any, server: postgres.PostgresServer, database: str, url: str
) -> None:
    tier = make(url)
    tier.put(fresh())
    with server.admin(database) as admin:
        admin.execute(f"alter database {database} set default_transaction_read_only = on")
    tier = make(url)
    with pytest.raises(TierUnavailable, match="read-only") as refused:
        tier.put(fresh("another"))
    assert refused.value.healthy
    assert tier.ask(key()).take() is not None


def test_no_connection_left_is_a_fault_of_the_servers_health(
    make: Any, server: postgres.PostgresServer, database: str, url: str
) -> None:
    tier = make(url)
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(psycopg.connect(url))
            except psycopg.OperationalError:
                break
        told = refusals(tier)
    assert not any(one.healthy for one in told)
    assert "too many" in told[0].reason or "reserved" in told[0].reason


def test_after_a_restart_the_next_read_opens_another_connection(
    make: Any, server: postgres.PostgresServer, url: str
) -> None:
    tier = make(url)
    for end in (server.stop, server.kill):
        tier.put(fresh())
        assert tier.ask(key()).take() is not None
        end()
        refusals(tier)
        server.start()
        tier.put(fresh("another"))
        assert tier.ask(key("another")).take() is not None


def test_when_the_schema_goes_the_connections_are_looked_at_anew(
    make: Any, server: postgres.PostgresServer, database: str, url: str
) -> None:
    tier = make(url)
    tier.put(fresh())
    with server.admin(database) as admin:
        admin.execute("drop schema beastmode cascade")
    refusals(tier)
    assert "there is no schema of the cache" in refusals(tier)[0].reason


# Requests.


TROUBLES = ("killed", "stopped", "suspended", "full", "read-only", "newer", "dropped")


class Trouble:
    """Something bad, and its end."""

    def __init__(self, server: postgres.PostgresServer, database: str, url: str) -> None:
        self._server, self._database, self._url = server, database, url
        self._held = ExitStack()

    def begin(self, what: str) -> None:
        match what:
            case "killed":
                self._server.kill()
            case "stopped":
                self._server.stop()
            case "suspended":
                self._server.suspend()
            case "full":
                for _ in range(20):
                    try:
                        self._held.enter_context(psycopg.connect(self._url))
                    except psycopg.OperationalError:
                        break
            case _:
                with self._server.admin(self._database) as admin:
                    admin.execute(
                        {
                            "read-only": f"alter database {self._database} set default_transaction_read_only = on",
                            "newer": "insert into beastmode.schema_migrations values (99, 'later')",
                            "dropped": "drop schema beastmode cascade",
                        }[what]
                    )
                    admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")

    def end(self) -> None:
        self._server.resume()
        if not self._server.running:
            self._server.start()
        self._held.close()


@pytest.fixture
def trouble(server: postgres.PostgresServer, database: str, url: str) -> Iterator[Trouble]:
    made = Trouble(server, database, url)
    yield made
    made.end()


def settings(simulator: Simulator, url: str) -> dict[str, Any]:
    return {
        "cache": {"mode": "on", "l3": {"url": url, "hard": HARD}, "l1": {"max_entries": 1}},
        "deployments": {"main": {"base_url": simulator.url(), "model": "m", "provider": "openai"}},
        "routes": {"custom:chat": {"deployments": [{"name": "main"}]}},
    }


def body(number: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"prompt {number}"}]}


@pytest.mark.parametrize("what", TROUBLES)
def test_no_request_fails(what: str, trouble: Trouble, url: str, simulator: Simulator, caplog: Any) -> None:
    caplog.set_level(logging.CRITICAL, "beastmode_otel")
    with ModelRouter(settings(simulator, url)) as router:
        for number in range(3):
            router.route("custom:chat", body(number))
        trouble.begin(what)
        longest = 0.0
        for number in range(12):
            began = time.monotonic()
            assert router.route("custom:chat", body(number)).text
            longest = max(longest, time.monotonic() - began)
        trouble.end()
    assert longest < 5.0


async def _ask_in_trouble(what: str, trouble: Trouble, url: str, simulator: Simulator) -> int:
    async with AsyncModelRouter(settings(simulator, url)) as router:
        for number in range(3):
            await router.route("custom:chat", body(number))
        trouble.begin(what)
        answers = await asyncio.gather(*(router.route("custom:chat", body(number)) for number in range(12)))
        trouble.end()
        return sum(bool(answer.text) for answer in answers)


@pytest.mark.parametrize("what", TROUBLES)
def test_no_request_fails_in_asyncio(what: str, trouble: Trouble, url: str, simulator: Simulator, caplog: Any) -> None:
    caplog.set_level(logging.CRITICAL, "beastmode_otel")
    assert asyncio.run(_ask_in_trouble(what, trouble, url, simulator)) == 12
