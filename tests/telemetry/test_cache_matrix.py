"""The rules of the cache through every door: router, hook and transport, in both worlds, whole and as a stream.

One flow keeps them; where a door cannot keep one, the case says so.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from beastmode_otel import UpstreamError
from beastmode_otel.simulator import Behaviour, Simulator
from support.crowd import wait_until
from support.drivers import QUESTION
from support.recorder import Recorder
from telemetry.cache_doors import DOORS, AppStage, Failed, make_stage
from telemetry.cache_expected import Asked, bypass, collapsed, hit, miss, stale
from telemetry.cache_stage import Stage, evicted, l3_entries, l3_of, tiered_of
from telemetry.matrix import GOOD, TEXT, TOKENS, failed, ok

STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
BOTH_APPS = [door for door in DOORS if not door.startswith("router")]
DOWN = Behaviour(status=500)
ERROR = failed("server_error", 500, code="server_error")
# What expires soon, in memory alone: no door but the router has a `ttl` for one call.
SHORT = {"l1": {"ttl": 0.3}, "l3": {"url": "off"}}
EXPIRED = 0.35


@pytest.fixture(params=DOORS)
def stage(
    request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    made = make_stage(request.param, simulator, recorder, tmp_path, monkeypatch)
    yield made
    made.close()


def ask(stage: Stage, front: Any, stream: bool, request: Any = QUESTION, **options: Any) -> Any:
    """The answer, of a stream what it was read to; what was raised, or the response of an error."""
    result = (stage.read if stream else stage.route)(front, request, **options)
    return result[1] if isinstance(result, tuple) else result


def failed_as(result: Any) -> int | str:
    """How a call ended that got no answer: the status, or the kind of exception."""
    if isinstance(result, Failed):
        return int(result.response.status_code)
    assert isinstance(result, UpstreamError | httpx.HTTPError), result
    return result.status_code or result.category.name if isinstance(result, UpstreamError) else type(result).__name__


# Hits.


@STREAM
def test_l1_hit(stage: Stage, stream: bool) -> None:
    """A whole answer serves whole calls and streams, and costs nothing."""
    front = stage.router()
    first, second = ask(stage, front, False), ask(stage, front, stream)
    assert (first.text, second.text) == (TEXT, TEXT)
    assert (first.cache.status, second.cache.status, second.cache.tier) == ("miss", "hit", "l1")
    stage.check(miss(), hit(stream=stream))


def test_a_stored_stream_is_read_both_ways(stage: Stage) -> None:
    """What a stream left behind serves whole calls and streams."""
    front = stage.router()
    for stream in (True, False, True):
        assert ask(stage, front, stream).text == TEXT
    stage.check(miss(stream=True), hit(), hit(stream=True))


@STREAM
def test_l3_hit_is_promoted(stage: Stage, stream: bool) -> None:
    """Found in the file, and from then on in memory."""
    first = stage.router()
    ask(stage, first, False)
    stage.settle(first)
    second = stage.router()
    assert [ask(stage, second, stream).cache.tier for _ in range(2)] == ["l3", "l1"]
    stage.check(miss(), hit("l3", stream=stream), hit(stream=stream))


@STREAM
def test_a_late_answer_of_a_tier_is_promoted(stage: Stage, stream: bool) -> None:
    """The request stops waiting and asks upstream; what is stored then serves the next."""
    first = stage.router()
    ask(stage, first, False)
    stage.settle(first)
    second = stage.router({"l3": stage.l3(soft=0.05)})
    l3 = l3_of(second)
    tier = l3.tier = Held(l3.tier)
    assert ask(stage, second, stream).cache.status == "miss"
    assert not tier.asked_in_time
    tier.answers.set()
    stage.settle(second)
    assert ask(stage, second, stream).cache.tier == "l1"
    stage.check(miss(), miss(stream=stream, l3="timeout"), hit(stream=stream))


class Held:
    """A tier whose answers wait for `answers`. Everything else is the inner tier's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.answers = threading.Event()
        self.asked_in_time = False

    def ask(self, key: Any) -> Any:
        return _Held(self, self._inner, key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Held:
    def __init__(self, tier: Held, inner: Any, key: Any) -> None:
        self._tier, self._inner, self._key = tier, inner, key

    def ready(self, timeout: float) -> bool:
        return self._tier.answers.is_set()

    def take(self) -> Any:
        self._tier.answers.wait(30)
        return self._inner.ask(self._key).take()


# What the caller says.


@STREAM
def test_cache_off_for_one_call(stage: Stage, stream: bool) -> None:
    """Neither asked nor filled."""
    front = stage.router()
    ask(stage, front, stream, cache="off")
    ask(stage, front, stream)
    stage.check(bypass("off", stream=stream), miss(stream=stream))


@STREAM
def test_stateful_requests_pass_by(stage: Stage, stream: bool) -> None:
    """What the provider remembers is not ours to answer."""
    front = stage.router()
    for _ in range(2):
        ask(stage, front, stream, QUESTION | {"store": True})
    stage.check(*[bypass("stateful", stream=stream)] * 2)


@STREAM
def test_refresh_asks_again_and_replaces(stage: Stage, stream: bool) -> None:
    """L1 has it, upstream is asked anyway, and later requests get the new answer."""
    front = stage.router()
    ask(stage, front, False)
    stage.settle(front)
    stage.behave(replace(GOOD, text="news"))
    assert ask(stage, front, stream, cache="refresh").text == "news"
    assert ask(stage, front, False).text == "news"
    stage.settle(front)
    again = ask(stage, stage.router(), False)
    assert (again.text, again.cache.tier) == ("news", "l3")
    fresh = miss(stream=stream, l1=None, l3=None)
    stage.check(miss(), fresh, hit(), hit("l3"), extra=evicted("replaced"))


@STREAM
def test_tenants_never_share(stage: Stage, stream: bool) -> None:
    """Whoever asks for another tenant, or with another key, is asked for anew: in memory and in the file."""
    front = stage.router()
    ask(stage, front, stream, tenant="one")
    ask(stage, front, stream, tenant="two")
    stage.settle(front)
    again = stage.router()
    assert ask(stage, again, stream, tenant="two").cache.tier == "l3"
    assert ask(stage, again, stream, tenant="three").cache.status == "miss"
    bought = miss(stream=stream)
    stage.check(bought, bought, hit("l3", stream=stream), bought)


# What is not stored.

NOT_STORED: dict[str, tuple[Behaviour, str, dict[str, Any]]] = {
    "truncated": (replace(GOOD, finish_reason="length"), "truncated", {}),
    "filtered": (replace(GOOD, finish_reason="content_filter"), "filtered", {}),
    "empty": (replace(GOOD, text=""), "empty", {}),
    "no-store": (replace(GOOD, headers={"cache-control": "private, no-store"}), "no_store", {}),
    "too large": (GOOD, "too_large", {"max_body": 100}),
}


@STREAM
@pytest.mark.parametrize("name", NOT_STORED)
def test_not_stored(name: str, stream: bool, stage: Stage) -> None:
    """The second call goes upstream again, and the reason is told."""
    behaviour, reason, cache = NOT_STORED[name]
    stage.behave(behaviour)
    front = stage.router(cache)
    assert [ask(stage, front, stream).cache.status for _ in range(2)] == ["miss", "miss"]
    assert stage.simulator.received == 2
    assert l3_entries(front) == []
    routes = [span for span in stage.recorder.spans() if span.parent is None]
    assert [span.attributes["beastmode.cache.reason"] for span in routes] == [reason, reason]
    if behaviour.finish_reason in (None, "stop"):
        attempt = replace(ok(stream=stream), token_came=stream and name != "empty")
        stage.check(*[miss(stream=stream, put=None, reason=reason, tries=(attempt,))] * 2)


@STREAM
def test_tool_calls_are_stored(stage: Stage, stream: bool) -> None:
    """A whole decision for a tool is as good as a text, whichever way it is read later."""
    stage.behave(Behaviour(tool_calls=True, **TOKENS))
    front = stage.router()
    tools = QUESTION | {"tools": [{"type": "function", "function": {"name": "get_weather"}}]}
    first = stage.route(front, tools)
    again = stage.read(front, tools) if stream else stage.route(front, tools)
    said = [chunk.data["choices"] for chunk in again[0] if chunk.data] if stream else [again.body["choices"]]
    assert "get_weather" in json.dumps(said)
    assert "get_weather" in json.dumps(first.body)
    assert stage.simulator.received == 1


@STREAM
def test_errors_are_never_stored(stage: Stage, stream: bool) -> None:
    """Each failing call asks anew, and the first good answer is the one that is kept."""
    stage.behave(DOWN, GOOD)
    front = stage.router()
    assert failed_as(ask(stage, front, stream)) == 500
    assert [ask(stage, front, stream).cache.status for _ in range(2)] == ["miss", "hit"]
    error = miss(stream=stream, put=None, tries=(ERROR,), outcome="error", category="server_error", cost=None)
    stage.check(error, miss(stream=stream), hit(stream=stream))


@pytest.mark.parametrize("name", ["cut", "left"])
def test_a_stream_that_does_not_end_is_not_stored(name: str, stage: Stage) -> None:
    """Half an answer is none."""
    stage.behave(Behaviour(text=TEXT, cut_after=2) if name == "cut" else replace(GOOD, chunk_delay=0.2), GOOD)
    front = stage.router()
    stage.act(front, "read" if name == "cut" else "with_break")
    assert ask(stage, front, False).cache.status == "miss"
    assert stage.simulator.received == 2
    assert len(l3_entries(front)) == 1


# Stale on error.


def expire(front: Any) -> None:
    """Make what is in the file expire a second ago."""
    for entry in l3_entries(front):
        l3_of(front).tier.put(replace(entry, expires_at=time.time() - 1))


def served_stale(stage: Stage, tier: str, stream: bool, *then: Behaviour, asked: dict[str, Any] | None = None) -> Any:
    """What a call gets whose answer has expired in `tier`, when the provider behaves so."""
    stage.behave(GOOD, *then)
    if tier == "l1":
        front = stage.router({"stale_if_error": 60} | SHORT)
        ask(stage, front, False, **(asked or {}))
        time.sleep(EXPIRED)
    else:
        front = stage.router({"stale_if_error": 60})
        ask(stage, front, False, **(asked or {}))
        expire(front)
        front = stage.router({"stale_if_error": 60})
    return ask(stage, front, stream, **(asked or {}))


def whole_first(tier: str) -> Asked:
    return miss() if tier == "l3" else miss(l3=None, put=None)


@STREAM
@pytest.mark.parametrize("tier", ["l1", "l3"])
def test_stale_if_error(tier: str, stream: bool, stage: Stage) -> None:
    """An expired entry answers when the provider fails: the outcome is ok, the failed attempt is told."""
    answer = served_stale(stage, tier, stream, DOWN)
    assert (answer.text, answer.cache.status, answer.cache.tier) == (TEXT, "stale", tier)
    if not isinstance(stage, AppStage):
        assert [attempt.outcome for attempt in answer.attempts] == ["error"]
    code = None if isinstance(stage, AppStage) and unread(stage, stream) else "server_error"
    more = {"l3": None} if tier == "l1" else {}
    stage.check(whole_first(tier), stale(tier, replace(ERROR, code=code), stream=stream, **more), l3=tier == "l3")


def unread(stage: AppStage, stream: bool) -> bool:
    """Whether an app's response is handed over before its body is read, so that a replaced one is never read."""
    return stream or stage.door.name == "transport"


FAILS = {
    "rate limited": Behaviour(status=429, retry_after="0.01"),
    "overloaded": Behaviour(status=529),
    "timeout of the provider": Behaviour(status=408),
    "no answer": Behaviour(drop=True),
}


@STREAM
@pytest.mark.parametrize("name", FAILS)
def test_stale_for_whatever_the_provider_is_to_blame_for(name: str, stream: bool, stage: Stage) -> None:
    """Whatever says that another time, or another place, would have answered."""
    answer = served_stale(stage, "l1", stream, FAILS[name])
    assert (answer.text, answer.cache.status) == (TEXT, "stale")
    assert stage.recorder.total("beastmode.request.duration", beastmode__outcome="error") == 0
    stage.close()


@STREAM
def test_stale_when_nobody_can_be_reached(stage: Stage, stream: bool) -> None:
    """The connection fails before anything is sent."""
    front = stage.router({"stale_if_error": 60} | SHORT)
    ask(stage, front, False)
    time.sleep(EXPIRED)
    stage.simulator.stop()
    answer = ask(stage, front, stream)
    assert (answer.text, answer.cache.status) == (TEXT, "stale")
    spans = [span.attributes for span in stage.recorder.spans() if "beastmode.attempt" in span.attributes]
    assert [span.get("error.type") for span in spans] == [None, "connection_refused"]
    assert spans[1]["beastmode.attempt.sent"] is False


OWN_MAKING = {"bad request": (400, "invalid_request"), "unprocessable": (422, "unprocessable")}
TOO_LONG = Behaviour(status=400, error_code="context_length_exceeded")
OWN_ACCOUNT = {"key refused": (401, "authentication_error"), "forbidden": (403, "permission_denied")}


@STREAM
@pytest.mark.parametrize("name", OWN_MAKING | OWN_ACCOUNT)
def test_never_stale_for_what_is_the_callers_own_making(name: str, stream: bool, stage: Stage) -> None:
    """A request that everybody refuses. For an app, a key that is refused too: a router's keys are not its caller's."""
    status, category = (OWN_MAKING | OWN_ACCOUNT)[name]
    answer = served_stale(stage, "l1", stream, Behaviour(status=status))
    if name in OWN_ACCOUNT and not isinstance(stage, AppStage):
        assert answer.cache.status == "stale"
    else:
        assert failed_as(answer) == status
        assert stage.recorder.total("beastmode.errors", error__type=category) == 1


@STREAM
def test_never_stale_for_a_request_that_is_too_long(stream: bool, stage: Stage) -> None:
    """Its answer from yesterday would hide that today's deployment cannot take it: nothing has failed."""
    answer = served_stale(stage, "l1", stream, TOO_LONG)
    assert failed_as(answer) == 400
    assert stage.recorder.total("beastmode.errors", error__type="context_length_exceeded") == 1


def test_never_stale_for_what_a_stream_says_of_its_request(stage: Stage) -> None:
    """The same in an event of a 200, before any content."""
    told = json.dumps({"error": {"message": "too long", "code": "context_length_exceeded"}})
    answer = served_stale(stage, "l1", True, replace(GOOD, error_event_after=0, error_json=told))
    assert getattr(answer, "text", "") != TEXT
    assert stage.recorder.total("beastmode.errors", error__type="context_length_exceeded") == 1


@STREAM
def test_expired_is_nothing_without_stale_if_error(stage: Stage, stream: bool) -> None:
    """The error is the caller's."""
    front = stage.router(SHORT)
    stage.behave(GOOD, DOWN)
    ask(stage, front, False)
    time.sleep(EXPIRED)
    assert failed_as(ask(stage, front, stream)) == 500
    error = miss(
        stream=stream, l3=None, put=None, tries=(ERROR,), outcome="error", category="server_error", cost=None
    )  # fmt: skip
    stage.check(miss(l3=None, put=None), error, extra=evicted("expired"), l3=False)


@STREAM
def test_an_expired_entry_is_not_served_while_upstream_answers(stage: Stage, stream: bool) -> None:
    """stale_if_error changes nothing where there is no error."""
    answer = served_stale(stage, "l1", stream, replace(GOOD, text="news"))
    assert (answer.text, answer.cache.status) == ("news", "miss")
    without = miss(l3=None, put=None)
    stage.check(without, replace(without, l1="stale", stream=stream, tries=(ok(stream=stream),)),
                extra=evicted("replaced"), l3=False)  # fmt: skip


@pytest.mark.parametrize("name", BOTH_APPS)
def test_an_expired_answer_that_cannot_be_replayed_stands_in_for_nothing(
    name: str, simulator: Simulator, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app gets the provider's own error, once."""
    stage = make_stage(name, simulator, recorder, tmp_path, monkeypatch)
    stage.behave(GOOD, DOWN)
    front = stage.router({"stale_if_error": 60} | SHORT)
    ask(stage, front, False)
    time.sleep(EXPIRED)
    (node,) = tiered_of(front).memory._nodes.values()
    node.entry = replace(node.entry, body=b"no json")
    assert failed_as(ask(stage, front, True)) == 500
    assert stage.simulator.received == 2
    stage.close()


# Writing.


class Slow:
    """A tier whose writes take `seconds`. Everything else is the inner tier's."""

    def __init__(self, inner: Any, seconds: float) -> None:
        self._inner, self._seconds = inner, seconds

    def put(self, entry: Any) -> None:
        time.sleep(self._seconds)
        self._inner.put(entry)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@STREAM
@pytest.mark.parametrize("mode", ["sync", "background"])
def test_write_mode(mode: str, stream: bool, stage: Stage) -> None:
    """sync: a slow file has it when the caller has the end of the answer. background: nobody waits for it."""
    front = stage.router({"write_mode": mode})
    l3 = l3_of(front)
    l3.tier = Slow(l3.tier, 0.5)
    assert ask(stage, front, stream).text == TEXT
    assert len(list(l3.tier.scan(None, 100))) == (1 if mode == "sync" else 0)
    stage.check(miss(stream=stream))


# Together.


SLOW = replace(GOOD, latency=0.8)
WAITERS = 3


def lead_and_follow(stage: Stage, front: Any, stream: bool = False) -> list[Any]:
    """What a leader gets whose call is under way, and those who ask the same meanwhile."""
    action, before = "read" if stream else "route", stage.simulator.received
    callers = [stage.begin(front, action)]
    wait_until(lambda: stage.simulator.received > before)
    callers += [stage.begin(front, action) for _ in range(WAITERS)]
    wait_until(lambda: stage.recorder.total("beastmode.requests.started") == stage.calls)
    results = [caller.result() for caller in callers]
    return [result[1] if isinstance(result, tuple) else result for result in results]


def shares(stage: Stage, stream: bool) -> bool:
    """Whether callers get one upstream call: an app's body that is handed over as it comes is one reader's own."""
    return not (isinstance(stage, AppStage) and unread(stage, stream))


@STREAM
def test_one_call_for_all_that_ask_the_same(stage: Stage, stream: bool) -> None:
    """They are misses that cost nothing; where a body is one reader's own, each has its own call."""
    stage.behave(replace(SLOW, first_token=0.6, chunks=8, chunk_delay=0.05) if stream else SLOW)
    front = stage.router()
    assert {answer.text for answer in lead_and_follow(stage, front, stream)} == {TEXT}
    assert ask(stage, front, stream).cache.status == "hit"
    if shares(stage, stream):
        stage.check(miss(stream=stream), *[collapsed(stream=stream)] * WAITERS, hit(stream=stream))
    else:
        assert stage.simulator.received == 1 + WAITERS
        alone = [miss(stream=stream)] * (1 + WAITERS)
        stage.check(*alone, hit(stream=stream), extra=evicted("replaced", WAITERS))


def test_a_failing_leader(stage: Stage) -> None:
    """The router's error is everybody's; an app's is the leader's own, and the others ask by themselves."""
    stage.behave(Behaviour(status=500, latency=0.8), *[GOOD] * WAITERS)
    front = stage.router()
    leader, *waiters = lead_and_follow(stage, front)
    assert failed_as(leader) == 500
    if isinstance(stage, AppStage):
        assert {waiter.text for waiter in waiters} == {TEXT}
    else:
        assert [failed_as(waiter) for waiter in waiters] == [500] * WAITERS
        assert stage.simulator.received == 1
    stage.close()


def test_waiters_for_a_stale_answer(stage: Stage) -> None:
    """The failed attempt is the leader's alone."""
    stage.behave(GOOD, Behaviour(status=500, latency=0.8))
    front = stage.router({"stale_if_error": 60} | SHORT)
    ask(stage, front, False)
    time.sleep(EXPIRED)
    answers = lead_and_follow(stage, front)
    assert {answer.cache.status for answer in answers} == {"stale"}
    assert {answer.text for answer in answers} == {TEXT}
    if shares(stage, stream=False):
        theirs = stale("l1", l3=None, collapsed=True)
        stage.check(miss(l3=None, put=None), stale("l1", ERROR, l3=None), *[theirs] * WAITERS, l3=False)
    else:
        assert stage.simulator.received == 2 + WAITERS


@STREAM
def test_without_l3(stage: Stage, stream: bool) -> None:
    """L1 alone: no span but the call's own."""
    front = stage.router({"l3": {"url": "off"}})
    for _ in range(2):
        ask(stage, front, stream)
    stage.check(miss(l3=None, put=None, stream=stream), hit(stream=stream), l3=False)
