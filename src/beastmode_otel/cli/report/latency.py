"""How long things took, as quantiles. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from beastmode_otel import semconv
from beastmode_otel.cli.report.histogram import Histogram, merged
from beastmode_otel.cli.report.reading import Reading, Where
from beastmode_otel.observer import OutcomeKind

_ANSWERED: Final[tuple[OutcomeKind, ...]] = ("ok", "error")  # how long the others took was their caller's choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Seconds, interpolated from histogram buckets; None without records."""

    p50: float | None
    p95: float | None
    p99: float | None


def quantiles(histogram: Histogram) -> Quantiles:
    return Quantiles(p50=histogram.quantile(0.5), p95=histogram.quantile(0.95), p99=histogram.quantile(0.99))


def answered(reading: Reading, metric: semconv.Metric, where: Where, *, hits: bool = False) -> Histogram:
    """Without the cancelled and the abandoned; without what the cache answered, unless `hits`."""
    return merged(
        point.histogram
        for kind in _ANSWERED
        for point in reading.find(metric, {**where, semconv.OUTCOME: kind})
        if point.histogram is not None and (hits or point.labels.get(semconv.CACHE_STATUS.key) != "hit")
    )
