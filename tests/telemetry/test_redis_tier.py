"""L2 in a real server, through the router and the hook, in both worlds: what is answered, and what telemetry says."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.instrumentation.redis import RedisInstrumentor

from beastmode_otel import async_http_client, http_client
from beastmode_otel.cache.tier import Filter
from beastmode_otel.simulator import Simulator
from support.crowd import CROWDS, wait_until
from support.embedders import NGrams
from support.recorder import Recorder
from support.redis_servers import VALKEY, RedisServer, free_port, shared
from telemetry.cache_stage import Stage, ask, tiered_of
from telemetry.matrix import GOOD, TEXT

_PREFIXES = itertools.count()


@pytest.fixture(params=CROWDS)
def stage(request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(request.param, simulator, recorder, tmp_path)
    yield made
    made.close()


@pytest.fixture
def l2() -> dict[str, Any]:
    """A prefix of its own on a server that all share; waited for, as the machine may be busy."""
    prefix = f"told-{os.getpid()}-{next(_PREFIXES)}"
    return {"url": shared(VALKEY).url, "prefix": prefix, "soft": 20.0, "hard": 20.0}


def results(recorder: Recorder, name: str, kind: str) -> Counter[tuple[str, str]]:
    """How often, by tier and result."""
    found: Counter[tuple[str, str]] = Counter()
    for labels, count in recorder.metrics().get(name, {}).items():
        about = dict(labels)
        found[about["beastmode.cache.tier"], about[kind]] += int(count)
    return found


def lookups(recorder: Recorder) -> Counter[tuple[str, str]]:
    return results(recorder, "beastmode.cache.lookup.duration", "beastmode.cache.result")


def test_one_process_asks_and_another_is_answered(stage: Stage, l2: dict[str, Any]) -> None:
    cache = {"l2": l2, "l3": {"url": "off"}}
    first, second = stage.router(cache), stage.router(cache)
    assert stage.route(first).cache.status == "miss"
    stage.settle(first)
    answer = stage.route(second)
    assert (answer.text, answer.cache.status, answer.cache.tier) == (TEXT, "hit", "l2")
    assert stage.route(second).cache.tier == "l1"
    assert stage.read(stage.router(cache))[1].cache.tier == "l2"
    assert lookups(stage.recorder)["l2", "hit"] == 2
    assert lookups(stage.recorder)["l2", "miss"] == 1
    assert stage.recorder.total("beastmode.cache.promotions", beastmode__cache__tier="l1") == 2
    assert results(stage.recorder, "beastmode.cache.write.duration", "beastmode.cache.write.result")["l2", "ok"] == 1
    assert stage.recorder.total("beastmode.cache.entries", beastmode__cache__tier="l2") == 1
    assert stage.recorder.total("beastmode.cache.size", beastmode__cache__tier="l2") > 300
    assert stage.recorder.total("beastmode.cache.tier.state", beastmode__cache__tier="l2") == 0
    spans = [span for span in stage.recorder.spans() if span.name in ("cache.get l2", "cache.put l2")]
    assert Counter(span.name for span in spans) == {"cache.get l2": 3, "cache.put l2": 1}
    for span in spans:
        attributes = dict(span.attributes or {})
        assert attributes["db.system.name"] == "redis"
        assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", shared(VALKEY).port)


def test_a_hit_in_l3_fills_l2_and_no_ttl_grows_on_its_way_up(stage: Stage, l2: dict[str, Any]) -> None:
    writer = stage.router({"l3": stage.l3(ttl=1000)})
    stage.route(writer)
    stage.settle(writer)
    three = {"l2": l2 | {"ttl": 5000}, "l3": stage.l3()}
    promoting = stage.router(three)
    assert stage.route(promoting).cache.tier == "l3"
    stage.settle(promoting)
    reader = stage.router(three)
    assert stage.route(reader).cache.tier == "l2"
    [entry] = tiered_of(reader).tiers[0].tier.scan(None, 10)
    assert 900 < entry.expires_at - time.time() <= 1000
    assert stage.recorder.total("beastmode.cache.promotions", beastmode__cache__tier="l2") == 1


def test_l2_keeps_entries_for_its_own_time(stage: Stage, l2: dict[str, Any]) -> None:
    router = stage.router({"jitter": 0, "l1": {"ttl": 9000}, "l2": l2, "l3": stage.l3(ttl=86400)})
    stage.route(router)
    stage.settle(router)
    lives = [next(tier.tier.scan(None, 10)).expires_at - time.time() for tier in tiered_of(router).tiers]
    assert lives == pytest.approx([7200, 86400], abs=30)


def test_what_one_router_invalidates_no_other_serves(stage: Stage, l2: dict[str, Any]) -> None:
    cache = {"l2": l2, "l3": {"url": "off"}}
    first, second = stage.router(cache), stage.router(cache)
    stage.route(first, tags=["faq"])
    stage.settle(first)
    assert stage.route(second).cache.status == "hit"
    tenant = next(tiered_of(first).tiers[0].tier.scan(None, 1)).key.tenant
    assert tiered_of(first).invalidate(Filter(tenant=tenant, tag="faq")) == 1
    assert stage.route(second).cache.status == "miss"


def test_a_dead_l2_is_told_of_once_and_hurts_nobody(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    with caplog.at_level(logging.WARNING, "beastmode_otel"):
        router = stage.router({"l2": {"url": f"redis://user:s3cr3t-pass@127.0.0.1:{port}/0"}, "l3": {"url": "off"}})
        for number in range(6):
            assert stage.route(router, ask(str(number))).text == TEXT
            assert stage.route(router, ask(str(number))).cache.tier == "l1"
            stage.settle(router)
        wait_until(lambda: caplog.records)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert f"redis://127.0.0.1:{port}/0" in told[0]
    assert "cannot be reached" in told[0]
    assert not tiered_of(router).tiers[0].breaker.closed
    assert lookups(stage.recorder)["l2", "skipped"] >= 3
    assert stage.recorder.total("beastmode.errors") == 0
    assert "s3cr3t" not in stage.recorder.exported_text() + "".join(told)


def test_a_server_that_dies_under_way_hurts_nobody_and_is_found_again(stage: Stage) -> None:
    server = RedisServer(VALKEY)
    try:
        router = stage.router({"l2": {"url": server.url, "soft": 1.0, "hard": 1.0}, "l3": {"url": "off"}})
        [l2] = tiered_of(router).tiers
        stage.route(router, ask("before"))
        stage.settle(router)
        server.kill()
        for number in range(5):
            assert stage.route(router, ask(str(number))).text == TEXT
        wait_until(lambda: stage.route(router, ask(str(time.monotonic()))).text == TEXT and not l2.breaker.closed)
        stage.settle(router)
        server.start()
        l2.breaker._reopens = 0.0  # its rest is over
        stage.route(router, ask("probes"))
        wait_until(lambda: l2.breaker.closed and not l2.queued)
        stage.settle(router)
        assert l2.tier.stats().entries >= 5  # what was written meanwhile has waited
    finally:
        stage.close()
        server.close()


def test_our_own_traffic_is_not_told_again_by_the_instrumentation_of_redis(
    stage: Stage, l2: dict[str, Any], recorder: Recorder
) -> None:
    instrumentor = RedisInstrumentor()
    instrumentor.instrument(tracer_provider=recorder.tracer_provider)
    try:
        cache = {"l2": l2, "l3": {"url": "off"}}
        first, second = stage.router(cache), stage.router(cache)
        stage.route(first)
        stage.settle(first)
        assert stage.route(second).cache.tier == "l2"
        tiered_of(second).tiers[0].fill()
        tiered_of(second).invalidate(Filter(tenant="nobody"))
        stage.close()
    finally:
        instrumentor.uninstrument()
    assert {span.instrumentation_scope.name for span in recorder.spans()} == {"beastmode_otel"}


@pytest.mark.parametrize("world", ["sync", "async"])
def test_an_app_s_own_client_is_answered_from_l2(
    world: str, simulator: Simulator, recorder: Recorder, l2: dict[str, Any], tmp_path: Path
) -> None:
    """Both kinds of an app's clients share tier, L1 and breaker."""
    simulator.define("a", GOOD)
    url = simulator.url("a") + "/chat/completions"
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "why?"}]}
    cache = {"mode": "on", "l2": l2, "l3": {"url": "off"}}
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
    wait_until(lambda: recorder.total("beastmode.cache.write.duration", beastmode__cache__tier="l2") == 1)
    assert call().startswith("hit; tier=l2")


def test_a_similar_question_of_another_process_is_found_in_l2(stage: Stage, l2: dict[str, Any]) -> None:
    cache = {"mode": "semantic", "semantic": {"embedder": NGrams(), "threshold": 0.8}, "l2": l2, "l3": {"url": "off"}}
    first, second = stage.router(cache), stage.router(cache)
    assert asked(stage, first, "How do I cancel my order on the web site?").cache.status == "miss"
    stage.settle(first)
    found = asked(stage, second, "How do I cancel my order on the website?").cache
    assert (found.match, found.tier) == ("semantic", "l2")
    assert asked(stage, second, "What is the capital of France?").cache.status == "miss"


def asked(stage: Stage, router: Any, text: str) -> Any:
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 64}
    return stage.act(router, "route", request=body)
