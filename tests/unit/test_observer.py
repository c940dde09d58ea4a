"""The door to telemetry: nothing that an observer does reaches a request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from beastmode_otel.errors import OTHER
from beastmode_otel.observer import (
    AttemptFacts,
    AttemptOutcome,
    Guarded,
    MatchOutcome,
    NullObserver,
    Observer,
    RequestFacts,
    RequestOutcome,
)
from beastmode_otel.telemetry import OtelObserver

REQUEST = RequestFacts(model="chat", door="router", stream=False)
ATTEMPT = AttemptFacts(
    deployment="main", provider="openai", operation="chat", model="m", host="h", port=443, number=1, stream=False
)
DONE, TRIED = RequestOutcome(kind="ok"), AttemptOutcome(kind="ok")

TELLINGS: dict[str, Callable[[Observer], object]] = {
    "request": lambda observer: observer.request(REQUEST),
    "retried": lambda observer: observer.retried("main", OTHER),
    "fell_back": lambda observer: observer.fell_back("main", "spare"),
    "deployment_state": lambda observer: observer.deployment_state("main", "open"),
    "limits": lambda observer: observer.limits("main", {"requests": 1.0}),
    "write": lambda observer: observer.write("l2"),
    "tier_state": lambda observer: observer.tier_state("l2", "open"),
    "leased": lambda observer: observer.leased("l2", "waited", 0.1),
    "warmed": lambda observer: observer.warmed("l3", {"warmed": 2}, 100, 0.5, "done"),
    "matching": lambda observer: observer.matching("semantic", 0.95),
    "embedded": lambda observer: observer.embedded("ok", 0.01),
    "judged": lambda observer: observer.judged("agree", "shadow"),
    "promoted": lambda observer: observer.promoted("l1"),
    "evicted": lambda observer: observer.evicted("l1", "size"),
    "invalidated": lambda observer: observer.invalidated("tag", 3),
    "watch_tier": lambda observer: observer.watch_tier("l1", None, lambda: (0, 0)),
    "before_collect": lambda observer: observer.before_collect(print),
    "dropped": lambda observer: observer.dropped("log", "full"),
    "unmanaged": lambda observer: observer.unmanaged(),
}
SCOPE_STEPS = ("active", "enter", "exit", "attempt", "lookup", "match", "access", "token", "finish")


class Faulty:
    """An observer and its scopes that note every call, and raise `fault` in the steps named."""

    def __init__(self, *steps: str, fault: BaseException | None = None) -> None:
        self.steps, self.fault = set(steps), fault or ValueError("telemetry is broken")
        self.heard: list[Any] = []

    def _hear(self, step: str, *args: Any) -> None:
        self.heard.append((step, *args))
        if step in self.steps:
            raise self.fault

    def __getattr__(self, name: str) -> Any:
        if name not in TELLINGS:
            raise AttributeError(name)
        return lambda *args: self._hear(name, *args) or self

    # As a scope.
    def active(self) -> AbstractContextManager[Any]:
        self._hear("active")
        return self._current()

    @contextmanager
    def _current(self) -> Any:
        self._hear("enter")
        try:
            yield self
        finally:
            self._hear("exit")

    def attempt(self, facts: AttemptFacts) -> Faulty:
        self._hear("attempt", facts)
        return self

    def lookup(self, key: str) -> Faulty:
        self._hear("lookup", key)
        return self

    def match(self, key: str) -> Faulty:
        self._hear("match", key)
        return self

    def access(self, tier: str) -> Faulty:
        self._hear("access", tier)
        return self

    def token(self) -> None:
        self._hear("token")

    def finish(self, outcome: Any, tier: str | None = None) -> None:
        self._hear("finish", outcome)


def a_whole_request(observer: Observer) -> str:
    """What engine, cache and router do with an observer, and their own work in the middle of it."""
    done: list[str] = []
    request = observer.request(REQUEST)
    with request.active():
        lookup = request.lookup("0123456789ab")
        access = lookup.access("l2")
        with access.active():
            done.append("look ")
        access.finish("miss")
        lookup.finish("miss", "l2")
        match = request.match("0123456789ab")
        match.access("l2").finish("hit")
        match.finish(MatchOutcome(verdict="guard_reject", similarity=0.97, guard="numbers"))
        attempt = request.attempt(ATTEMPT)
        with attempt.active():
            attempt.token()
            done.append("work")
        attempt.finish(TRIED)
    request.finish(DONE)
    return "".join(done)


WHOLE = [
    *("request", "active", "enter"),
    *("lookup", "access", "active", "enter", "exit", "finish", "finish"),
    *("match", "access", "finish", "finish"),
    *("attempt", "active", "enter", "token", "exit", "finish"),
    *("exit", "finish"),
]


def test_everything_is_passed_on_as_it_is():
    inner = Faulty()
    guarded = Guarded(inner)
    for tell in TELLINGS.values():
        tell(guarded)
    assert [heard[0] for heard in inner.heard] == list(TELLINGS)
    assert inner.heard[1] == ("retried", "main", OTHER)
    inner.heard.clear()
    assert a_whole_request(guarded) == "look work"
    assert [heard[0] for heard in inner.heard] == WHOLE
    found = MatchOutcome(verdict="guard_reject", similarity=0.97, guard="numbers")
    told = ["miss", "miss", "hit", found, TRIED, DONE]
    assert [heard[1] for heard in inner.heard if heard[0] == "finish"] == told
    assert guarded.faults == 0


@pytest.mark.parametrize("name", TELLINGS)
def test_a_fault_in_any_telling_is_swallowed_counted_and_reported(name: str):
    inner = Faulty(name)
    guarded = Guarded(inner)
    TELLINGS[name](guarded)
    assert guarded.faults == 1
    assert ("dropped", "all", "observer_fault") in inner.heard


@pytest.mark.parametrize("step", SCOPE_STEPS)
def test_a_fault_in_any_step_of_a_scope_leaves_the_request_alone(step: str):
    inner = Faulty(step)
    guarded = Guarded(inner)
    assert a_whole_request(guarded) == "look work"
    assert guarded.faults >= 1
    assert inner.heard.count(("dropped", "all", "observer_fault")) == guarded.faults


def test_everything_broken_at_once_leaves_the_request_alone():
    guarded = Guarded(Faulty(*TELLINGS, *SCOPE_STEPS))
    assert a_whole_request(guarded) == "look work"


def test_what_comes_after_a_fault_is_still_told():
    inner = Faulty("attempt", "enter")
    a_whole_request(Guarded(inner))
    assert inner.heard[-1] == ("finish", DONE)


@pytest.mark.parametrize("steps", [(), ("exit",), ("enter",), ("exit", "enter", "active")])
@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError, KeyboardInterrupt, StopIteration])
def test_the_requests_own_exceptions_pass_through_a_scope(steps: tuple[str, ...], kind: type[BaseException]):
    fault = kind("the request's own")
    with pytest.raises(kind) as caught, Guarded(Faulty(*steps)).request(REQUEST).active():
        raise fault
    assert caught.value is fault


class Swallowing:
    """A context manager that would swallow whatever its body raises."""

    def __enter__(self) -> None: ...
    def __exit__(self, *ended: object) -> bool:
        return True


def test_an_observer_cannot_swallow_an_exception_of_the_request():
    inner = Faulty()
    inner.active = Swallowing  # type: ignore[assignment, method-assign]
    guarded = Guarded(inner)
    with pytest.raises(ValueError, match="the request's own"), guarded.request(REQUEST).active():
        raise ValueError("the request's own")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_is_no_exception_is_not_swallowed(kind: type[BaseException]):
    with pytest.raises(kind):
        Guarded(Faulty("retried", fault=kind())).retried("main", OTHER)


def test_faults_are_logged_once_per_kind(caplog: pytest.LogCaptureFixture):
    inner = Faulty("retried")
    guarded = Guarded(inner)
    for fault in (ValueError("one"), ValueError("another"), KeyError("else"), ValueError("and again")):
        inner.fault = fault
        guarded.retried("main", OTHER)
    assert guarded.faults == 4
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["ValueError", "KeyError"]
    assert all(record.levelno == logging.WARNING and record.exc_info for record in caplog.records)
    assert {record.name for record in caplog.records} == {"beastmode_otel"}


@pytest.mark.parametrize("name", TELLINGS)
def test_nobody_is_told_anything_by_the_null_observer(name: str):
    TELLINGS[name](NullObserver())


def test_the_null_observers_scopes_do_nothing_and_its_requests_run():
    observer: Observer = NullObserver()
    assert a_whole_request(observer) == "look work"
    with pytest.raises(ValueError, match="the request's own"), observer.request(REQUEST).active():
        raise ValueError("the request's own")


def test_every_method_of_the_protocol_is_told_here():
    assert {name for name in vars(Observer) if not name.startswith("_")} == set(TELLINGS)


def test_a_telling_by_keywords_is_passed_on_too():
    heard: list[Any] = []
    inner = NullObserver()
    inner.evicted = lambda **named: heard.append(named)  # type: ignore[assignment, method-assign]
    Guarded(inner).evicted(tier="l1", reason="size")
    assert heard == [{"tier": "l1", "reason": "size"}]


def test_guarded_inherits_no_method_that_does_nothing():
    assert set(TELLINGS) <= set(vars(Guarded))


def test_opentelemetry_is_told_everything():
    assert set(TELLINGS) <= set(vars(OtelObserver))
