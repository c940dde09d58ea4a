"""How Prometheus 3 and Loki 3 (for people who have it) spell what we send by OTLP: the one place that translates names.

Rules (Prometheus' default translation strategy, "UnderscoreEscapingWithSuffixes"):
- what is not a letter, digit or colon separates words; words are joined by one underscore
- the unit is appended unless the name says it already: s → seconds, By → bytes; units in braces say nothing
- counters end in _total; a gauge of unit 1 in _ratio
- an explicit histogram becomes _bucket, _sum and _count; an exponential one is one native series
"""

from __future__ import annotations

import re
from typing import Final

from beastmode_otel.semconv import Attribute, Metric

_UNITS: Final = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "%": "percent", "1": ""}

# Names of OpenTelemetry that no instrument of ours owns.
SERVICE: Final = "service_name"  # a resource attribute, promoted to a label; the index label of Loki
SCOPE: Final = "scope_name"  # structured metadata of every log record
TRACE: Final = "trace_id"
OVERFLOW: Final = "otel_metric_overflow"  # the SDK's label on what is beyond its limit of attribute sets
LE: Final = "le"


def label(attribute: Attribute | str) -> str:
    """The label of an attribute: `beastmode.cache.tier` is beastmode_cache_tier."""
    key = attribute if isinstance(attribute, str) else attribute.key
    name = re.sub(r"[^A-Za-z0-9_]", "_", key)
    return f"key_{name}" if name[:1].isdigit() else name


def base(metric: Metric) -> str:
    """The name of a counter, a gauge, or an exponential histogram; what the series of an explicit one begin with."""
    words = [word for word in re.split(r"[^A-Za-z0-9:]+", metric.name) if word]
    unit = _unit(metric.unit)
    if unit and unit not in words:
        words.append(unit)
    if metric.kind == "counter":
        words = [*(word for word in words if word != "total"), "total"]
    if metric.kind == "gauge" and metric.unit == "1":
        words = [*(word for word in words if word != "ratio"), "ratio"]
    return "_".join(words)


def _unit(unit: str) -> str:
    if unit.startswith("{"):
        return ""
    if "/" in unit:
        raise ValueError(f"{unit}: Prometheus has rules of its own for rates, which nothing here needs yet")
    return _UNITS.get(unit, unit)


def count(metric: Metric) -> str:
    """How many values an explicit histogram has recorded."""
    return _of_histogram(metric, "count")


def total(metric: Metric) -> str:
    """Their sum."""
    return _of_histogram(metric, "sum")


def bucket(metric: Metric) -> str:
    """Its buckets, by the label `le`."""
    return _of_histogram(metric, "bucket")


def _of_histogram(metric: Metric, part: str) -> str:
    if metric.kind != "histogram":
        raise ValueError(f"{metric.name} is a {metric.kind}, and only histograms have a {part}")
    return f"{base(metric)}_{part}"


def every(metric: Metric) -> tuple[str, ...]:
    """All names under which its series may be found."""
    if metric.kind == "histogram":
        return bucket(metric), total(metric), count(metric), base(metric)
    return (base(metric),)
