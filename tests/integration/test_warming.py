"""Warming: what a process knows before anybody asks it, from real tiers and from prompts; and what is told of it."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter, RequestError
from beastmode_otel.cache import Warmed
from beastmode_otel.simulator import Behaviour, Simulator
from support import postgres
from support.patience import wait_for_tiers
from support.recorder import Recorder
from support.redis_servers import VALKEY, shared

Config = Callable[..., dict[str, Any]]
WORLDS = ("sync", "async")
STORES = ("sqlite", "postgres", "valkey")


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_tiers(monkeypatch)


def tiers(store: str, folder: Path) -> dict[str, Any]:
    if store == "sqlite":
        return {"l3": {"url": f"sqlite:///{folder / 'cache.db'}", "soft": 20.0}}
    if store == "postgres":
        server = postgres.shared()
        return {"l3": {"url": server.role(server.database(), "app"), "soft": 20.0, "hard": 20.0}}
    prefix = f"warm-{folder.name}"[:60]
    return {"l3": "off", "l2": {"url": shared(VALKEY).url, "prefix": prefix, "soft": 20.0, "hard": 20.0}}


@pytest.fixture(params=STORES)
def config(request: pytest.FixtureRequest, tmp_path: Path, simulator: Simulator) -> Config:
    return configured(tiers(request.param, tmp_path), simulator)


@pytest.fixture
def on_file(tmp_path: Path, simulator: Simulator) -> Config:
    return configured(tiers("sqlite", tmp_path), simulator)


def configured(below: dict[str, Any], simulator: Simulator) -> Config:
    simulator.define("main", Behaviour(text="an answer", input_tokens=300, output_tokens=80))

    def made(**cache: Any) -> dict[str, Any]:
        return {
            "cache": {"mode": "on", "jitter": 0.0, **below, **cache},
            "deployments": {"main": {"base_url": simulator.url("main"), "model": "gpt-4o-mini", "provider": "openai"}},
            "routes": {"chat": {"deployments": ["main"]}},
        }

    return made


def body(number: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"a PLANTED question {number}"}]}


def prompt(number: int, **more: Any) -> dict[str, Any]:
    return {"model": "chat", **body(number), **more}


def ask(config: dict[str, Any], *numbers: int, **options: Any) -> list[Any]:
    """In a process of its own, as it were."""
    with ModelRouter(config) as router:
        return [router.route("chat", body(number), **options) for number in numbers]


def warm(world: str, config: dict[str, Any], recorder: Recorder | None = None, **arguments: Any) -> tuple[Warmed, Any]:
    """What was done, and the statuses of questions 0 to 9 afterwards, nobody being asked but the cache."""
    providers = {} if recorder is None else recorder.providers

    async def asynchronously() -> tuple[Warmed, Any]:
        async with AsyncModelRouter(config, **providers) as router:
            done = await router.warm(**arguments)
            return done, [await l1_has(router, number) for number in range(10)]

    async def l1_has(router: Any, number: int) -> str | None:
        try:
            return str((await router.route("chat", body(number), cache="only")).cache.tier)
        except RequestError:
            return None

    if world == "async":
        return asyncio.run(asynchronously())
    with ModelRouter(config, **providers) as router:
        done, found = router.warm(**arguments), []
        for number in range(10):
            try:
                found.append(router.route("chat", body(number), cache="only").cache.tier)
            except RequestError:
                found.append(None)
        return done, found


# From a tier.


@pytest.mark.parametrize("world", WORLDS)
def test_what_a_tier_holds_is_in_memory_before_anybody_asks(world: str, config: Config, simulator: Simulator) -> None:
    ask(config(), 0, 1, 2)
    paid = simulator.received
    done, found = warm(world, config())
    assert (done.warmed, done.ended, done.spent) == (3, "done", 0.0)
    assert done.size > 0
    assert found == ["l1"] * 3 + [None] * 7
    assert simulator.received == paid


@pytest.mark.parametrize("world", WORLDS)
def test_what_is_asked_for_most_comes_first(world: str, on_file: Config) -> None:
    for number in (4, 7, 7, 7, 4, 4, 1):  # each time as a process that has nothing in its memory
        ask(on_file(), number)
    done, found = warm(world, on_file(), entries=2)
    assert done.source == "l3"
    assert done.warmed == 2
    assert [number for number, tier in enumerate(found) if tier == "l1"] == [4, 7]


def test_a_budget_of_bytes_and_one_of_time(on_file: Config) -> None:
    ask(on_file(), *range(6))
    whole, _ = warm("sync", on_file())
    small = on_file(warm={"max_bytes": max(1024, whole.size // 2)})
    done, found = warm("sync", small)
    assert done.ended == "bytes"
    assert 0 < done.warmed < 6
    assert done.size <= max(1024, whole.size // 2)
    assert found.count("l1") == done.warmed
    late, _ = warm("sync", on_file(), seconds=1e-9)
    assert (late.ended, late.warmed) == ("time", 0)


def test_a_small_memory_keeps_what_is_asked_for_most(on_file: Config) -> None:
    for numbers in ((0, 1, 2, 3, 4, 5), (4, 7), (4, 7), (4, 7)):
        ask(on_file(), *numbers)
    with ModelRouter(on_file(l1={"max_entries": 2})) as router:
        assert router.warm().warmed == 2
        assert [router.route("chat", body(number)).cache.tier for number in (4, 7)] == ["l1", "l1"]


def test_what_memory_has_is_left_alone_and_a_second_run_brings_nothing(on_file: Config) -> None:
    ask(on_file(), 0, 1)
    with ModelRouter(on_file()) as router:
        assert router.warm().entries == {"warmed": 2}
        assert router.warm().entries == {"held": 2}


def test_what_is_about_to_expire_is_left(on_file: Config) -> None:
    ask(on_file(), 0, ttl=5.0)
    ask(on_file(), 1)
    time.sleep(4.6)
    done, _ = warm("sync", on_file())
    assert done.entries.get("warmed") == 1


def test_what_was_invalidated_does_not_come_back(config: Config) -> None:
    ask(config(), 0, 1)
    with ModelRouter(config()) as router:
        assert router.invalidate(tenant="default") == 2
        assert router.warm().warmed == 0


def test_tenants_stay_apart(on_file: Config) -> None:
    ask(on_file(), 0, tenant="acme")
    ask(on_file(), 1, tenant="other")
    done, _ = warm("sync", on_file(warm={"tenant": "acme"}))
    assert done.warmed == 1
    with ModelRouter(on_file()) as router:
        assert router.warm().warmed == 2
        assert router.route("chat", body(0), tenant="acme", cache="only").cache.tier == "l1"
        with pytest.raises(RequestError):
            router.route("chat", body(0), tenant="other", cache="only")


def test_with_nothing_there_nothing_happens(config: Config) -> None:
    done, _ = warm("sync", config())
    assert (done.source, done.warmed, done.ended) == (None, 0, "done")


@pytest.mark.parametrize("url", ["postgresql://app@127.0.0.1:1/db", "file"])
def test_a_tier_that_does_not_answer_is_told_and_hurts_nobody(url: str, on_file: Config, tmp_path: Path) -> None:
    if url == "file":
        (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
        url = f"sqlite:///{tmp_path / 'broken.db'}"
    with ModelRouter(on_file(l3={"url": url}, warm={"at_start": True})) as router:
        assert router.warm().ended in ("failed", "done")  # a file that is none is set aside by then, or not yet
        assert router.route("chat", body(0)).text == "an answer"


def test_without_a_cache_it_is_an_error() -> None:
    with ModelRouter(cache="off") as router, pytest.raises(RequestError, match="no cache to warm"):
        router.warm()


# At start, and again.


@pytest.mark.parametrize("world", WORLDS)
def test_at_start_in_the_background(world: str, config: Config, recorder: Recorder) -> None:
    ask(config(), 0, 1)

    async def asynchronously() -> None:
        async with AsyncModelRouter(config(warm={"at_start": True}), **recorder.providers) as router:
            await asyncio.to_thread(wait_until_warm, recorder)
            assert (await router.route("chat", body(1))).cache.tier == "l1"

    if world == "async":
        asyncio.run(asynchronously())
        return
    with ModelRouter(config(warm={"at_start": True}), **recorder.providers) as router:
        wait_until_warm(recorder)
        assert router.route("chat", body(1)).cache.tier == "l1"


def wait_until_warm(recorder: Recorder, runs: int = 1) -> None:
    end = time.monotonic() + 30
    while recorder.total("beastmode.cache.warm.duration") < runs:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_again_and_again(on_file: Config, recorder: Recorder) -> None:
    config = on_file(warm={"at_start": True, "every": 10.0})
    with ModelRouter(config, **recorder.providers) as router:
        wait_until_warm(recorder)
        ask(on_file(), 3)
        wait_until_warm(recorder, runs=2)
        assert router.route("chat", body(3), cache="only").cache.tier == "l1"


# What is told.


def test_what_telemetry_says(on_file: Config, recorder: Recorder) -> None:
    ask(on_file(), 0, 1, 5)
    with ModelRouter(on_file(), **recorder.providers) as router:
        router.route("chat", body(5))
        router.route("chat", body(5))
        router.warm()
        router.route("chat", body(0))
        router.route("chat", body(0))
        router.route("chat", body(6))
    (span,) = [one for one in recorder.spans() if one.name == "cache.warm"]
    assert dict(span.attributes or {}) == {
        "beastmode.cache.warm.source": "l3",
        "beastmode.cache.warm.ended": "done",
        "beastmode.cache.warm.count": 2,
        "beastmode.cache.warm.size": span.attributes["beastmode.cache.warm.size"],  # type: ignore[index]
    }
    assert span.attributes["beastmode.cache.warm.size"] > 0  # type: ignore[index,operator]
    assert recorder.total("beastmode.cache.warm.entries", beastmode__cache__warm__result="warmed") == 2
    assert recorder.total("beastmode.cache.warm.entries", beastmode__cache__warm__result="held") == 1
    touched = "beastmode.cache.first_touch.duration"
    assert recorder.total(touched, beastmode__cache__warmed="false") == 1
    assert recorder.total(touched, beastmode__cache__warmed="true") == 2
    assert "PLANTED" not in recorder.exported_text()


def test_similar_questions_are_found_after_warming(on_file: Config) -> None:
    pytest.importorskip("beastmode_otel_minilm", reason="the README calls the extra `semantic` optional")
    first, similar = "How do I reset my password?", "How can I reset my password?"
    config = on_file(mode="semantic", semantic={"threshold": 0.9})
    with ModelRouter(config) as router:
        router.route("chat", {"messages": [{"role": "user", "content": first}]})
    with ModelRouter(config) as router:
        assert router.warm().warmed == 1
        answer = router.route("chat", {"messages": [{"role": "user", "content": similar}]}, cache="only")
    assert (answer.cache.status, answer.cache.match, answer.cache.tier) == ("hit", "semantic", "l1")


# With prompts.


@pytest.mark.parametrize("world", WORLDS)
def test_prompts_are_answered_and_stored(world: str, on_file: Config, simulator: Simulator, recorder: Recorder) -> None:
    ask(on_file(), 0)
    done, found = warm(world, on_file(), recorder, prompts=[prompt(number) for number in range(6)], usd=1.0)
    assert (done.source, done.entries, done.ended) == ("prompts", {"warmed": 5, "held": 1}, "done")
    assert done.spent == pytest.approx(5 * (300 * 0.15e-6 + 80 * 0.6e-6))
    assert found[:6] == ["l1"] * 6
    assert simulator.received == 6
    assert recorder.total("beastmode.cache.warm.entries", beastmode__cache__warm__source="prompts") == 6


@pytest.mark.parametrize("world", WORLDS)
def test_a_budget_in_dollars_ends_it(world: str, on_file: Config, simulator: Simulator) -> None:
    each = 300 * 0.15e-6 + 80 * 0.6e-6
    prompts = [prompt(number) for number in range(10)]
    done, _ = warm(world, on_file(), prompts=prompts, usd=2.5 * each, concurrency=2)
    assert done.ended == "cost"
    assert 3 <= done.warmed <= 4
    assert simulator.received == done.warmed


def test_a_price_that_nobody_knows_ends_it_unless_any_may_be_paid(simulator: Simulator, on_file: Config) -> None:
    config = on_file()
    config["deployments"]["main"]["model"] = "of-nobody"
    prompts = [prompt(number) for number in range(4)]
    done, _ = warm("sync", config, prompts=prompts, usd=1.0, concurrency=1)
    assert (done.ended, done.warmed) == ("cost", 1)
    done, _ = warm("sync", config, prompts=prompts, usd=math.inf, concurrency=1)
    assert (done.ended, done.entries) == ("done", {"held": 1, "warmed": 3})


@pytest.mark.parametrize("world", WORLDS)
def test_a_provider_that_fails_is_not_asked_for_ever(world: str, on_file: Config, simulator: Simulator) -> None:
    simulator.define("main", Behaviour(status=401))
    config = on_file() | {"retry": {"per_deployment": 0}, "breaker": {"failures": 1000}}
    done, _ = warm(world, config, prompts=[prompt(number) for number in range(50)], usd=1.0, concurrency=1)
    assert (done.ended, done.entries) == ("failed", {"failed": 5})


def test_one_that_is_cancelled_asks_nobody_more_and_is_told(
    on_file: Config, simulator: Simulator, recorder: Recorder
) -> None:
    simulator.define("main", Behaviour(text="late", latency=0.3))

    async def main() -> None:
        async with AsyncModelRouter(on_file(), **recorder.providers) as router:
            run = asyncio.create_task(router.warm([prompt(n) for n in range(50)], usd=math.inf, concurrency=2))
            while simulator.received < 2:
                await asyncio.sleep(0.01)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
            asked = simulator.received
            await asyncio.sleep(0.5)
            assert simulator.received == asked

    asyncio.run(main())
    assert recorder.total("beastmode.cache.warm.duration", beastmode__cache__warm__ended="cancelled") == 1


def test_ctrl_c_asks_nobody_more_and_is_told(on_file: Config, simulator: Simulator, recorder: Recorder) -> None:
    simulator.define("main", Behaviour(text="late", latency=0.3))

    def interrupt() -> None:
        while simulator.received < 2:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    with ModelRouter(on_file(), **recorder.providers) as router:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            router.warm([prompt(n) for n in range(50)], usd=math.inf, concurrency=2)
        asked = simulator.received
        time.sleep(0.5)
        assert simulator.received == asked
    assert recorder.total("beastmode.cache.warm.duration", beastmode__cache__warm__ended="cancelled") == 1


def test_a_fault_of_the_users_own_code_comes_out(on_file: Config) -> None:
    class Broken(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise LookupError("the user's own")

    with (
        httpx.Client(transport=Broken()) as client,
        ModelRouter(on_file(), client=client) as router,
        pytest.raises(LookupError, match="the user's own"),
    ):
        router.warm([prompt(number) for number in range(5)], usd=1.0)


@pytest.mark.parametrize(
    ("prompts", "more", "said"),
    [
        ([prompt(0)], {"usd": None}, "say how much"),
        ([prompt(0)], {"usd": 0}, "say how much"),
        ([prompt(0)], {"usd": math.nan}, "say how much"),
        ([prompt(0)], {"concurrency": 0}, "concurrency"),
        ([body(0)], {}, "names no model"),
        ([{"model": "chat"}], {}, "asks nothing"),
        (["chat"], {}, "is no object"),
        ([prompt(0, tenant=" ")], {}, "tenant"),
    ],
)
@pytest.mark.parametrize("world", WORLDS)
def test_what_is_wrong_is_said_before_anybody_is_asked(
    world: str, prompts: Any, more: dict[str, Any], said: str, on_file: Config, simulator: Simulator
) -> None:
    with pytest.raises(RequestError, match=said) as refused:
        warm(world, on_file(), prompts=prompts, **({"usd": 1.0} | more))
    assert "PLANTED" not in str(refused.value)
    assert simulator.received == 0
