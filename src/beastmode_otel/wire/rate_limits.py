"""What a response says about limits: what is left, how long to wait, whether to try again.

Header names are expected in lower case. What makes no sense counts as absent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from types import MappingProxyType
from typing import Any, Final

from beastmode_otel.wire.values import number

_REMAINING: Final = MappingProxyType(
    {
        "x-ratelimit-remaining-requests": "requests",
        "x-ratelimit-remaining-tokens": "tokens",
        "anthropic-ratelimit-requests-remaining": "requests",
        "anthropic-ratelimit-tokens-remaining": "tokens",
        "anthropic-ratelimit-input-tokens-remaining": "input_tokens",
        "anthropic-ratelimit-output-tokens-remaining": "output_tokens",
    }
)
_ANSWERS: Final = MappingProxyType({"true": True, "false": False})
_UNITS: Final = MappingProxyType({"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0})
_PART: Final = r"\d{1,9}(?:\.\d{1,9})?\s?(?:ms|milli\w{0,10}|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)"
_PARTS: Final = re.compile(rf"({_PART})(?![a-z])", re.IGNORECASE)
_WAIT: Final = re.compile(
    r"\b(?:try(?:ing)? (?:your request )?again|retry(?:ing)?|wait|resets?|available(?: again)?)\b"
    r"(?: your request| for| until)?"
    rf"(?: in| after| for| at least)?\s*~?\s*((?:{_PART}(?![a-z])[,\s]*(?:and )?){{1,4}})",
    re.IGNORECASE,
)


def read_limits(headers: Mapping[str, str]) -> dict[str, float]:
    """What is left of each limit: kinds `requests`, `tokens`, `input_tokens`, `output_tokens`; absent when not said."""
    left = {kind: _number(headers.get(name)) for name, kind in _REMAINING.items() if name in headers}
    return {kind: value for kind, value in left.items() if value is not None and value >= 0}


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait before the next try, 0 when the moment has passed, None when the provider does not say.

    now: Unix seconds, for the form that is a date. The value is not capped: whether to wait that long is the caller's
    decision. `retry-after-ms` wins because it is the finer one.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None:
        moment = _date(text)
        seconds = None if moment is None else moment - now
    return None if seconds is None else max(0.0, seconds)


def wait_in(text: str) -> float | None:
    """Seconds to wait as words say it: "try again in 1m2.5s", "please wait 30 seconds", "resets in ~3s"."""
    found = _WAIT.search(text)
    return seconds_of(found[1]) if found else None


def seconds_of(told: Any) -> float | None:
    """A duration in a body: a number of seconds, "37.8s", "1m2s", "120 ms"; None when it is none, or no wait at all."""
    if isinstance(told, str):
        parts = _PARTS.findall(told)
        seconds = sum(map(_part, parts)) if parts else _number(told)
    else:
        seconds = number(told)
    return seconds if seconds is not None and seconds > 0 else None


def _part(told: str) -> float:
    amount = re.match(r"[\d.]+", told)
    unit = told[amount.end() :].strip().lower() if amount else ""
    short = "ms" if unit.startswith(("ms", "milli")) else unit[:1]
    return float(amount[0]) * _UNITS[short] if amount else 0.0


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """The provider's own word (`x-should-retry`), None when it gives none."""
    return _ANSWERS.get((headers.get("x-should-retry") or "").strip().lower())


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _date(text: str | None) -> float | None:
    try:
        parsed = parsedate_tz(text or "")
        return None if parsed is None else float(mktime_tz((*parsed[:9], parsed[9] or 0)))
    except (ValueError, OverflowError, IndexError, TypeError):  # the parser accepts dates that no calendar has
        return None
