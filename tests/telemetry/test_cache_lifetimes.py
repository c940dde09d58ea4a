"""How long an answer lives, and who decides: through every door, in both worlds, whole and as a stream."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import Answer
from beastmode_otel.simulator import Simulator
from support.crowd import wait_until
from support.recorder import Recorder
from telemetry.cache_doors import DOORS, AppStage, make_stage
from telemetry.cache_expected import hit, miss
from telemetry.cache_stage import Stage, evicted, l3_entries, l3_of, tiered_of
from telemetry.matrix import GOOD, TEXT
from telemetry.test_cache_matrix import STREAM, ask, unread

FORBIDDEN = replace(GOOD, headers={"cache-control": "private, max-age=0, no-store, no-cache, must-revalidate"})


@pytest.fixture(params=DOORS)
def stage(
    request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    made = make_stage(request.param, simulator, recorder, tmp_path, monkeypatch)
    yield made
    made.close()


def age(front: Any, seconds: float) -> None:
    """Let what is stored have been made so long ago."""
    for node in tiered_of(front).memory._nodes.values():
        node.entry = replace(node.entry, created_at=node.entry.created_at - seconds)
    for entry in l3_entries(front):
        l3_of(front).tier.delete(entry.key)
        l3_of(front).tier.put(replace(entry, created_at=entry.created_at - seconds))


def lifetimes(front: Any) -> list[float]:
    """Seconds from creation to expiry: of the entries in memory, then of those in the file."""
    nodes = tiered_of(front).memory._nodes.values()
    return [round(one.expires_at - one.created_at, 1) for one in [*(n.entry for n in nodes), *l3_entries(front)]]


# max_age.


@STREAM
@pytest.mark.parametrize("tier", ["l1", "l3"])
def test_older_than_max_age_is_a_miss_and_is_replaced(tier: str, stream: bool, stage: Stage) -> None:
    """Fresh by its own lifetime, too old for this call; whoever says nothing gets it, and later the new answer."""
    front = stage.router()
    ask(stage, front, False)
    age(front, 100)
    if tier == "l3":
        front = stage.router()
    elif stream:
        assert ask(stage, front, stream, max_age=101).cache.status == "hit"
    stage.behave(replace(GOOD, text="news"))
    assert ask(stage, front, stream, max_age=99).text == "news"
    assert ask(stage, front, stream, max_age=99).text == "news"
    stage.settle(front)
    assert ask(stage, stage.router(), stream, max_age=99).text == "news"
    young = [hit(stream=stream)] if tier == "l1" and stream else []
    old = miss(stream=stream, l1="stale" if tier == "l1" else "miss", l3="stale", too_old=True)
    stage.check(
        miss(), *young, old, hit(stream=stream), hit("l3", stream=stream),
        extra=evicted("replaced") if tier == "l1" else {},
    )  # fmt: skip


@STREAM
def test_too_old_is_not_served_when_the_provider_fails(stage: Stage, stream: bool) -> None:
    """A caller who says how old an answer may be means it, whatever stale_if_error allows to others."""
    front = stage.router({"stale_if_error": 60})
    ask(stage, front, False)
    age(front, 100)
    stage.behave(replace(GOOD, status=500))
    assert not hasattr(ask(stage, front, stream, max_age=50), "text")
    assert ask(stage, front, stream).text == TEXT


@STREAM
def test_who_waits_gets_no_older_answer_than_it_asked_for(stage: Stage, stream: bool) -> None:
    """Another caller's flight finds an entry that is too old for this one: it asks by itself."""
    front = stage.router()
    ask(stage, front, False)
    age(front, 100)
    if isinstance(stage, AppStage) and unread(stage, stream):
        return stage.close()  # such a body is one reader's own: nobody waits for another's
    second = stage.router({"l3": stage.l3(soft=20.0)})
    l3 = l3_of(second)
    tier = l3.tier = Gate(l3.tier)
    stage.behave(replace(GOOD, text="news"))
    action = "read" if stream else "route"
    leader = stage.begin(second, action)
    wait_until(lambda: tier.asked)
    waiter = stage.begin(second, action, max_age=50)
    wait_until(lambda: stage.recorder.total("beastmode.requests.started") == stage.calls)
    time.sleep(0.05)
    tier.open = True
    found = [result[1] if isinstance(result, tuple) else result for result in (leader.result(), waiter.result())]
    assert [answer.text for answer in found] == [TEXT, "news"]
    return None


