"""L3 in a real Postgres, through the router and the hook, in both worlds: what is answered, and what telemetry says."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from beastmode_otel import async_http_client, http_client
from beastmode_otel.cache.tier import Filter
from beastmode_otel.simulator import Simulator
from support import postgres
from support.crowd import CROWDS, wait_until
from support.recorder import Recorder
from telemetry.cache_stage import Stage, ask, tiered_of
from telemetry.matrix import GOOD, TEXT


@pytest.fixture(params=CROWDS)
def stage(request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(request.param, simulator, recorder, tmp_path)
    yield made
    made.close()


@pytest.fixture
def database() -> str:
    return postgres.shared().database()


@pytest.fixture
def l3(database: str) -> dict[str, Any]:
    """A database of its own on a server that all share; waited for, as the machine may be busy."""
    return {"url": postgres.shared().role(database, "app"), "soft": 20.0, "hard": 20.0}


def results(recorder: Recorder, name: str, kind: str) -> Counter[tuple[str, str]]:
    """How often, by tier and result."""
    found: Counter[tuple[str, str]] = Counter()
    for labels, count in recorder.metrics().get(name, {}).items():
        about = dict(labels)
        found[about["beastmode.cache.tier"], about[kind]] += int(count)
    return found


def lookups(recorder: Recorder) -> Counter[tuple[str, str]]:
    return results(recorder, "beastmode.cache.lookup.duration", "beastmode.cache.result")


def test_one_process_asks_and_another_is_answered(stage: Stage, l3: dict[str, Any]) -> None:
    first, second = stage.router({"l3": l3}), stage.router({"l3": l3})
    assert stage.route(first).cache.status == "miss"
    stage.settle(first)
    answer = stage.route(second)
    assert (answer.text, answer.cache.status, answer.cache.tier) == (TEXT, "hit", "l3")
    assert stage.route(second).cache.tier == "l1"
    assert stage.read(stage.router({"l3": l3}))[1].cache.tier == "l3"
    assert lookups(stage.recorder)["l3", "hit"] == 2
    assert lookups(stage.recorder)["l3", "miss"] == 1
    assert stage.recorder.total("beastmode.cache.promotions", beastmode__cache__tier="l1") == 2
    assert results(stage.recorder, "beastmode.cache.write.duration", "beastmode.cache.write.result")["l3", "ok"] == 1
    assert stage.recorder.total("beastmode.cache.entries", beastmode__cache__tier="l3") == 1
    assert stage.recorder.total("beastmode.cache.size", beastmode__cache__tier="l3") > 300
    assert stage.recorder.total("beastmode.cache.tier.state", beastmode__cache__tier="l3") == 0
    spans = [span for span in stage.recorder.spans() if span.name in ("cache.get l3", "cache.put l3")]
    assert Counter(span.name for span in spans) == {"cache.get l3": 3, "cache.put l3": 1}
    for span in spans:
        attributes = dict(span.attributes or {})
        assert attributes["db.system.name"] == "postgresql"
        assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", postgres.shared().port)


def test_a_schema_that_does_not_fit_is_told_of_once_and_the_tier_is_off(
    stage: Stage, l3: dict[str, Any], database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with postgres.shared().admin(database) as admin:
        admin.execute("update beastmode.schema_migrations set version = 0 where version = 1")
    with caplog.at_level(logging.WARNING, "beastmode_otel"):
        router = stage.router({"l3": l3})
        for number in range(6):
            assert stage.route(router, ask(str(number))).text == TEXT
            stage.settle(router)
        wait_until(lambda: caplog.records)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert "migration 0 was applied with other SQL" in told[0]
    assert stage.recorder.total("beastmode.cache.tier.state", beastmode__cache__tier="l3") == 2
    assert lookups(stage.recorder)["l3", "skipped"] >= 3
    assert stage.recorder.total("beastmode.errors") == 0


def test_our_own_traffic_goes_past_what_the_instrumentation_of_psycopg_patches(
    stage: Stage, l3: dict[str, Any], recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wraps these three, and traces the cursors of what they return. (The package itself lags behind its siblings,
    and would take the whole SDK back to an older release.)"""
    told: list[str] = []
    for owner, name in ((psycopg, "connect"), (psycopg.Connection, "connect"), (psycopg.AsyncConnection, "connect")):
        monkeypatch.setattr(owner, name, lambda *given, **named: told.append("told"))
    first, second = stage.router({"l3": l3}), stage.router({"l3": l3})
    stage.route(first)
    stage.settle(first)
    assert stage.route(second).cache.tier == "l3"
    tiered_of(second).tiers[0].fill()
    tiered_of(second).invalidate(Filter(tenant="nobody"))
    stage.close()
    assert told == []
    assert {span.instrumentation_scope.name for span in recorder.spans()} == {"beastmode_otel"}


@pytest.mark.parametrize("world", ["sync", "async"])
def test_an_app_s_own_client_is_answered_from_l3(
    world: str, simulator: Simulator, recorder: Recorder, l3: dict[str, Any]
) -> None:
    """Both kinds of an app's clients share tier, L1 and breaker."""
    simulator.define("a", GOOD)
    url = simulator.url("a") + "/chat/completions"
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "why?"}]}
    cache = {"mode": "on", "l3": l3}
    headers = {"authorization": "Bearer sk-of-the-app-0123456789"}

    def said(response: httpx.Response) -> str:
        assert response.status_code == 200
        return response.headers.get("x-beastmode-cache", "miss")

    def once() -> str:
        with http_client(cache=cache, **recorder.providers) as client:
            return said(client.post(url, json=body, headers=headers))

    async def once_async() -> str:
        async with async_http_client(cache=cache, **recorder.providers) as client:
            return said(await client.post(url, json=body, headers=headers))

    def call() -> str:
        return once() if world == "sync" else asyncio.run(once_async())

    assert call() == "miss"
    wait_until(lambda: recorder.total("beastmode.cache.write.duration", beastmode__cache__tier="l3") == 1)
    assert call().startswith("hit; tier=l3")
