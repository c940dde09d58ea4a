"""The cache in the matrix of endings, in both worlds: exact spans, metrics and logs of hits, misses and the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import RequestError, UpstreamError
from beastmode_otel.simulator import Behaviour, Simulator
from support.crowd import CROWDS
from support.drivers import DRIVERS, QUESTION
from support.law import assert_law
from support.recorder import Recorder
from telemetry.cache_expected import Asked, bypass, hit, miss
from telemetry.cache_stage import WITH_USAGE, Stage, ask, evicted, l3_entries
from telemetry.expected import route_span
from telemetry.matrix import CELLS, GOOD, TEXT, failed, ok
from telemetry.test_endings import check_result, config_for, play

DOWN = Behaviour(status=500)
ERROR = failed("server_error", 500, code="server_error")


@pytest.fixture(params=CROWDS)
def stage(request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(request.param, simulator, recorder, tmp_path)
    yield made
    made.close()


def content(chunks: list[Any]) -> str:
    return "".join(chunk.text for chunk in chunks)


# The matrix of endings, with the cache on.


@pytest.mark.parametrize("world", CROWDS)
@pytest.mark.parametrize("name", CELLS)
def test_every_ending_is_the_same_with_the_cache_on(
    name: str, world: str, simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    """Whatever goes upstream ends as without a cache; the route's span tells it in the same words."""
    cell = CELLS[name]
    cache = {"mode": "on", "l3": {"url": f"sqlite:///{tmp_path / 'cache.db'}"}}
    driver = DRIVERS[world](
        simulator, config_for(cell, simulator) | {"cache": cache}, access=cell.access, **recorder.providers
    )
    for _ in range(cell.before):
        driver.act("route", cell.model)
    earlier = len(recorder.spans())
    result = play(cell, driver)
    recorder.metrics()  # sweeps what was abandoned
    driver.close()
    check_result(cell, result)
    route, *attempts = [span for span in recorder.spans()[earlier:] if not span.name.startswith("cache.")]
    wanted = route_span(cell) | {"beastmode.cache.status": "miss"}
    found = {key: value for key, value in route.attributes.items() if key in wanted}
    # What the caller never got to is told by the attempts alone; an estimate is up to the network.
    for attributes in (found, wanted):
        attributes.pop("beastmode.cost.usd", None)
        if cell.route is None or cell.request is not None or cell.access is not None:
            attributes.pop("beastmode.cache.status")
    assert found == wanted
    outcomes = [(span.attributes["beastmode.outcome"], span.attributes.get("error.type")) for span in attempts]
    assert outcomes == [(attempt.outcome, attempt.category) for attempt in cell.tries]
    assert_law(recorder, simulator, calls=cell.before + 1)


# Hits.


def test_l1_hit(stage: Stage) -> None:
    """A hit is the route's span alone: no attempt, no gen_ai.*, nothing spent."""
    router = stage.router()
    first, second = stage.route(router), stage.route(router)
    assert (first.text, second.text, second.body) == (TEXT, TEXT, first.body)
    assert (second.cost, second.attempts, second.usage) == (0.0, (), first.usage)
    assert first.request_id != second.request_id
    assert (second.cache.status, second.cache.tier) == ("hit", "l1")
    assert second.body is not second.body
    stage.check(miss(), hit())


@pytest.mark.parametrize("request_", [QUESTION, WITH_USAGE], ids=["plain", "include_usage"])
def test_l1_hit_as_a_stream(stage: Stage, request_: dict[str, Any]) -> None:
    """A whole answer is replayed as a stream, with the event for usage where it was asked for."""
    router = stage.router()
    stage.route(router)
    chunks, answer = stage.read(router, request_)
    assert content(chunks) == TEXT == answer.text
    assert [chunk.usage_only for chunk in chunks].count(True) == (request_ is WITH_USAGE)
    assert chunks[-1].usage_only == (request_ is WITH_USAGE)
    assert (answer.cache.status, answer.cost) == ("hit", 0.0)
    stage.check(miss(), hit(stream=True))


@pytest.mark.parametrize("request_", [QUESTION, WITH_USAGE], ids=["plain", "include_usage"])
def test_a_stream_is_stored_and_read_whole_and_as_a_stream(stage: Stage, request_: dict[str, Any]) -> None:
    """Streams and whole answers share one entry."""
    router = stage.router()
    chunks, streamed = stage.read(router, request_)
    assert chunks[-1].usage_only == (request_ is WITH_USAGE)
    whole = stage.route(router)
    again, _ = stage.read(router, request_)
    assert content(chunks) == content(again) == whole.text == streamed.text == TEXT
    assert whole.body["choices"][0]["message"]["content"] == TEXT
    assert whole.usage == streamed.usage
    assert again[-1].usage_only == (request_ is WITH_USAGE)
    stage.check(miss(stream=True), hit(), hit(stream=True))


def test_streams_that_are_left_are_cancelled_also_when_replayed(stage: Stage) -> None:
    """A replay that is closed before its end saved nothing."""
    router = stage.router()
    stage.route(router)
    stage.act(router, "with_break")
    stage.check(miss(), hit(stream=True, outcome="cancelled", saved=False))


