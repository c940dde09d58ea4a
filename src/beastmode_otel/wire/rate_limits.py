"""What response headers say about limits: what is left, how long to wait, whether to try again.

Header names are expected in lower case. A header that makes no sense counts as absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import mktime_tz, parsedate_tz
from types import MappingProxyType
from typing import Final

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