class Gate:
    """A tier whose first answer waits until it is `open`. Everything else is the inner tier's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.asked = self.open = False

    def ask(self, key: Any) -> Any:
        self.asked = True
        gate, pending = self, self._inner.ask(key)

        class Waiting:
            def ready(self, timeout: float) -> bool:
                return gate.open

            def take(self) -> Any:
                wait_until(lambda: gate.open)
                return pending.take()

            def drop(self) -> None:
                pending.drop()

        return Waiting()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


# no_store.


@STREAM
def test_no_store_is_asked_and_not_stored(stage: Stage, stream: bool) -> None:
    """The answer goes to its caller alone; what others have stored is a hit for it too."""
    front = stage.router()
    assert ask(stage, front, stream, no_store=True).cache.status == "miss"
    assert (len(tiered_of(front).memory), l3_entries(front)) == (0, [])
    assert ask(stage, front, stream).cache.status == "miss"
    assert ask(stage, front, stream, no_store=True).cache.status == "hit"
    alone = miss(stream=stream, put=None, reason="caller_no_store")
    stage.check(alone, miss(stream=stream), hit(stream=stream))


# ttl.


@STREAM
def test_ttl_of_a_call(stage: Stage, stream: bool) -> None:
    """At most the configured ones, less the jitter; what is too short for a write stays in memory."""
    front = stage.router({"jitter": 0})
    for n, ttl in enumerate((600, 1e9, 2)):
        ask(stage, front, stream, {"messages": [{"role": "user", "content": f"{n}"}]}, ttl=ttl)
        stage.settle(front)
    assert sorted(lifetimes(front)) == [2, 600, 600, 3600, 86_400]


@STREAM
def test_ttl_ends_an_answer(stage: Stage, stream: bool) -> None:
    front = stage.router()
    ask(stage, front, stream, ttl=0.3)
    assert ask(stage, front, stream).cache.status == "hit"
    time.sleep(0.35)
    assert ask(stage, front, stream).cache.status == "miss"
    stage.check(
        miss(stream=stream, put=None), hit(stream=stream), miss(stream=stream),
        extra=evicted("expired"),
    )  # fmt: skip


@STREAM
@pytest.mark.parametrize("where", ["configured", "call"])
def test_ttl_as_a_function_of_the_answer(where: str, stream: bool, stage: Stage) -> None:
    """It sees what a router's caller sees, and decides for each answer: seconds, or not at all."""
    seen: list[Answer] = []

    def ttl(answer: Answer) -> float | None:
        seen.append(answer)
        return {"short": 60, "never": None, "zero": 0, "false": False}.get(answer.text, 900)  # type: ignore[return-value]

    front = stage.router({"jitter": 0} | ({"ttl": ttl} if where == "configured" else {}))
    said = {"ttl": ttl} if where == "call" else {}
    for text in ("short", "never", "zero", "false", TEXT):
        stage.behave(replace(GOOD, text=text))
        assert ask(stage, front, stream, {"messages": [{"role": "user", "content": text}]}, **said).text == text
        stage.settle(front)
    assert sorted(lifetimes(front)) == [60, 60, 900, 900]
    assert [answer.text for answer in seen] == ["short", "never", "zero", "false", TEXT]
    last = seen[-1]
    assert last.body["choices"][0]["message"]["content"] == TEXT
    assert last.usage is not None
    assert last.usage.output_tokens == GOOD.output_tokens
    assert (last.model, last.cost, len(last.request_id)) == (
        stage.door.told(miss()).model,
        pytest.approx(miss().cost),
        32,
    )
    reasons = [span.attributes.get("beastmode.cache.reason") for span in routes(stage)]
    assert reasons == [None, "ttl", "ttl", "ttl", None]
    assert stage.recorder.total("beastmode.cache.not_stored", beastmode__cache__reason="ttl") == 3


def routes(stage: Stage) -> list[Any]:
    return sorted((span for span in stage.recorder.spans() if span.parent is None), key=lambda span: span.start_time)


def fails(_: Answer) -> float:
    raise LookupError("no such answer")


