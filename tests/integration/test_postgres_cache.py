"""A router, the command line and the migrations on a real Postgres."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter
from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.postgres.migrate import PostgresMigrator, shipped
from beastmode_otel.cli import main
from beastmode_otel.config.postgres_url import read_postgres_url
from beastmode_otel.simulator import Simulator
from support import postgres
from support.patience import wait_for_tiers
from support.redis_servers import free_port

BODY = {"messages": [{"role": "user", "content": "a PLANTED prompt"}]}


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_tiers(monkeypatch)


def until(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


@pytest.fixture
def server() -> postgres.PostgresServer:
    return postgres.shared()


@pytest.fixture
def database(server: postgres.PostgresServer) -> str:
    """A new one, with the schema."""
    return server.database()


@pytest.fixture
def url(server: postgres.PostgresServer, database: str) -> str:
    """Of a role that is neither owner nor superuser."""
    return server.role(database, "app")


@pytest.fixture
def config(simulator: Simulator) -> Callable[[str], dict[str, Any]]:
    def made(url: str, **l3: Any) -> dict[str, Any]:
        return {
            "namespace": "shop",
            "cache": {"mode": "on", "l3": {"url": url, "soft": 10.0, "hard": 20.0, **l3}},
            "deployments": {"main": {"base_url": simulator.url(), "model": "m", "provider": "openai"}},
            "routes": {"custom:chat": {"deployments": [{"name": "main"}]}},
        }

    return made


# Through the router.


def test_what_one_process_bought_another_is_answered_with(config: Any, url: str, simulator: Simulator) -> None:
    with ModelRouter(config(url)) as first:
        bought = first.route("custom:chat", BODY)
    with ModelRouter(config(url)) as second:
        again = second.route("custom:chat", BODY)
        third = second.route("custom:chat", BODY)
    assert (bought.cache.status, again.cache.status, third.cache.status) == ("miss", "hit", "hit")
    assert (again.cache.tier, third.cache.tier, again.text) == ("l3", "l1", bought.text)
    assert simulator.received == 1


def test_asyncio_reads_it_too_in_one_loop_after_another(config: Any, url: str, simulator: Simulator) -> None:
    async def ask() -> tuple[str, str | None]:
        async with AsyncModelRouter(config(url)) as router:
            answer = await router.route("custom:chat", BODY)
            return answer.cache.status, answer.cache.tier

    assert [asyncio.run(ask()) for _ in range(3)] == [("miss", None), ("hit", "l3"), ("hit", "l3")]
    assert simulator.received == 1


def test_an_invalidation_reaches_it(config: Any, url: str, simulator: Simulator) -> None:
    with ModelRouter(config(url)) as router:
        router.route("custom:chat", BODY, tags=["faq"])
    with ModelRouter(config(url)) as router:
        assert router.invalidate(tenant="other") == 0
        assert router.invalidate(tag="faq") == 1
        assert router.route("custom:chat", BODY).cache.status == "miss"
    assert simulator.received == 2


def test_a_dead_server_keeps_no_router_from_starting_and_says_so_once(
    config: Any, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    dead = f"postgresql://app:PLANTED-password@127.0.0.1:{port}/shop"
    with caplog.at_level(logging.WARNING, "beastmode_otel"), ModelRouter(config(dead)) as router:
        assert until(lambda: len(caplog.records) > 0)
        for number in range(5):
            assert router.route("custom:chat", {**BODY, "seed": number}).cache.status == "miss"
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(
        f"the cache works without its L3, postgresql://127.0.0.1:{port}/shop, until this is mended: "
    )
    assert "refused" in said
    assert "PLANTED" not in said


def test_a_server_without_the_schema_is_not_used_until_it_is_migrated(
    config: Any, server: postgres.PostgresServer, caplog: pytest.LogCaptureFixture, simulator: Simulator
) -> None:
    empty = server.url(server.database(migrated=False))
    with caplog.at_level(logging.WARNING, "beastmode_otel"), ModelRouter(config(empty)) as router:
        assert until(lambda: len(caplog.records) > 0)
        assert router.route("custom:chat", BODY).cache.status == "miss"
        PostgresMigrator(read_postgres_url(empty)).apply()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "there is no schema of the cache: run `beastmode-otel cache migrate`" in said
    with ModelRouter(config(empty)) as router:
        router.route("custom:chat", BODY)
    with ModelRouter(config(empty)) as router:
        assert router.route("custom:chat", BODY).cache.tier == "l3"


# The command line.


@pytest.fixture
def shop(config: Any, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    with ModelRouter(config(url)) as router:
        answer = router.route("custom:chat", BODY)
        router.route("custom:chat", {**BODY, "seed": 1})
    (tmp_path / "beastmode.toml").write_text(f'namespace = "shop"\n[cache.l3]\nurl = "{url}"\n')
    monkeypatch.chdir(tmp_path)
    return answer.request_id


def said(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main(["cache", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_verbs(shop: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    stats = said(capsys, "stats")
    assert (stats["entries"], stats["schema"], stats["damaged"]) == (2, shipped()[-1].version, 0)
    assert stats["path"].startswith("postgresql://127.0.0.1:")
    assert said(capsys, "get", shop)["request_id"] == shop
    assert said(capsys, "purge")["removed"] == 0
    assert said(capsys, "invalidate", "--request-id", shop)["removed"] == 1
    assert said(capsys, "flush", "--yes")["removed"] == 1
    assert said(capsys, "stats")["entries"] == 0
    assert said(capsys, "migrate")["applied"] == []


def test_a_dead_server_is_a_failure_that_shows_no_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEASTMODE_L3_URL", f"postgresql://app:PLANTED@127.0.0.1:{free_port()}/shop")
    for verb in ("stats", "migrate"):
        assert main(["cache", verb]) == 1
        err = capsys.readouterr().err
        assert "refused" in err
        assert "PLANTED" not in err


# Migrations.


@pytest.fixture
def empty(server: postgres.PostgresServer) -> str:
    return server.url(server.database(migrated=False))


def migrator(url: str) -> PostgresMigrator:
    return PostgresMigrator(read_postgres_url(url))


def test_a_dry_run_shows_the_sql_and_changes_nothing(
    empty: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEASTMODE_L3_URL", empty)
    assert main(["cache", "migrate", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert all(one.sql in shown for one in shipped())
    assert shown.startswith("begin;")
    assert migrator(empty).version() == 0
    assert main(["cache", "migrate"]) == 0
    assert f"version 0 -> {shipped()[-1].version}" in capsys.readouterr().out
    assert main(["cache", "migrate"]) == 0
    assert f"is up to date (version {shipped()[-1].version})" in capsys.readouterr().out
    assert main(["cache", "migrate", "--dry-run"]) == 0
    assert "is up to date" in capsys.readouterr().out


def test_the_script_of_a_dry_run_does_what_the_command_does(server: postgres.PostgresServer, empty: str) -> None:
    with server.admin(empty.rpartition("/")[2]) as admin:
        admin.execute(migrator(empty).script())
    assert migrator(empty).apply() == []
    assert migrator(empty).version() == shipped()[-1].version


def test_the_sql_to_paste_needs_no_server(
    empty: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEASTMODE_L3_URL", "postgresql://app@192.0.2.1/db")
    assert main(["cache", "migrate", "--sql"]) == 0
    assert capsys.readouterr().out.strip() == migrator(empty).script().strip()


def test_four_processes_at_once_apply_each_migration_once(empty: str) -> None:
    program = f"""
