"""What a behaviour's value may be: one check for values given in Python and one reader for values spelled in a URL."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_YES = frozenset({"true", "1", "yes", "on"})
_NO = frozenset({"false", "0", "no", "off"})
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueKind:
    """One kind of value.

    wants: the end of the sentence "must be ...".
    accepts: whether a Python value is of this kind.
    read: a value from its spelling; raises ValueError. What it returns still has to be accepted.
    """

    wants: str
    accepts: Callable[[Any], bool]
    read: Callable[[str], Any]


def whole(low: int, high: int | None = None) -> ValueKind:
    """A whole number, from `low` to `high`."""
    wants = f"a whole number, {low} or more" if high is None else f"a whole number from {low} to {high}"
    top = math.inf if high is None else high
    return ValueKind(wants=wants, accepts=lambda value: type(value) is int and low <= value <= top, read=int)


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_range(value: object) -> bool:
    if not isinstance(value, tuple):
        return _is_seconds(value)
    return len(value) == 2 and all(map(_is_seconds, value)) and value[0] <= value[1]


def _read_range(spelled: str) -> float | tuple[float, ...]:
    low, comma, high = spelled.partition(",")
    return (float(low), float(high)) if comma else float(low)


def _read_flag(spelled: str) -> bool:
    word = spelled.lower()
    if word not in _YES | _NO:
        raise ValueError(spelled)
    return word in _YES


def _is_pairs(value: object) -> bool:
    if not isinstance(value, tuple):
        return False
    return all(isinstance(pair, tuple) and len(pair) == 2 and all(map(_is_line, pair)) for pair in value) and all(
        _TOKEN.fullmatch(name) for name, _ in value
    )


def _read_pairs(spelled: str) -> tuple[tuple[str, str], ...]:
    split = [pair.split(":", 1) for pair in spelled.split(",")]
    return tuple((name.strip(), value.strip()) for name, value in split)


def pairs_of(headers: Mapping[str, str] | tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Headers as pairs, so that a behaviour that has some can be hashed."""
    return tuple(headers.items()) if isinstance(headers, Mapping) else headers


def one_of(*words: str) -> ValueKind:
    """One word of a closed set."""
    return ValueKind(wants=f"one of {', '.join(words)}", accepts=lambda value: value in words, read=str)


def _is_line(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()


def _is_retry_after(value: object) -> bool:
    if not isinstance(value, str) or not value.startswith("date+"):
        return _is_line(value)
    return value.removeprefix("date+").replace(".", "", 1).isdecimal()


SECONDS = ValueKind(wants="seconds, 0 or more", accepts=_is_seconds, read=float)
PACE = ValueKind(wants="seconds above 0", accepts=lambda value: _is_seconds(value) and value > 0, read=float)
RANGE = ValueKind(wants="seconds, or low and high seconds (spelled low,high)", accepts=_is_range, read=_read_range)
FLAG = ValueKind(wants="true or false", accepts=lambda value: isinstance(value, bool), read=_read_flag)
TEXT = ValueKind(wants="text", accepts=lambda value: isinstance(value, str), read=str)
# What goes into a header: h11 would refuse anything else in the middle of an answer.
LINE = ValueKind(wants="one line of printable ASCII text", accepts=_is_line, read=str)
RETRY_AFTER = ValueKind(wants='seconds, an HTTP date, or "date+2" for 2 s ahead', accepts=_is_retry_after, read=str)
PAIRS = ValueKind(
    wants="header names and ASCII values (spelled name:value,name:value)", accepts=_is_pairs, read=_read_pairs
)
