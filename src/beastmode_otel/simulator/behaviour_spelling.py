"""Behaviours spelled in a URL, for subprocesses that cannot call `define`: `status=429;retry_after=0.1;times=1`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote

from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator.behaviour import KINDS, Behaviour
from beastmode_otel.simulator.script import Script

_TIMES = "times"


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
