"""How much a counter grew, and how fast, where plain `increase()` and `rate()` are wrong or empty."""

from __future__ import annotations

from typing import Final

RANGE: Final = "$__range"
RATE: Final = "$__rate_interval"
MEMORY: Final = "1h"  # a series that was silent for so long counts as new
SELDOM: Final = "150s"  # with fewer than FEW samples in it a process exports seldom
FEW: Final = 60
LATELY: Final = "90s"


def known_before(series: str, window: str) -> str:
    """Those series that were there before the window."""
    return f"present_over_time({series}[{MEMORY}] offset {window})"


def grown(series: str, window: str) -> str:
    """How much a counter grew within the window, its birth included.

    `increase()` alone never sees the first count of a new series, nor anything before the second sample: the one error
    of the day would not be there. The SDK gives each process a `service.instance.id`, so a series that is new within
    the window began at 0, and its highest value is what it grew by.
    """
    old = known_before(series, window)
    return f"(max_over_time({series}[{window}]) unless {old}) or increase({series}[{window}])"


def grown_native(series: str, window: str) -> str:
    """The same of the number of values in an exponential histogram."""
    new = f"histogram_count(last_over_time({series}[{window}])) unless {known_before(series, window)}"
    return f"({new}) or histogram_count(increase({series}[{window}]))"


def grown_long(series: str, window: str, step: str) -> str:
    """`grown` over days, from one sample per step: all would be millions. What runs now is there at once."""
    old, points = known_before(series, window), f"{series}[{window}:{step}]"
    return f"({series} unless {old}) or (max_over_time({points}) unless {old}) or increase({points})"


def grown_long_native(series: str, window: str, step: str) -> str:
    old, points = known_before(series, window), f"{series}[{window}:{step}]"
    ended = f"histogram_count(last_over_time({points})) unless {old}"
    return f"(histogram_count({series}) unless {old}) or ({ended}) or histogram_count(increase({points}))"


def paced(aggregate: str, series: str, pulse: str, native: str = "") -> str:
    """rate(), and over a longer window for processes that export too seldom for the rate interval.

    With the SDK's 60 s and Grafana's 15 s that is a minute, and in a minute there is one sample: every chart would be
    empty. pulse: a series that each process has; when it has many samples, the longer window has no part in it, for the
    rate of a process that is gone must not linger. native: added to what is aggregated.
    """
    often = f"{aggregate} (rate({series}[{RATE}]){native})"
    long = f"{aggregate} (rate({series}[{SELDOM}:30s]))"  # few points, which is cheap
    seldom = f"max(count_over_time({pulse}[{SELDOM}])) < {FEW} and max(present_over_time({pulse}[{LATELY}]))"
    return f"({often} or ({long} and on () ({seldom})))"
