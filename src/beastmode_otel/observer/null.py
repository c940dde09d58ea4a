"""Nobody is told: the default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from beastmode_otel.errors import Category
from beastmode_otel.observer.facts import AttemptFacts, DeploymentState, RequestFacts, TierName
from beastmode_otel.observer.ports import AccessScope, AttemptScope, LookupScope, RequestScope


class NullScope:
    """Hears nothing; every kind of scope at once."""

    def lookup(self, key: str) -> LookupScope:
        return self

    def access(self, tier: TierName) -> AccessScope:
        return self

    def active(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def token(self) -> bool:
        return False

    def attempt(self, facts: AttemptFacts) -> AttemptScope:
        return self

    def finish(self, outcome: Any, tier: TierName | None = None) -> None: ...


NULL_SCOPE: Final = NullScope()


class NullObserver:
    """Nobody is told."""

    def request(self, facts: RequestFacts) -> RequestScope:
        return NULL_SCOPE

    def unmanaged(self) -> None: ...

    def retried(self, deployment: str, category: Category) -> None: ...

    def fell_back(self, source: str, target: str) -> None: ...

    def deployment_state(self, deployment: str, state: DeploymentState) -> None: ...

    def limits(self, deployment: str, remaining: Mapping[str, float]) -> None: ...

    def write(self, tier: TierName) -> AccessScope:
        return NULL_SCOPE

    def tier_state(self, tier: TierName, state: DeploymentState) -> None: ...

    def promoted(self, tier: TierName) -> None: ...

    def evicted(self, tier: TierName, reason: str) -> None: ...

    def invalidated(self, by: str, count: int) -> None: ...

    def watch_tier(self, tier: TierName, system: str | None, stats: Callable[[], tuple[int, int]]) -> None: ...

    def before_collect(self, sweep: Callable[[], None]) -> None: ...

    def dropped(self, signal: str, reason: str) -> None: ...
