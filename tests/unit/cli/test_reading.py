"""Our metrics, read back from a real SDK."""

from __future__ import annotations

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from beastmode_otel import semconv
from beastmode_otel.cli.report.reading import Reading, read
from beastmode_otel.config import LabelBounds
from beastmode_otel.telemetry.instruments import Instruments, instruments_of


def collected() -> tuple[Instruments, InMemoryMetricReader, MeterProvider]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    return instruments_of(provider, LabelBounds()), reader, provider


def test_nothing_was_collected() -> None:
    assert read(None) == Reading()
    assert read(None).count(semconv.ERRORS) == 0
    assert read(None).histogram(semconv.REQUEST_DURATION).quantile(0.5) is None


def test_counters_by_label() -> None:
    own, reader, _provider = collected()
    for times, model, stream in ((3, "a", "false"), (4, "a", "true"), (5, "b", "true")):
        for _ in range(times):
            own.tallies.requests_started(model=model, door="router", stream=stream)
    reading = read(reader.get_metrics_data())
    assert reading.count(semconv.REQUESTS_STARTED) == 12
    assert reading.count(semconv.REQUESTS_STARTED, {semconv.MODEL: "a"}) == 7
    assert reading.count(semconv.REQUESTS_STARTED, {semconv.MODEL: "a", semconv.STREAM: "true"}) == 4
    assert reading.count(semconv.REQUESTS_STARTED, {semconv.MODEL: "c"}) == 0
    assert reading.labels(semconv.REQUESTS_STARTED, semconv.MODEL) == ["a", "b"]


def test_histograms_are_merged_over_labels() -> None:
    own, reader, _provider = collected()
    for model, seconds in (("a", 0.1), ("a", 0.3), ("b", 5.0)):
        own.request_duration.record(seconds, {semconv.MODEL.key: model, semconv.OUTCOME.key: "ok"})
    reading = read(reader.get_metrics_data())
    assert reading.count(semconv.REQUEST_DURATION) == 3
    whole = reading.histogram(semconv.REQUEST_DURATION)
    assert (whole.count, whole.low, whole.high) == (3, 0.1, 5.0)
    assert whole.bounds == semconv.REQUEST_SECONDS
    assert reading.histogram(semconv.REQUEST_DURATION, {semconv.MODEL: "b"}).quantile(0.5) == 5.0


def test_other_peoples_metrics_of_the_same_name_are_not_ours() -> None:
    _own, reader, provider = collected()
    provider.get_meter("somebody").create_counter(semconv.ERRORS.name).add(1)
    assert read(reader.get_metrics_data()).count(semconv.ERRORS) == 0
