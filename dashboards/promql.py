"""PromQL, put together from semconv: no metric and no label is ever typed as text.

A metric's queries follow the dashboard's variables by themselves: service always, model, deployment and tier where the
metric has that label. Values of closed sets are checked: a value that semconv does not know raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from beastmode_otel.semconv import CACHE_TIER, DEPLOYMENT, MODEL, REQUEST_DURATION, REQUESTS_ACTIVE, Attribute, Metric
from dashboards.prometheus_names import LE, SERVICE, base, bucket, count, label
from dashboards.prometheus_names import total as sum_of

VARIABLES: Final = {MODEL: "model", DEPLOYMENT: "deployment", CACHE_TIER: "tier"}
RANGE: Final = "$__range"
RATE: Final = "$__rate_interval"
MEMORY: Final = "1h"  # a series that was silent for so long counts as new


@dataclass(frozen=True, slots=True)
class Not:
    """Every value but this one."""

    value: str


Value = str | tuple[str, ...] | Not
Where = Mapping[Attribute, Value]
NONE: Final[Where] = {}


def selector(name: str, metric: Metric, where: Where = NONE, *, free: bool = False) -> str:
    """name{…}. free: without the dashboard's variables, as alert rules need it."""
    parts = [] if free else [f'{SERVICE}=~"$service"', *_variables(metric, where)]
    parts += [_matcher(attribute, value) for attribute, value in where.items()]
    return f"{name}{{{','.join(parts)}}}" if parts else name


def _variables(metric: Metric, where: Where) -> list[str]:
    # A request has a tier only when it is a hit: choosing one would hide the misses, and every share with them.
    wanted = [one for one in VARIABLES if one in metric.attributes and one not in where]
    if metric is REQUEST_DURATION and CACHE_TIER in wanted:
        wanted.remove(CACHE_TIER)
    return [f'{label(one)}=~"${VARIABLES[one]}"' for one in wanted]


def _matcher(attribute: Attribute, value: Value) -> str:
    values = (value.value,) if isinstance(value, Not) else (value,) if isinstance(value, str) else value
    unknown = set(values) - set(attribute.values) - {""}
    if attribute.values and unknown:
        raise ValueError(f"{attribute.key} is never {', '.join(sorted(unknown))}")
    if isinstance(value, tuple):
        return f'{label(attribute)}=~"{"|".join(value)}"'
    return f'{label(attribute)}{"!=" if isinstance(value, Not) else "="}"{values[0]}"'


def _by(labels: tuple[Attribute, ...], *more: str) -> str:
    names = [*(label(one) for one in labels), *more]
    return f"sum by ({', '.join(names)})" if names else "sum"


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


def many(metric: Metric, *by: Attribute, where: Where = NONE, window: str = RANGE, free: bool = False) -> str:
    """How many there were within the window: requests, tokens, dollars. Histograms: how many values."""
    if metric.kind != "histogram":
        return f"{_by(by)} ({grown(selector(base(metric), metric, where, free=free), window)})"
    classic = grown(selector(count(metric), metric, where, free=free), window)
    native = grown_native(selector(base(metric), metric, where, free=free), window)
    return f"{_by(by)} ({classic} or {native})"


def many_long(metric: Metric, *by: Attribute, where: Where = NONE, window: str, step: str) -> str:
    """`many` over days."""
    if metric.kind != "histogram":
        return f"{_by(by)} ({grown_long(selector(base(metric), metric, where), window, step)})"
    classic = grown_long(selector(count(metric), metric, where), window, step)
    native = grown_long_native(selector(base(metric), metric, where), window, step)
    return f"{_by(by)} ({classic} or {native})"


def rate(metric: Metric, *by: Attribute, where: Where = NONE, window: str = RATE, free: bool = False) -> str:
    """Per second, for charts."""
    if metric.kind != "histogram":
        return f"{_by(by)} (rate({selector(base(metric), metric, where, free=free)}[{window}]))"
    classic = f"rate({selector(count(metric), metric, where, free=free)}[{window}])"
    native = f"histogram_count(rate({selector(base(metric), metric, where, free=free)}[{window}]))"
    return f"{_by(by)} ({classic} or {native})"


def seconds(metric: Metric, *by: Attribute, where: Where = NONE, window: str = RATE) -> str:
    """Per second, the sum of what a histogram recorded."""
    classic = f"rate({selector(sum_of(metric), metric, where)}[{window}])"
    return f"{_by(by)} ({classic} or histogram_sum(rate({selector(base(metric), metric, where)}[{window}])))"


def per_minute(metric: Metric, *by: Attribute, where: Where = NONE) -> str:
    """For charts of things too rare to be told per second."""
    return f"60 * {rate(metric, *by, where=where)}"


def quantile(q: float, metric: Metric, *by: Attribute, where: Where = NONE, window: str = RATE) -> str:
    """Of explicit and of exponential histograms alike. With window RANGE a first value is seen at once."""
    buckets = selector(bucket(metric), metric, where)
    grows = f"rate({buckets}[{window}])" if window == RATE else grown(buckets, window)
    native = f"rate({selector(base(metric), metric, where)}[{window}])"
    found = f"histogram_quantile({q}, {_by(by, LE)} ({grows})) or histogram_quantile({q}, {_by(by)} ({native}))"
    return found if window == RATE else f"({found}) >= 0"  # of nothing it would be NaN; a chart has a gap there


def heat(metric: Metric, where: Where = NONE) -> str:
    """Its buckets over time, for a heatmap."""
    classic = f"sum by ({LE}) (increase({selector(bucket(metric), metric, where)}[{RATE}]))"
    return f"{classic} or sum (increase({selector(base(metric), metric, where)}[{RATE}]))"


def now(metric: Metric, *by: Attribute, how: str = "sum", where: Where = NONE, ago: str = "") -> str:
    """A gauge as it is. how: sum, max or min over instances. ago: as it was then."""
    names = ", ".join(label(one) for one in by)
    then = f" offset {ago}" if ago else ""
    return f"{how}{f' by ({names})' if by else ''} ({selector(base(metric), metric, where)}{then})"


def share(part: str, whole: str) -> str:
    """Part of whole from 0 to 1. No part is 0; without a whole there is nothing to tell."""
    return f"(({part}) or 0 * ({whole})) / (({whole}) > 0)"


def or_zero(expression: str) -> str:
    """Zero where our telemetry arrives and says nothing of it; nothing where none arrives."""
    return f"({expression}) or {zero()}"


def zero() -> str:
    """0 from a process' first request on."""
    return f"0 * {now(REQUESTS_ACTIVE)}"
