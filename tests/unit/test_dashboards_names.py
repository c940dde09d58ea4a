"""How names and queries are put together: the rules of Prometheus' OTLP translation, and the checks of promql."""

from __future__ import annotations

import pytest

from beastmode_otel import semconv
from beastmode_otel.semconv import Metric
from dashboards import promql
from dashboards.prometheus_names import base, bucket, count, every, label, total
from dashboards.promql import Not


def metric(name: str, kind: str, unit: str) -> Metric:
    return Metric(name=name, kind=kind, unit=unit, about="A metric.")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "kind", "unit", "found"),
    [
        ("a.b", "counter", "{x}", "a_b_total"),
        ("a.b", "counter", "{USD}", "a_b_total"),
        ("a.b", "counter", "USD", "a_b_USD_total"),
        ("a.b", "counter", "By", "a_b_bytes_total"),
        ("a.b", "counter", "1", "a_b_total"),
        ("a.total", "counter", "{x}", "a_total"),
        ("a.total.b", "counter", "{x}", "a_b_total"),
        ("a.b", "updown", "{x}", "a_b"),
        ("a.b", "updown", "1", "a_b"),
        ("a.b", "gauge", "{entry}", "a_b"),
        ("a.b", "gauge", "By", "a_b_bytes"),
        ("a.bytes", "gauge", "By", "a_bytes"),
        ("a.b", "gauge", "s", "a_b_seconds"),
        ("a.b", "gauge", "1", "a_b_ratio"),
        ("a.b", "histogram", "s", "a_b_seconds"),
        ("a.b", "histogram", "1", "a_b"),
        ("a.b", "histogram", "{token}", "a_b"),
        ("a.b_c..d", "gauge", "{x}", "a_b_c_d"),
    ],
)
def test_the_rules_of_the_translation(name: str, kind: str, unit: str, found: str) -> None:
    assert base(metric(name, kind, unit)) == found


def test_a_rate_as_unit_is_refused_until_something_needs_it() -> None:
    with pytest.raises(ValueError, match="By/s"):
        base(metric("a", "gauge", "By/s"))


def test_the_series_of_a_histogram() -> None:
    one = semconv.REQUEST_DURATION
    assert bucket(one) == "beastmode_request_duration_seconds_bucket"
    assert count(one) == "beastmode_request_duration_seconds_count"
    assert total(one) == "beastmode_request_duration_seconds_sum"
    assert every(one) == (bucket(one), total(one), count(one), base(one))
    assert every(semconv.ERRORS) == ("beastmode_errors_total",)


@pytest.mark.parametrize("part", [bucket, total, count])
def test_nothing_else_has_them(part: object) -> None:
    with pytest.raises(ValueError, match="only histograms"):
        part(semconv.ERRORS)  # type: ignore[operator]


def test_labels() -> None:
    assert label(semconv.STATUS_CODE) == "http_response_status_code"
    assert label(semconv.ERROR_TYPE) == "error_type"
    assert label("1.a-b") == "key_1_a_b"


# What promql adds by itself.


def test_a_metric_follows_the_variables_that_it_has_labels_for() -> None:
    assert promql.selector("x", semconv.TIME_TO_FIRST_TOKEN) == (
        'x{service_name=~"$service",beastmode_model=~"$model",beastmode_deployment=~"$deployment"}'
    )
    assert promql.selector("x", semconv.CACHE_ENTRIES) == 'x{service_name=~"$service",beastmode_cache_tier=~"$tier"}'
    assert promql.selector("x", semconv.LLM_CALLS) == 'x{service_name=~"$service"}'
    assert promql.selector("x", semconv.LLM_CALLS, free=True) == "x"


def test_a_request_does_not_follow_the_tier() -> None:
    """Only hits have one: the misses would be gone, and every share would be 1."""
    assert "tier" not in promql.selector("x", semconv.REQUEST_DURATION)


def test_what_is_asked_for_takes_the_place_of_the_variable() -> None:
    found = promql.selector("x", semconv.CACHE_ENTRIES, {semconv.CACHE_TIER: Not("l1")})
    assert found == 'x{service_name=~"$service",beastmode_cache_tier!="l1"}'


@pytest.mark.parametrize("value", ["eror", ("ok", "eror"), Not("eror")])
def test_a_value_that_semconv_does_not_know_is_refused(value: promql.Value) -> None:
    with pytest.raises(ValueError, match="outcome is never eror"):
        promql.many(semconv.REQUEST_DURATION, where={semconv.OUTCOME: value})


def test_several_values_are_one_matcher() -> None:
    found = promql.selector("x", semconv.LLM_CALLS, {semconv.DOOR: ("hook", "none")}, free=True)
    assert found == 'x{beastmode_door=~"hook|none"}'
