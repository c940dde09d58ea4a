"""The narrow door to telemetry: what the engine tells, in facts and outcomes, without naming an attribute.

Core code opens a scope and finishes it with an outcome, a plain value. `telemetry/` implements these protocols with
OpenTelemetry; `NullObserver` is the default; `Guarded` makes sure that telemetry never breaks a request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from beastmode_otel.errors import BeastModeError, Category

OutcomeKind = Literal["ok", "error", "cancelled", "abandoned"]
CacheStatus = Literal["hit", "miss", "stale", "bypass", "off"]
DeploymentState = Literal["closed", "half_open", "open"]

_log = logging.getLogger("beastmode_otel")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What is known of a request when it begins. labels: the team's own, already cut to the configured allow-list."""

    model: str
    door: str
    stream: bool
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """One try at one deployment. model: the exact name sent to the vendor. number: from 1. ask: wire.Ask."""

    deployment: str
    provider: str
    operation: str
    model: str
    host: str
    port: int
    number: int
    stream: bool
    ask: Any = None
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOutcome:
    """How a request ended. cost: USD, None when not known. tokens: wire.Usage of the answer, None without one."""

    kind: OutcomeKind
    error: BeastModeError | None = None
    route: str | None = None
    deployment: str | None = None
    attempts: int = 0
    cache_status: CacheStatus = "off"
    cost: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """How an attempt ended.

    sent: whether the request reached the wire. reply: wire.Reply as far as it came. tokens: wire.Usage, perhaps
    estimated. cost: USD for `tokens`; None with `tokens` given means that the price is not known.
    """

    kind: OutcomeKind
    sent: bool = False
    status: int | None = None
    category: Category | None = None
    provider_code: str | None = None
    exception: str | None = None
    reply: Any = None
    tokens: Any = None
    cost: float | None = None


class AttemptScope(Protocol):
    """An open attempt."""

    def active(self) -> AbstractContextManager[Any]:
        """Make it current, and our own HTTP invisible to our own hook. Never across a return to the user."""

    def token(self) -> None:
        """A chunk with generated content has arrived; the first one is the time to first token."""

    def finish(self, outcome: AttemptOutcome) -> None:
        """End it: the span and every metric. Idempotent, the first outcome counts."""


class RequestScope(Protocol):
    """An open request."""

    def active(self) -> AbstractContextManager[Any]:
        """Make it current while our own work runs."""

    def attempt(self, facts: AttemptFacts) -> AttemptScope:
        """Open an attempt below it."""

    def finish(self, outcome: RequestOutcome) -> None:
        """End it: the span, every metric, and the log record of a failure. Idempotent, the first outcome counts."""


class Observer(Protocol):
    """Who is told."""

    def request(self, facts: RequestFacts) -> RequestScope:
        """A request begins."""

    def retried(self, deployment: str, category: Category) -> None:
        """The same deployment is tried again because of `category`."""

    def fell_back(self, source: str, target: str) -> None:
        """The request goes on to another deployment."""

    def deployment_state(self, deployment: str, state: DeploymentState) -> None:
        """A deployment's breaker is in this state from now on."""

    def limits(self, deployment: str, remaining: Mapping[str, float]) -> None:
        """What the provider says is left of its rate limits, by kind."""

    def before_collect(self, sweep: Callable[[], None]) -> None:
        """Call the bound method `sweep`, as long as its object lives, before the active requests are counted."""

    def dropped(self, signal: str, reason: str) -> None:
        """Something that should have been told was lost."""


