"""Who is told, and what is open: the protocols that telemetry implements; and the null observer, the default.

A new telling is declared here and implemented in telemetry/observer.py: NullObserver inherits it, and does nothing,
Guarded passes it on by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

from beastmode_otel.errors import Category
from beastmode_otel.observer.facts import (
    Agreement,
    AttemptFacts,
    AttemptOutcome,
    DeploymentState,
    EmbedResult,
    JudgementSource,
    LeaseResult,
    LookupResult,
    MatchOutcome,
    RequestFacts,
    RequestOutcome,
    TierName,
    WarmEnd,
    WarmResult,
    WarmSource,
)


class AttemptScope(Protocol):
    """An open attempt."""

    def active(self) -> AbstractContextManager[Any]:
        """Make it current, and our own HTTP invisible to our own hook. Never across a return to the user."""

    def token(self) -> bool:
        """A chunk with generated content has arrived; the first one is the time to first token.

        Whether the next ones are wanted, too.
        """

    def finish(self, outcome: AttemptOutcome) -> None:
        """End it: the span and every metric. Idempotent, the first outcome counts."""


class TierScope(Protocol):
    """One question to, or one write in, a slower tier."""

    def active(self) -> AbstractContextManager[Any]:
        """Make it current."""

    def finish(self, result: Any) -> None:
        """End it with a LookupResult or WriteResult. Idempotent, the first result counts."""


class AskingScope(Protocol):
    """Below it slower tiers are asked."""

    def access(self, tier: TierName) -> TierScope:
        """One slower tier is asked."""


class LookupScope(AskingScope, Protocol):
    """A lookup that has left L1."""

    def finish(self, result: LookupResult, tier: TierName | None = None) -> None:
        """What came of all of them. Idempotent, the first result counts."""


class MatchScope(AskingScope, Protocol):
    """A look for a similar question, after every tier was asked for the very same one."""

    def finish(self, outcome: MatchOutcome) -> None:
        """What came of it. Idempotent, the first outcome counts."""


class RequestScope(Protocol):
    """An open request."""

    def active(self) -> AbstractContextManager[Any]:
        """Make it current while our own work runs."""

    def attempt(self, facts: AttemptFacts) -> AttemptScope:
        """Open an attempt below it."""

    def lookup(self, key: str) -> LookupScope:
        """The slower tiers are going to be asked. key: short digest."""

    def match(self, key: str) -> MatchScope:
        """A similar question is looked for. key: short digest of the request's own."""

    def finish(self, outcome: RequestOutcome) -> None:
        """End it: the span, every metric, and the log record of a failure. Idempotent, the first outcome counts."""


class Observer(Protocol):
    """Who is told. Methods that open a scope return it; the others return, and here do, nothing: see NullObserver."""

    def request(self, facts: RequestFacts) -> RequestScope:
        """A request begins."""

    def unmanaged(self) -> None:
        """An LLM call was seen that no door looks after."""
        return

    def retried(self, deployment: str, category: Category) -> None:
        """The same deployment is tried again because of `category`."""
        return

    def fell_back(self, source: str, target: str) -> None:
        """The request goes on to another deployment."""
        return

    def deployment_state(self, deployment: str, state: DeploymentState) -> None:
        """A deployment's breaker is in this state from now on."""
        return

    def limits(self, deployment: str, remaining: Mapping[str, float]) -> None:
        """What the provider says is left of its rate limits, by kind."""
        return

    def write(self, tier: TierName) -> TierScope:
        """A slower tier is written to, in the background or not."""

    def tier_state(self, tier: TierName, state: DeploymentState) -> None:
        """A tier's breaker is in this state from now on."""
        return

    def leased(self, tier: TierName, result: LeaseResult, seconds: float) -> None:
        """A lease was asked for among processes; after so many seconds this came of it."""
        return

    def warmed(
        self, source: WarmSource | None, entries: Mapping[WarmResult, int], size: int, seconds: float, ended: WarmEnd
    ) -> None:
        """The cache was warmed, for so many seconds: how many entries by result, and bytes of those that it got.

        source: None: no slower tier had any.
        """
        return

    def matching(self, mode: str, threshold: float) -> None:
        """Similar questions are looked for from now on; this similarity makes a match where no route says another."""
        return

    def embedded(self, result: EmbedResult, seconds: float) -> None:
        """The embedder was asked, and answered or failed after so many seconds."""
        return

    def judged(self, judgement: Agreement, source: JudgementSource) -> None:
        """It became known whether the entry of a semantic match was a right answer."""
        return

    def promoted(self, tier: TierName) -> None:
        """An entry was copied up into this tier."""
        return

    def evicted(self, tier: TierName, reason: str) -> None:
        """An entry left this tier."""
        return

    def invalidated(self, by: str, count: int) -> None:
        """invalidate() removed entries."""
        return

    def watch_tier(
        self,
        tier: TierName,
        system: str | None,
        stats: Callable[[], tuple[int, int]],
        server: tuple[str, int] | None = None,
    ) -> None:
        """A tier exists. system: its `db.system.name`. stats: a bound method that gives entries and bytes, quickly.

        server: its address and port, where it is behind a socket.
        """
        return

    def before_collect(self, sweep: Callable[[], None]) -> None:
        """Call the bound method `sweep`, as long as its object lives, before the active requests are counted."""
        return

    def dropped(self, signal: str, reason: str) -> None:
        """Something that should have been told was lost."""
        return


class NullScope:
    """Hears nothing; every kind of scope at once."""

    def lookup(self, key: str) -> LookupScope:
        return self

    def match(self, key: str) -> MatchScope:
        return self

    def access(self, tier: TierName) -> TierScope:
        return self

    def active(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def token(self) -> bool:
        return False

    def attempt(self, facts: AttemptFacts) -> AttemptScope:
        return self

    def finish(self, outcome: Any, tier: TierName | None = None) -> None: ...


NULL_SCOPE: Final = NullScope()


class NullObserver(Observer):
    """Nobody is told: what opens no scope is inherited, and empty."""

    def request(self, facts: RequestFacts) -> RequestScope:
        return NULL_SCOPE

    def write(self, tier: TierName) -> TierScope:
        return NULL_SCOPE
