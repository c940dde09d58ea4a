"""Reading JSON that strangers wrote: every function takes anything, and none of them raises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_UNITS: Final = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0})
DURATION: Final = (
    r"\d{1,9}(?:\.\d{1,9})?\s?(?:ms|milli\w{0,10}|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
)
_PARTS: Final = re.compile(rf"({DURATION})(?![a-z])", re.IGNORECASE)
_NO_REASON: Final = frozenset(
    {"", "null", "none", "undefined", "unspecified", "finish_reason_unspecified", "block_reason_unspecified"}
)
_MAX_COUNT: Final = 10**9  # no context is that long: a larger number is a broken provider's


def decode(data: bytes | str) -> Any:
    """The JSON value in `data`; None when there is none, and for `null`, which is no answer in any format either."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # not JSON, not Unicode, a number of 5,000 digits; 100,000 open brackets
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` when it is an object, else an empty one."""
    if type(value) is dict or isinstance(value, Mapping):  # the first is ten times faster, and nearly always true
        return value
    return _NOTHING


def items(value: Any) -> list[Any]:
    """`value` when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """`value` when it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def text_or_none(value: Any) -> str | None:
    """`value` when it is a string that says something."""
    return value if isinstance(value, str) and value else None


def is_object(value: Any) -> bool:
    """Whether `value` is a JSON object, or a text that is one: what the arguments of a function have to be."""
    if not isinstance(value, str):
        return isinstance(value, Mapping)
    try:
        return isinstance(json.loads(value, parse_constant=_no_json), dict)
    except (ValueError, RecursionError):
        return False


def _no_json(constant: str) -> Any:
    raise ValueError(constant)  # NaN and Infinity, which only Python reads


def reason_or_none(value: Any) -> str | None:
    """`value` when it says why an answer ended. Some servers write that there is no reason yet as a word or as "", also
    after the reason (ollama#4357)."""
    return value if isinstance(value, str) and value.strip().lower() not in _NO_REASON else None


def replaces(name: str, value: Any, told: Mapping[str, Any], reason: str) -> bool:
    """Whether a member that comes again counts: null replaces nothing, and what is no reason replaces none. reason: the
    member that holds it."""
    return name not in told or (value is not None and (name != reason or reason_or_none(value) is not None))


def count(value: Any) -> int | None:
    """`value` when it can be a number of things, from 0 to a billion: an int (never a bool), or a float that is whole,
    which is how Cohere and some gateways write their counts."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MAX_COUNT else None


def integer(value: Any) -> int | None:
    """`value` when it is an int and not a bool."""
    return value if type(value) is int else None


def number(value: Any) -> float | None:
    """`value` as a finite float when it is a JSON number."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is not int:
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def seconds(told: Any) -> float | None:
    """A duration: a number of seconds, "37.8s", "1m2s", "120 ms"; None when it is none, or no time at all."""
    if isinstance(told, str):
        parts = _PARTS.findall(told)
        found = sum(map(_part, parts)) if parts else _spelled(told)
    else:
        found = number(told)
    return found if found is not None and found > 0 else None


def _spelled(told: str) -> float | None:
    try:
        found = float(told)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _part(told: str) -> float:
    amount = re.match(r"[\d.]+", told)
    unit = told[amount.end() :].strip().lower() if amount else ""
    short = "ms" if unit.startswith(("ms", "milli")) else unit[:1]
    return float(amount[0]) * _UNITS[short] if amount else 0.0


def index(value: Any) -> int | None:
    """`value` when it can be a position in a list."""
    return value if type(value) is int and value >= 0 else None


def place_in(value: Any, known: Mapping[int, Any], *, begins: bool = False) -> int:
    """A position in a stream's list. Where an event has none, it goes on with the last item, or begins the next one."""
    found = index(value)
    return max(known, default=-1 if begins else 0) + begins if found is None else found


def texts(value: Any) -> tuple[str, ...]:
    """A text, or those in a list: what `stop` may be."""
    return (value,) if isinstance(value, str) else tuple(each for each in items(value) if isinstance(each, str))


def joined(parts: Iterable[str]) -> str:
    """Texts as one. A character beyond U+FFFF that two JSON escapes made, one at the end of a text and one at the
    beginning of the next, is one character; half of one stays what it is."""
    said = "".join(parts)
    return _paired(said, "surrogatepass") if _has_halves(said) else said


def clean(said: str) -> str:
    """`said` with U+FFFD for half of a character, which is no text: no encoder takes it."""
    return _paired(said, "replace") if _has_halves(said) else said


def _has_halves(said: str) -> bool:
    if said.isascii():
        return False
    try:
        said.encode()
    except UnicodeEncodeError:
        return True
    return False


def _paired(said: str, errors: str) -> str:
    return said.encode("utf-16-le", "surrogatepass").decode("utf-16-le", errors)


def content_text(content: Any) -> str:
    """The text of a message's `content`: a string, or the text parts of a list of parts, joined."""
    if isinstance(content, str):
        return content
    return "".join(text(mapping(part).get("text")) for part in items(content))