class NullScope:
    """Hears nothing; both a request and an attempt."""

    def active(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def token(self) -> None: ...

    def attempt(self, facts: AttemptFacts) -> AttemptScope:
        return self

    def finish(self, outcome: RequestOutcome | AttemptOutcome) -> None: ...


_NULL_SCOPE = NullScope()


class NullObserver:
    """Nobody is told."""

    def request(self, facts: RequestFacts) -> RequestScope:
        return _NULL_SCOPE

    def retried(self, deployment: str, category: Category) -> None: ...

    def fell_back(self, source: str, target: str) -> None: ...

    def deployment_state(self, deployment: str, state: DeploymentState) -> None: ...

    def limits(self, deployment: str, remaining: Mapping[str, float]) -> None: ...

    def before_collect(self, sweep: Callable[[], None]) -> None: ...

    def dropped(self, signal: str, reason: str) -> None: ...


class Guarded:
    """Passes all on to `inner`; what `inner` raises is logged once per kind, counted in `faults`, and swallowed."""

    def __init__(self, inner: Observer) -> None:
        self._inner = inner
        self.faults = 0
        self._told: set[str] = set()

    def request(self, facts: RequestFacts) -> RequestScope:
        scope = self.call(self._inner.request, facts)
        return _NULL_SCOPE if scope is None else _GuardedRequest(self, scope)

    def retried(self, deployment: str, category: Category) -> None:
        self.call(self._inner.retried, deployment, category)

    def fell_back(self, source: str, target: str) -> None:
        self.call(self._inner.fell_back, source, target)

    def deployment_state(self, deployment: str, state: DeploymentState) -> None:
        self.call(self._inner.deployment_state, deployment, state)

    def limits(self, deployment: str, remaining: Mapping[str, float]) -> None:
        self.call(self._inner.limits, deployment, remaining)

    def before_collect(self, sweep: Callable[[], None]) -> None:
        self.call(self._inner.before_collect, sweep)

    def dropped(self, signal: str, reason: str) -> None:
        self.call(self._inner.dropped, signal, reason)

    def call(self, tell: Callable[..., Any], *args: Any) -> Any:
        """What `tell` returns; None when it raises."""
        try:
            return tell(*args)
        except Exception as exc:  # noqa: BLE001  (whatever an observer does, the request goes on)
            self.faults += 1
            with suppress(Exception):
                self._inner.dropped("all", "observer_fault")
            kind = type(exc).__name__
            if kind not in self._told:
                self._told.add(kind)
                _log.warning("telemetry failed and was skipped (told once per kind): %s", kind, exc_info=exc)
            return None


class _GuardedActive:
    """Entering and leaving, guarded too. What the body raises is never swallowed."""

    __slots__ = ("_guard", "_inner", "_scope")

    def __init__(self, guard: Guarded, scope: RequestScope | AttemptScope) -> None:
        self._guard, self._scope = guard, scope
        self._inner: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        self._inner = self._guard.call(self._open)

    def _open(self) -> AbstractContextManager[Any]:
        inner = self._scope.active()
        inner.__enter__()
        return inner

    def __exit__(self, *ended: Any) -> None:
        if self._inner is not None:
            self._guard.call(self._inner.__exit__, *ended)


class _GuardedRequest:
    __slots__ = ("_guard", "_scope")

    def __init__(self, guard: Guarded, scope: RequestScope) -> None:
        self._guard, self._scope = guard, scope

    def active(self) -> AbstractContextManager[Any]:
        return _GuardedActive(self._guard, self._scope)

    def attempt(self, facts: AttemptFacts) -> AttemptScope:
        scope = self._guard.call(self._scope.attempt, facts)
        return _NULL_SCOPE if scope is None else _GuardedAttempt(self._guard, scope)

    def finish(self, outcome: RequestOutcome) -> None:
        self._guard.call(self._scope.finish, outcome)


class _GuardedAttempt:
    __slots__ = ("_guard", "_scope")

    def __init__(self, guard: Guarded, scope: AttemptScope) -> None:
        self._guard, self._scope = guard, scope

    def active(self) -> AbstractContextManager[Any]:
        return _GuardedActive(self._guard, self._scope)

    def token(self) -> None:
        self._guard.call(self._scope.token)

    def finish(self, outcome: AttemptOutcome) -> None:
        self._guard.call(self._scope.finish, outcome)
