"""Which behaviour comes next: always the same, one after the other, or drawn by weight."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TypeAlias

from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator.behaviour import Behaviour


@dataclass(frozen=True, slots=True)
class Mix:
    """Each request draws one of several behaviours by weight; the same seed draws the same series.

    Plain data: every `define` starts its own series.
    """

    weights: Mapping[Behaviour, float]
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.weights or min(self.weights.values()) < 0 or sum(self.weights.values()) <= 0:
            raise ConfigError("A mix needs weights of 0 or more, and one above 0.", hints=("mix({Behaviour(): 1.0})",))

    def series(self) -> Iterator[Behaviour]:
        """An endless series of draws."""
        draw = random.Random(self.seed)
        behaviours, weights = list(self.weights), list(self.weights.values())
        while True:
            yield draw.choices(behaviours, weights)[0]


def mix(weights: Mapping[Behaviour, float], seed: int = 0) -> Mix:
    """`mix({Behaviour(): 0.9, Behaviour(status=500): 0.1}, seed=7)` fails one request in ten."""
    return Mix(weights, seed)


Step: TypeAlias = Behaviour | Mix


class Script:
    """The behaviours of the requests that come under one name, in their order. Used by one thread only."""

    def __init__(self, series: Iterator[Behaviour]) -> None:
        self._series = series

    @classmethod
    def of(cls, steps: Iterable[Step]) -> Script:
        """One step per request; the last one repeats. A mix before the end is one draw. ConfigError without steps."""
        each = list(steps)
        if not each or not all(isinstance(step, Behaviour | Mix) for step in each):
            raise ConfigError(f"Not behaviours: {each!r}.", hints=("Give one or more Behaviour or Mix objects.",))
        last = each.pop()
        return cls(chain((_one(step) for step in each), _for_ever(last)))

    @classmethod
    def always(cls, behaviour: Behaviour) -> Script:
        """The same for every request."""
        return cls(repeat(behaviour))

    @classmethod
    def first(cls, times: int, behaviour: Behaviour) -> Script:
        """So for the first requests, then well."""
        return cls(chain(repeat(behaviour, times), repeat(Behaviour())))

    def next(self) -> Behaviour:
        """The behaviour of the next request."""
        return next(self._series)


def _one(step: Step) -> Behaviour:
    return next(step.series()) if isinstance(step, Mix) else step


def _for_ever(step: Step) -> Iterator[Behaviour]:
    return step.series() if isinstance(step, Mix) else repeat(step)
