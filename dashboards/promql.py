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
from dashboards.windows import RANGE, RATE, grown, grown_long, grown_long_native, grown_native, paced

VARIABLES: Final = {MODEL: "model", DEPLOYMENT: "deployment", CACHE_TIER: "tier"}


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


def rate(metric: Metric, *by: Attribute, where: Where = NONE) -> str:
    """Per second, for charts."""
    if metric.kind != "histogram":
        return paced(_by(by), selector(base(metric), metric, where), _pulse())
    native = f" or histogram_count(rate({selector(base(metric), metric, where)}[{RATE}]))"
    return paced(_by(by), selector(count(metric), metric, where), _pulse(), native)


def seconds(metric: Metric, *by: Attribute, where: Where = NONE) -> str:
    """Per second, the sum of what a histogram recorded."""
    native = f" or histogram_sum(rate({selector(base(metric), metric, where)}[{RATE}]))"
    return paced(_by(by), selector(sum_of(metric), metric, where), _pulse(), native)


def _pulse() -> str:
    return selector(base(REQUESTS_ACTIVE), REQUESTS_ACTIVE)


def steady_rate(metric: Metric, aggregate: str, *, where: Where, window: str) -> str:
    """Per second over a window that is long enough for every export interval; of a histogram's count, for alerts."""
    classic = f"rate({selector(count(metric), metric, where, free=True)}[{window}])"
    native = f"histogram_count(rate({selector(base(metric), metric, where, free=True)}[{window}]))"
    return f"{aggregate} ({classic} or {native})"


def per_minute(metric: Metric, *by: Attribute, where: Where = NONE) -> str:
    """For charts of things too rare to be told per second."""
    return f"60 * {rate(metric, *by, where=where)}"


def quantile(q: float, metric: Metric, *by: Attribute, where: Where = NONE) -> str:
    """For charts, of explicit and of exponential histograms alike."""
    classic = paced(_by(by, LE), selector(bucket(metric), metric, where), _pulse())
    native = f"{_by(by)} (rate({selector(base(metric), metric, where)}[{RATE}]))"
    return f"histogram_quantile({q}, {classic}) or histogram_quantile({q}, {native})"


def quantile_of_all(q: float, metric: Metric, *by: Attribute, where: Where = NONE) -> str:
    """Over the whole time range; a first value is seen at once. Nothing where there was none, instead of NaN."""
    classic = f"{_by(by, LE)} ({grown(selector(bucket(metric), metric, where), RANGE)})"
    native = f"{_by(by)} (rate({selector(base(metric), metric, where)}[{RANGE}]))"
    return f"(histogram_quantile({q}, {classic}) or histogram_quantile({q}, {native})) >= 0"


def heat(metric: Metric, where: Where = NONE) -> str:
    """Its buckets over time, per minute, for a heatmap."""
    classic = paced(_by((), LE), selector(bucket(metric), metric, where), _pulse())
    return f"60 * {classic} or sum (60 * rate({selector(base(metric), metric, where)}[{RATE}]))"


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