from beastmode_otel.cache.tiers.postgres.migrate import PostgresMigrator
from beastmode_otel.config.postgres_url import read_postgres_url
print(*PostgresMigrator(read_postgres_url({empty!r})).apply())
"""
    running = [
        subprocess.Popen([sys.executable, "-P", "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    told = sorted(one.communicate(timeout=60)[0].strip() for one in running)
    assert [one.returncode for one in running] == [0] * 4
    assert told == ["", "", "", " ".join(one.name for one in shipped())]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("update beastmode.schema_migrations set checksum = 'other'", "migration 1 was applied with other SQL"),
        ("insert into beastmode.schema_migrations values (99, 'later')", "its schema is newer (version 99,"),
        ("delete from beastmode.schema_migrations", "there is no schema of the cache"),
        ("delete from beastmode.schema_migrations where version > 1", "its schema is older (version 1,"),
    ],
)
def test_another_schema_is_not_touched_and_not_used(
    server: postgres.PostgresServer, database: str, url: str, config: Any, caplog: pytest.LogCaptureFixture,
    change: str, message: str,
) -> None:  # fmt: skip
    with server.admin(database) as admin:
        admin.execute(change)
    with caplog.at_level(logging.WARNING, "beastmode_otel"), ModelRouter(config(url)) as router:
        assert until(lambda: len(caplog.records) > 0)
        assert router.route("custom:chat", BODY).cache.status == "miss"
    assert message in caplog.text
    if "delete" not in change:
        with pytest.raises(TierUnavailable, match=message.replace("(", r"\(")):
            migrator(server.url(database)).apply()


def test_the_wheel_has_the_migrations() -> None:
    assert [one.version for one in shipped()] == list(range(1, len(shipped()) + 1))
    assert all(len(one.checksum) == 64 and "beastmode." in one.sql for one in shipped())
