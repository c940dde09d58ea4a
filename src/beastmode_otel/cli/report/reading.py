"""Our metrics, read back from what OpenTelemetry collected: by the names of semconv, never by hand; histograms, and
their quantiles. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from opentelemetry.sdk.metrics.export import HistogramDataPoint, MetricsData, NumberDataPoint

from beastmode_otel import semconv
from beastmode_otel.observer import OutcomeKind
from beastmode_otel.semconv import Attribute, Metric

Label = str | int
Where = Mapping[Attribute, Label]
_ANSWERED: Final[tuple[OutcomeKind, ...]] = ("ok", "error")  # how long the others took was their caller's choice
_INFINITY = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """counts has one bucket more than bounds: those above the last. low, high: the extremes that were recorded."""

    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = (0,)
    low: float = _INFINITY
    high: float = -_INFINITY

    @property
    def count(self) -> int:
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """The value that `share` of the records do not exceed; None without records.

        Interpolated linearly inside its bucket, as Prometheus does, and never outside what was recorded. It can be off
        by a bucket's width at most.
        """
        if not self.count:
            return None
        rank = share * self.count
        sums = list(accumulate(self.counts))
        index = next(i for i, reached in enumerate(sums) if reached >= rank and self.counts[i])
        lower, upper = self._edges(index)
        inside = (rank - (sums[index] - self.counts[index])) / self.counts[index]
        # The bounds once more: rounding may lead out of a bucket that is narrower than a float can say.
        return min(max(lower + (upper - lower) * inside, lower), upper)

    def _edges(self, index: int) -> tuple[float, float]:
        lower = self.bounds[index - 1] if index else min(0.0, self.low)
        upper = self.bounds[index] if index < len(self.bounds) else self.high
        return max(lower, self.low), min(upper, self.high)


def merged(histograms: Iterable[Histogram]) -> Histogram:
    """All records in one. The histograms must have the same bounds, as those of one instrument do."""
    each = list(histograms)
    if not each:
        return Histogram()
    return Histogram(
        bounds=each[0].bounds,
        counts=tuple(map(sum, zip(*(one.counts for one in each), strict=True))),
        low=min(one.low for one in each),
        high=max(one.high for one in each),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One series. A histogram's value is its number of records."""

    labels: Mapping[str, Label]
    value: float
    histogram: Histogram | None = None

    def has(self, where: Where) -> bool:
        return all(self.labels.get(attribute.key) == label for attribute, label in where.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Every series of ours by the metric's name. `where` picks those whose labels are equal to all that it names."""

    points: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)

    def find(self, metric: Metric, where: Where | None = None) -> list[Point]:
        return [point for point in self.points.get(metric.name, ()) if point.has(where or {})]

    def total(self, metric: Metric, where: Where | None = None) -> float:
        """The sum over the series; of a histogram: how many records."""
        return sum(point.value for point in self.find(metric, where))

    def count(self, metric: Metric, where: Where | None = None) -> int:
        return int(self.total(metric, where))

    def histogram(self, metric: Metric, where: Where | None = None) -> Histogram:
        return merged(point.histogram for point in self.find(metric, where) if point.histogram is not None)

    def labels(self, metric: Metric, attribute: Attribute, where: Where | None = None) -> list[str]:
        """The values that the label has in these series, sorted."""
        found = (point.labels.get(attribute.key) for point in self.find(metric, where))
        return sorted({str(label) for label in found if label is not None})


def read(data: MetricsData | None) -> Reading:
    """What was collected under our scope. None (nothing was recorded yet) is an empty reading."""
    points: dict[str, tuple[Point, ...]] = {}
    for name, point in _points(data):
        points[name] = (*points.get(name, ()), point)
    return Reading(points=points)


def _points(data: MetricsData | None) -> Iterator[tuple[str, Point]]:
    scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
    for scope in scopes:
        if scope.scope.name != semconv.SCOPE:
            continue
        for metric in scope.metrics:
            for point in metric.data.data_points:
                if isinstance(point, NumberDataPoint | HistogramDataPoint):
                    yield metric.name, _point(point)


def _point(point: NumberDataPoint | HistogramDataPoint) -> Point:
    labels = {key: label for key, label in (point.attributes or {}).items() if isinstance(label, str | int)}
    if isinstance(point, NumberDataPoint):
        return Point(labels=labels, value=point.value)
    histogram = Histogram(
        bounds=tuple(point.explicit_bounds), counts=tuple(point.bucket_counts), low=point.min, high=point.max
    )
    return Point(labels=labels, value=point.count, histogram=histogram)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Seconds, interpolated from histogram buckets; None without records."""

    p50: float | None
    p95: float | None
    p99: float | None


def quantiles(histogram: Histogram) -> Quantiles:
    return Quantiles(p50=histogram.quantile(0.5), p95=histogram.quantile(0.95), p99=histogram.quantile(0.99))


def answered(reading: Reading, metric: Metric, where: Where, *, hits: bool = False) -> Histogram:
    """Without the cancelled and the abandoned; without what the cache answered, unless `hits`."""
    return merged(
        point.histogram
        for kind in _ANSWERED
        for point in reading.find(metric, {**where, semconv.OUTCOME: kind})
        if point.histogram is not None and (hits or point.labels.get(semconv.CACHE_STATUS.key) != "hit")
    )
