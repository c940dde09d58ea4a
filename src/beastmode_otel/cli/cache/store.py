"""The configured tiers, as the cache verbs work on them: through the inspectable port, whatever stands behind that."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from beastmode_otel.cache import Backplane, Filter, InspectableTier, TierUnavailable
from beastmode_otel.cache.tiers import Level, backplane_of, inspected
from beastmode_otel.cli.exits import Failed
from beastmode_otel.config import Config, load
from beastmode_otel.config.settings import ASK_FOR_CACHE

T = TypeVar("T")

TIERS: Final[tuple[Level, ...]] = ("l2", "l3")  # the fastest first
_NONE: Final = {"l2": "no L2: cache.l2.url is not set", "l3": "no L3: cache.l3.url is off"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What a tier answered."""

    tier: str
    location: str
    value: T

    @property
    def name(self) -> str:
        return self.tier.upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a tier answered nothing."""

    tier: str
    location: str
    reason: str
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """tenant: whose entries, where a verb is about one tenant's. named: the one that was said, None for the default.

    tiers: by name, the fastest first. problems: those of them that did not answer, so far. backplane: how the processes
    that share them are told what is removed; None where nobody can be, or where it is about one tier alone.
    """

    config: Config
    tiers: Mapping[str, InspectableTier]
    tenant: str
    named: str | None = None
    backplane: Backplane | None = None
    problems: dict[str, Problem] = field(default_factory=dict)

    def each(self, work: Callable[[InspectableTier], T], *, slowest_first: bool = False) -> list[Answer[T]]:
        """From each tier that answers, the fastest first. Raises Failed when none does."""
        answers = []
        for name in sorted(self.tiers, reverse=slowest_first):
            tier = self.tiers[name]
            if name in self.problems:
                continue
            try:
                answers.append(Answer(tier=name, location=tier.location, value=work(tier)))
            except TierUnavailable as ill:
                self.problems[name] = self._problem(name, tier, ill)
        if not answers:
            raise failure(self.problems)
        return sorted(answers, key=lambda one: one.tier)

    def _problem(self, name: str, tier: InspectableTier, ill: TierUnavailable) -> Problem:
        file = name == "l3" and self.config.cache.l3.server is None
        hints = ("is it in use, corrupt, or not our file?",) if file and not ill.healthy else ()
        return Problem(tier=name, location=tier.location, reason=ill.reason, hints=hints)

    def remove(self, work: Callable[[InspectableTier], int], *gone: Filter) -> list[Answer[int]]:
        """How many each tier removed; then every process is told what is gone."""
        answers = self.each(work, slowest_first=True)  # or an answer could be copied up behind it
        if self.backplane is not None and "l2" not in self.problems:
            try:
                for which in gone:
                    self.backplane.publish(which)
            except TierUnavailable as ill:
                self.problems["l2"] = self._problem("l2", self.tiers["l2"], ill)
        return answers

    @property
    def told(self) -> bool:
        """Whether `remove` reaches the L1 of running processes."""
        return self.backplane is not None and "l2" not in self.problems

    @property
    def names(self) -> str:
        return " and ".join(name.upper() for name in self.tiers)


def failure(problems: Mapping[str, Problem]) -> Failed:
    told = "; ".join(f"{one.location}: {one.reason}" for one in problems.values())
    return Failed(told, *(hint for one in problems.values() for hint in one.hints))


@contextmanager
def opened(given: argparse.Namespace) -> Iterator[Store]:
    """The tiers that the options mean, until the verb is done.

    Raises ConfigError, and Failed where there is none, or where one of them did not answer.
    """
    config = load(given.config, prefixes=False)  # no provider is asked: nobody's key is needed
    if config.cache.mode == "off":  # what is stored can be looked at, and removed, all the same
        by = "nobody asks for it" if config.cache.said_by == "nobody" else f"{config.cache.said_by} says so"
        _to_stderr(f"the cache is off here ({by}); to have it: {ASK_FOR_CACHE}")
    wanted = TIERS if given.tier is None else (given.tier,)
    with ExitStack() as closes:
        tiers: dict[str, InspectableTier] = dict(inspected(config.cache, wanted, _to_stderr).items())
        if not tiers:
            why = ", and ".join(_NONE[name] for name in reversed(wanted))
            raise Failed(f"this configuration has {why}", "a tier of your own cannot be looked into from here")
        for tier in tiers.values():
            closes.enter_context(closing(tier))
        named = getattr(given, "tenant", None) or None
        backplane = backplane_of(config.cache) if given.tier is None and "l2" in tiers else None
        store = Store(config=config, tiers=tiers, tenant=named or config.namespace, named=named, backplane=backplane)
        yield store
        if store.problems:
            raise failure(store.problems)


def _to_stderr(text: str) -> None:
    print(f"beastmode-otel: {text}", file=sys.stderr)
