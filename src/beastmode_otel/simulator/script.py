"""Which behaviour comes next: always the same, one after the other, drawn by weight, or as a URL spells it.

Spelled behaviours are for subprocesses that cannot call `define`: `status=429;retry_after=0.1;times=1`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, repeat
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator.behaviour import KINDS, Behaviour

_TIMES: Final = "times"


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
        firsts = (next(step.series()) if isinstance(step, Mix) else step for step in each)
        return cls(chain(firsts, last.series() if isinstance(last, Mix) else repeat(last)))

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


# Spelled in a URL.


def is_spelled(name: str) -> bool:
    """Whether a name is a spelled behaviour; defined names never hold an equals sign."""
    return "=" in name


def parse(spelled: str) -> Script:
    """`key=value` pairs separated by `;`; `times=N`: the first N requests behave so, the others are answered well.

    Values are spelled as in Python without quotes; seconds ranges as `low,high`, headers as `name:value,name:value`.
    Percent escapes are read after splitting, so that a value can hold any character.
    Raises ConfigError that names the pair it cannot read.
    """
    pairs: dict[str, str] = {}
    for part in filter(None, spelled.split(";")):
        key, equals, value = part.partition("=")
        if not equals or key in pairs:
            raise _unreadable(part, "given twice" if equals else "not key=value")
        pairs[key] = unquote(value)
    times = _times(pairs.pop(_TIMES, None))
    behaviour = Behaviour(**{key: _value(key, value) for key, value in pairs.items()})
    return Script.always(behaviour) if times is None else Script.first(times, behaviour)


def _times(spelled: str | None) -> int | None:
    if spelled is None:
        return None
    if not spelled.isdecimal():
        raise _unreadable(f"{_TIMES}={spelled}", "must be a whole number, 0 or more")
    return int(spelled)


def _value(key: str, spelled: str) -> Any:
    if key not in KINDS:
        near = get_close_matches(key, [*KINDS, _TIMES], n=1)
        raise _unreadable(f"{key}={spelled}", f"unknown key{f', did you mean {near[0]}?' if near else ''}")
    try:
        return KINDS[key].read(spelled)
    except ValueError:
        raise _unreadable(f"{key}={spelled}", f"must be {KINDS[key].wants}") from None


def _unreadable(part: str, why: str) -> ConfigError:
    return ConfigError(
        f"Cannot read the spelled behaviour at {part!r}: {why}.",
        hints=(f"Keys: {', '.join([*KINDS, _TIMES])}. Escape / and ; inside a value as %2F and %3B.",),
    )