async def waits(_: Answer) -> float:
    return 60.0


WRONG: dict[str, Any] = {
    "an exception": fails,
    "a string": lambda _: "600",
    "true": lambda _: True,
    "not a number": lambda _: float("nan"),
    "a coroutine": waits,
}


@STREAM
@pytest.mark.parametrize("name", WRONG)
def test_a_ttl_function_that_fails(name: str, stream: bool, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """The default holds, the call goes on, and the log says so once."""
    front = stage.router({"jitter": 0, "ttl": WRONG[name]})
    with caplog.at_level(logging.WARNING, logger="beastmode_otel"):
        for n in range(3):
            question = {"messages": [{"role": "user", "content": f"{n}"}]}
            assert [ask(stage, front, stream, question).cache.status for _ in range(2)] == ["miss", "hit"]
    assert sorted(lifetimes(front)) == [3600] * 3 + [86_400] * 3
    assert len([record for record in caplog.records if "ttl function" in record.message]) == 1


# The provider's no-store.


@STREAM
def test_a_providers_no_store_is_obeyed_counted_and_told_once(
    stage: Stage, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stage.behave(FORBIDDEN)
    front = stage.router()
    with caplog.at_level(logging.WARNING, logger="beastmode_otel"):
        assert [ask(stage, front, stream).cache.status for _ in range(3)] == ["miss"] * 3
    told = [record.message for record in caplog.records if "obey_cache_control" in record.message]
    assert len(told) == 1
    assert (stage.door.address or "a") in told[0]
    stage.check(*[miss(stream=stream, put=None, reason="no_store")] * 3)


@STREAM
@pytest.mark.parametrize("where", ["deployment", "cache"])
def test_a_providers_no_store_can_be_ignored(where: str, stream: bool, stage: Stage) -> None:
    """By the deployment that sends it with everything, or for all."""
    stage.behave(FORBIDDEN)
    front = disobeying(stage, where)
    assert [ask(stage, front, stream).cache.status for _ in range(2)] == ["miss", "hit"]
    stage.check(miss(stream=stream), hit(stream=stream))


def disobeying(stage: Stage, where: str) -> Any:
    said = {"obey_cache_control": False}
    if where == "cache":
        return stage.router(said)
    if isinstance(stage, AppStage):
        with (stage.folder / "beastmode.toml").open("a") as config:
            config.write(f'[deployments.a]\nbase_url = "{stage.simulator.url("a")}"\nobey_cache_control = false\n')
        return stage.router()
    deployments = stage.config()["deployments"]
    return stage.router(deployments=deployments | {"a": deployments["a"] | said})


@STREAM
@pytest.mark.parametrize("said", ["private", "no-cache", "max-age=0, must-revalidate", "private, max-age=0"])
def test_what_else_a_provider_says_forbids_nothing(said: str, stream: bool, stage: Stage) -> None:
    """`private`: each tenant has a cache of its own. `no-cache`, `max-age`: an answer is no page, nobody can be asked
    whether it has changed."""
    stage.behave(replace(GOOD, headers={"cache-control": said}))
    front = stage.router()
    assert [ask(stage, front, stream).cache.status for _ in range(2)] == ["miss", "hit"]


@pytest.mark.parametrize("provider", ["groq", "cohere"])
def test_a_provider_that_forbids_everything_is_not_obeyed_unless_told_to(provider: str, stage: Stage) -> None:
    """Else the cache would silently be useless for it (docs/decisions.md)."""
    more: dict[str, Any] = {}
    if isinstance(stage, AppStage):
        with (stage.folder / "beastmode.toml").open("a") as config:
            config.write(f'[deployments.a]\nbase_url = "{stage.simulator.url("a")}"\nprovider = "{provider}"\n')
    else:
        deployments = {"a": stage.config()["deployments"]["a"] | {"provider": provider}}
        more = {"deployments": deployments, "routes": {"chat": {"deployments": ["a"]}}}
    stage.behave(FORBIDDEN)
    for said, expected in (({}, ["miss", "hit"]), ({"obey_cache_control": True, "l3": {"url": "off"}}, ["miss"] * 2)):
        front = stage.router(said, **more)
        assert [ask(stage, front, False).cache.status for _ in range(2)] == expected
