"""Telemetry never breaks a request: what an observer raises is logged, counted and swallowed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

from beastmode_otel.errors import raised_by_signal
from beastmode_otel.observer.facts import AttemptFacts, RequestFacts, TierName
from beastmode_otel.observer.ports import (
    NULL_SCOPE,
    AttemptScope,
    LookupScope,
    MatchScope,
    NullScope,
    Observer,
    RequestScope,
    TierScope,
)

_log = logging.getLogger("beastmode_otel")


class Guarded(Observer):
    """Passes all on to `inner`; what `inner` raises is logged once per kind, counted in `faults`, and swallowed."""

    def __init__(self, inner: Observer) -> None:
        self._inner = inner
        self.faults = 0
        self._told: set[str] = set()

    def request(self, facts: RequestFacts) -> RequestScope:
        scope = self.call(self._inner.request, facts)
        return NULL_SCOPE if scope is None else _GuardedScope(self, scope)

    def write(self, tier: TierName) -> TierScope:
        scope = self.call(self._inner.write, tier)
        return NULL_SCOPE if scope is None else _GuardedScope(self, scope)

    def call(self, tell: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """What `tell` returns; None when it raises."""
        try:
            return tell(*args, **named)
        except Exception as exc:  # (whatever an observer does, the request goes on)
            if raised_by_signal(exc) is not None:
                raise
            self.faults += 1
            with suppress(Exception):
                self._inner.dropped("all", "observer_fault")
            kind = type(exc).__name__
            if kind not in self._told:
                self._told.add(kind)
                _log.warning("telemetry failed and was skipped (told once per kind): %s", kind, exc_info=exc)
            return None


def _passed_on(name: str) -> Callable[..., None]:
    def tell(self: Guarded, *args: Any, **named: Any) -> None:
        self.call(getattr(self._inner, name), *args, **named)

    return tell


for _name in vars(Observer):
    if not _name.startswith("_") and _name not in vars(Guarded):  # each telling, with its signature from the protocol
        setattr(Guarded, _name, _passed_on(_name))


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

    def match(self, key: str) -> MatchScope:
        return self._opened(self._scope.match, key)

    def access(self, tier: TierName) -> TierScope:
        return self._opened(self._scope.access, tier)

    def _opened(self, opener: Callable[..., Any], *args: Any) -> NullScope | _GuardedScope:
        scope = self._guard.call(opener, *args)
        return NULL_SCOPE if scope is None else _GuardedScope(self._guard, scope)

    def token(self) -> bool:
        return self._guard.call(self._scope.token) is True

    def finish(self, outcome: Any, *more: Any) -> None:
        self._guard.call(self._scope.finish, outcome, *more)
