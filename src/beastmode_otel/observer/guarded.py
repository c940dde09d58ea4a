"""Telemetry never breaks a request: what an observer raises is logged, counted and swallowed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from beastmode_otel.errors import Category
from beastmode_otel.observer.facts import AttemptFacts, DeploymentState, RequestFacts, TierName
from beastmode_otel.observer.null import NULL_SCOPE, NullScope
from beastmode_otel.observer.ports import AccessScope, AttemptScope, LookupScope, Observer, RequestScope

_log = logging.getLogger("beastmode_otel")


class Guarded:
    """Passes all on to `inner`; what `inner` raises is logged once per kind, counted in `faults`, and swallowed."""

    def __init__(self, inner: Observer) -> None:
        self._inner = inner
        self.faults = 0
        self._told: set[str] = set()

    def request(self, facts: RequestFacts) -> RequestScope:
        scope = self.call(self._inner.request, facts)
        return NULL_SCOPE if scope is None else _GuardedScope(self, scope)

    def unmanaged(self) -> None:
        self.call(self._inner.unmanaged)

    def retried(self, deployment: str, category: Category) -> None:
        self.call(self._inner.retried, deployment, category)

    def fell_back(self, source: str, target: str) -> None:
        self.call(self._inner.fell_back, source, target)

    def deployment_state(self, deployment: str, state: DeploymentState) -> None:
        self.call(self._inner.deployment_state, deployment, state)

    def limits(self, deployment: str, remaining: Mapping[str, float]) -> None:
        self.call(self._inner.limits, deployment, remaining)

    def write(self, tier: TierName) -> AccessScope:
        scope = self.call(self._inner.write, tier)
        return NULL_SCOPE if scope is None else _GuardedScope(self, scope)

    def tier_state(self, tier: TierName, state: DeploymentState) -> None:
        self.call(self._inner.tier_state, tier, state)

    def promoted(self, tier: TierName) -> None:
        self.call(self._inner.promoted, tier)

    def evicted(self, tier: TierName, reason: str) -> None:
        self.call(self._inner.evicted, tier, reason)

    def invalidated(self, by: str, count: int) -> None:
        self.call(self._inner.invalidated, by, count)

    def watch_tier(self, tier: TierName, system: str | None, stats: Callable[[], tuple[int, int]]) -> None:
        self.call(self._inner.watch_tier, tier, system, stats)

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

    def __init__(self, guard: Guarded, scope: Any) -> None:
        self._guard, self._scope = guard, scope
        self._inner: AbstractContextManager[Any] | None = None

    def __enter__(self) -> None:
        self._inner = self._guard.call(self._open)

    def _open(self) -> AbstractContextManager[Any]:
        inner: AbstractContextManager[Any] = self._scope.active()
        inner.__enter__()
        return inner

    def __exit__(self, *ended: Any) -> None:
        if self._inner is not None:
            self._guard.call(self._inner.__exit__, *ended)


class _GuardedScope:
    """Any scope, guarded; what a scope of its own is opened from stays guarded too."""

    __slots__ = ("_guard", "_scope")

    def __init__(self, guard: Guarded, scope: Any) -> None:
        self._guard, self._scope = guard, scope

    def active(self) -> AbstractContextManager[Any]:
        return _GuardedActive(self._guard, self._scope)

    def attempt(self, facts: AttemptFacts) -> AttemptScope:
        return self._opened(self._scope.attempt, facts)

    def lookup(self, key: str) -> LookupScope:
        return self._opened(self._scope.lookup, key)

    def access(self, tier: TierName) -> AccessScope:
        return self._opened(self._scope.access, tier)

    def _opened(self, opener: Callable[..., Any], *args: Any) -> NullScope | _GuardedScope:
        scope = self._guard.call(opener, *args)
        return NULL_SCOPE if scope is None else _GuardedScope(self._guard, scope)

    def token(self) -> bool:
        return self._guard.call(self._scope.token) is True

    def finish(self, outcome: Any, *more: Any) -> None:
        self._guard.call(self._scope.finish, outcome, *more)
