"""Quantiles from buckets: right where they can be checked, never outside what was recorded."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel import semconv
from beastmode_otel.cli.report.reading import Histogram, merged


def of(values: list[float], bounds: tuple[float, ...] = semconv.SECONDS) -> Histogram:
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[sum(value > bound for bound in bounds)] += 1  # upper bounds are inclusive
    return Histogram(bounds=bounds, counts=tuple(counts), low=min(values), high=max(values))


def test_nothing_recorded_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None
    assert merged([]).quantile(0.5) is None


def test_one_record_is_every_quantile() -> None:
    assert {of([0.3]).quantile(share) for share in (0.0, 0.5, 0.99, 1.0)} == {0.3}


def test_interpolates_inside_a_bucket() -> None:
    histogram = Histogram(bounds=(0.0, 10.0, 20.0), counts=(0, 0, 10, 0), low=10.0, high=20.0)
    assert histogram.quantile(0.5) == 15.0
    assert histogram.quantile(0.9) == pytest.approx(19.0)


def test_empty_buckets_between_are_passed_over() -> None:
    histogram = Histogram(bounds=(1.0, 2.0, 3.0), counts=(5, 0, 5, 0), low=0.5, high=3.0)
    assert histogram.quantile(0.5) == 1.0
    assert histogram.quantile(0.75) == pytest.approx(2.5)


def test_the_last_bucket_ends_at_the_highest_record() -> None:
    assert of([700.0, 900.0]).quantile(1.0) == 900.0


def test_merging_is_as_if_recorded_together() -> None:
    first, second = [0.1, 0.2, 0.5], [1.0, 3.0]
    assert merged([of(first), of(second)]) == of(first + second)


@given(st.lists(st.floats(min_value=0.0, max_value=2000.0), min_size=1), st.floats(min_value=0.0, max_value=1.0))
def test_never_outside_the_records(values: list[float], share: float) -> None:
    quantile = of(values).quantile(share)
    assert quantile is not None
    assert min(values) <= quantile <= max(values)


def test_off_by_one_bucket_at_most() -> None:
    rng = random.Random(7)
    values = sorted(rng.lognormvariate(-0.7, 0.8) for _ in range(2000))
    for share in (0.5, 0.95, 0.99):
        true = values[int(share * len(values)) - 1]
        quantile = of(values).quantile(share)
        assert quantile is not None
        assert true / 2 <= quantile <= true * 2  # bounds double
