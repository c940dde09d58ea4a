"""Rate limit headers as OpenAI and Anthropic send them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_REQUESTS: Final = 1_000
_TOKENS: Final = 200_000
_TOKENS_EACH: Final = 100
_RESET: Final = 6.0


def limit_headers(*, anthropic: bool, exhausted: bool, number: int, now: float) -> list[tuple[str, str]]:
    """Headers that count down with the request's number, and start again when nothing is left."""
    used = _REQUESTS if exhausted else number % _REQUESTS
    left = {
        "requests": (_REQUESTS, _REQUESTS - used),
        "tokens": (_TOKENS, 0 if exhausted else _TOKENS - used * _TOKENS_EACH),
    }
    return _anthropic(left, now) if anthropic else _openai(left)


def _openai(left: dict[str, tuple[int, int]]) -> list[tuple[str, str]]:
    return [
        (f"x-ratelimit-{what}-{kind}", value)
        for kind, (limit, remaining) in left.items()
        for what, value in (("limit", str(limit)), ("remaining", str(remaining)), ("reset", f"{_RESET:g}s"))
    ]


def _anthropic(left: dict[str, tuple[int, int]], now: float) -> list[tuple[str, str]]:
    reset = datetime.fromtimestamp(now + _RESET, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        (f"anthropic-ratelimit-{kind}-{what}", value)
        for kind, (limit, remaining) in left.items()
        for what, value in (("limit", str(limit)), ("remaining", str(remaining)), ("reset", reset))
    ]