# What the caller says.


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_only(stage: Stage, stream: bool) -> None:
    """From the cache or not at all."""
    router = stage.router()
    act = stage.read if stream else stage.route
    nothing = act(router, cache="only")
    assert isinstance(nothing, RequestError)
    assert nothing.category.name == "cache_miss"
    stage.route(router)
    stage.settle(router)
    act(router, cache="only")
    act(stage.router(), cache="only")
    refused = Asked(status="miss", outcome="error", category="cache_miss", l3="miss", deployment=None, stream=stream)
    stage.check(refused, miss(), hit(stream=stream), hit("l3", stream=stream))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_only_never_asks_upstream(stage: Stage, stream: bool) -> None:
    """Not for a request that the cache has no part in either, nor where there is no cache."""
    router, without = stage.router(), stage.router({"mode": "off"})
    act = stage.read if stream else stage.route
    for result in (act(router, QUESTION | {"store": True}, cache="only"), act(without, cache="only")):
        assert isinstance(result, RequestError)
        assert result.category.name == "cache_miss"
    refused = {"outcome": "error", "category": "cache_miss", "deployment": None, "tries": (), "cost": None}
    stage.check(
        bypass("stateful", stream=stream, **refused),
        Asked(status="off", l1=None, key=False, stream=stream, **{k: v for k, v in refused.items() if k != "tries"}),
    )


# What is not stored.


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_fallback_of_another_model_is_not_stored(stage: Stage, stream: bool) -> None:
    """The next request for the route asks its own model again."""
    stage.behave(DOWN)
    config = stage.config()["deployments"]
    config["b"]["model"] = "gpt-4o"
    router = stage.router(deployments=config)
    act = "read" if stream else "route"
    for _ in range(2):
        answer = stage.act(router, act, "pair")
        answer = answer[1] if stream else answer
        assert (answer.deployment, answer.cache.reason) == ("b", "other_model")
    assert stage.simulator.received_by("b") == 2
    assert l3_entries(router) == []


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_fallback_of_the_same_model_is_stored(stage: Stage, stream: bool) -> None:
    """It is what the key asks for."""
    stage.behave(DOWN)
    router = stage.router()
    act = "read" if stream else "route"
    for _ in range(2):
        stage.act(router, act, "pair")
    fallback = {
        "beastmode.fallbacks": {frozenset({("beastmode.fallback.from", "a"), ("beastmode.fallback.to", "b")}): 1}
    }
    stage.check(
        miss(stream=stream, model="pair", deployment="b", tries=(ERROR, ok("b", stream=stream))),
        hit(stream=stream, model="pair", deployment="b"),
        extra=fallback,
    )


BROKEN_STREAMS = {
    "cut": (Behaviour(text=TEXT, cut_after=2), "stream_truncated"),
    "error event": (Behaviour(text=TEXT, error_event_after=2), "server_error"),
}


@pytest.mark.parametrize("name", BROKEN_STREAMS)
def test_a_stream_that_breaks_is_not_stored(name: str, stage: Stage) -> None:
    """Half an answer is none."""
    behaviour, category = BROKEN_STREAMS[name]
    stage.behave(behaviour, GOOD)
    router = stage.router()
    broken = stage.read(router)
    assert isinstance(broken, UpstreamError)
    assert broken.category.name == category
    assert stage.read(router)[1].cache.status == "miss"
    assert stage.simulator.received == 2
    assert len(l3_entries(router)) == 1


# Time.


def test_ttl_of_a_call(stage: Stage) -> None:
    """A short life is L1's alone; when it is over the entry is stale, and upstream is asked."""
    router = stage.router()
    stage.route(router, ttl=1.5)
    stage.route(router)
    time.sleep(1.6)
    stage.route(router, ttl=1.5)
    gone = {"extra": evicted("expired")}
    stage.check(miss(put=None), hit(), miss(put=None), **gone)


def test_ttl_reaches_the_file(stage: Stage) -> None:
    """An entry stays in a tier for what is left of its own time, never longer than the tier keeps anything."""
    router = stage.router({"l3": stage.l3(ttl=50)})
    stage.route(router, ask("short"), ttl=20)
    stage.route(router, ask("long"), ttl=10_000)
    lives = sorted(entry.expires_at - entry.created_at for entry in l3_entries(router))
    assert lives == pytest.approx([20, 50], abs=5)


@pytest.mark.parametrize("break_", [Behaviour(cut_after=0), Behaviour(error_event_after=0)], ids=["cut", "event"])
def test_stale_for_a_stream_that_breaks_before_its_first_token(break_: Behaviour, stage: Stage) -> None:
    """Nothing was shown yet, so everything may still be made good."""
    router = stage.router({"stale_if_error": 60})
    stage.route(router, ttl=0.05)
    time.sleep(0.06)
    stage.behave(break_)
    chunks, answer = stage.read(router)
    assert (content(chunks), answer.cache.status) == (TEXT, "stale")
    stage.close()
    assert_law(stage.recorder, stage.simulator, calls=stage.calls)


def test_access_is_asked_before_the_cache(stage: Stage, recorder: Recorder) -> None:
    """What somebody else paid for is not shown to those who may not ask."""
    router = stage.router()
    stage.route(router)
    stage.settle(router)
    crowd = CROWDS[stage.world](stage.simulator, stage.config(), access=lambda access: False, **recorder.providers)
    assert type(crowd.act("route", "chat")).__name__ == "AccessDenied"
    crowd.close()
