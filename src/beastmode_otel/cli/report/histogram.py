"""Histograms as OpenTelemetry collects them, and quantiles from their buckets. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

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
