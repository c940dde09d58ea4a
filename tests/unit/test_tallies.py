"""Each tallied metric has a method: its keywords are the metric's labels, and land under their keys."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from beastmode_otel import semconv
from beastmode_otel.config import LabelBounds
from beastmode_otel.semconv import METRICS, Attribute, Metric
from beastmode_otel.telemetry.instruments import Instruments
from beastmode_otel.telemetry.observables import Tallies, Tally

METHODS = {
    getattr(semconv, name.upper()): name
    for name in vars(Tallies)
    if isinstance(getattr(semconv, name.upper(), None), Metric)
}


def attribute(keyword: str) -> Attribute:
    found = getattr(semconv, keyword.upper())
    assert isinstance(found, Attribute)
    return found


def keywords(name: str) -> list[str]:
    parameters = inspect.signature(getattr(Tallies, name)).parameters.values()
    return [each.name for each in parameters if each.kind is each.KEYWORD_ONLY]


def amounts(name: str) -> list[Any]:
    """What stands before the labels, where one call may count for more than one."""
    parameters = list(inspect.signature(getattr(Tallies, name)).parameters.values())[1:]
    return [7 for each in parameters if each.kind is not each.KEYWORD_ONLY]


@pytest.mark.parametrize("metric", METHODS, ids=lambda metric: metric.name)
def test_labels_land_under_their_names(metric: Metric):
    name, tallies = METHODS[metric], Tallies()
    labels = {keyword: f"the {keyword}" for keyword in keywords(name)}
    for _ in range(2):
        getattr(tallies, name)(*amounts(name), **labels)
    assert [attribute(keyword) for keyword in labels] == list(metric.attributes)
    assert list(tallies.snapshot(metric)) == [tuple(labels.values())]
    reader = InMemoryMetricReader()
    tallies.register(MeterProvider([reader]).get_meter("test"))
    data = reader.get_metrics_data()
    assert data is not None
    [told] = [each for each in data.resource_metrics[0].scope_metrics[0].metrics if each.name == metric.name]
    [point] = told.data.data_points
    assert dict(point.attributes or {}) == {attribute(keyword).key: label for keyword, label in labels.items()}
    one = 7 if amounts(name) else 1
    assert getattr(point, "value", None) == (one if metric.kind == "gauge" else 2 * one)


def test_every_metric_has_one_place_where_it_is_recorded():
    own = Instruments(MeterProvider().get_meter("test"), LabelBounds())
    recorded = {instrument.name for instrument in vars(own).values() if hasattr(instrument, "name")}
    observed = {
        "beastmode.requests.active",
        "beastmode.requests.oldest",
        "beastmode.cache.entries",
        "beastmode.cache.size",
    }
    tallied = {metric.name for metric in METHODS}
    assert recorded | observed | tallied == {metric.name for metric in (*METRICS, *semconv.GENAI_METRICS)}
    assert not recorded & tallied


def test_a_label_that_does_not_apply_is_left_out():
    tallies = Tallies()
    tallies.cost_total(0.5, model="m", provider="p", cost_kind="spent", cost_source="local", cost_reason=None)
    tally: Tally[str, str, str, str, str | None] = tallies._all[semconv.COST_TOTAL]
    [seen] = tally.observe(CallbackOptions())
    assert semconv.COST_REASON.key not in (seen.attributes or {})
    assert len(seen.attributes or {}) == 4
