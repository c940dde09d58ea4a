"""`persist`, `sampling` and the delta backends do what the README says, in a real Collector."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from livestack.ports import free_ports
from support.otelcol import Collector, needs_collector
from support.otlp_backend import Backend, Received, attributes, until
from support.otlp_messages import counter, log, logs, span, traces

pytestmark = needs_collector
SECOND = 1_000_000_000
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


def delta_env(backend: str, url: str) -> dict[str, str]:
    if backend == "backend-datadog":
        return {"DD_API_KEY": "dd-key", "DD_OTLP_ENDPOINT": url, "DD_OTLP_TRACES_ENDPOINT": url}
    return {"DT_API_TOKEN": "dt-token", "DT_ENDPOINT": f"{url}/api/v2/otlp"}


@pytest.mark.parametrize("order", ["persist first", "backend first"])
def test_persist_what_was_accepted_outlives_a_kill_while_the_backend_is_down(tmp_path: Path, order: str) -> None:
    [port], names = free_ports(1), ["persist", "backend-otlp"]
    env = {"OTLP_BACKEND_ENDPOINT": f"http://127.0.0.1:{port}", "QUEUE_DIRECTORY": str(tmp_path / "queue")}
    if order == "backend first":
        names.reverse()
    with Collector(tmp_path, ("gateway", *names), env) as collector:
        for number in range(50):
            collector.send("traces", traces([span(f"trace {number}")]))
            collector.send("logs", logs([log(f"line {number}")], "app"))
            collector.send("metrics", counter(f"count.{number}", number, since=time.time_ns()))
        collector.kill()
        with Backend(port=port) as sink:
            collector.start()
            until(
                lambda: len(sink.spans()) >= 50 and len(sink.logs()) >= 50 and len(sink.metrics()) >= 50,
                "all that was accepted before the kill",
            )
            assert {one.name for one in sink.spans()} == {f"trace {number}" for number in range(50)}
            assert {one.name for one in sink.metrics()} == {f"count.{number}" for number in range(50)}


def test_without_persist_a_kill_loses_the_queue(tmp_path: Path) -> None:
    """The test above can fail: the same without the option."""
    [port] = free_ports(1)
    with Collector(tmp_path, ("gateway", "backend-otlp"), {"OTLP_BACKEND_ENDPOINT": f"http://127.0.0.1:{port}"}) as own:
        own.send("traces", traces([span("before")]))
        own.kill()
        with Backend(port=port) as sink:
            own.start()
            own.send("traces", traces([span("after")]))
            until(lambda: sink.spans(), "what came after")
            assert [one.name for one in sink.spans()] == ["after"]


def test_persist_without_a_directory_does_not_start(tmp_path: Path) -> None:
    env = {"OTLP_BACKEND_ENDPOINT": "http://127.0.0.1:9"}
    with (
        pytest.raises(AssertionError, match="the Collector has ended"),
        Collector(tmp_path, ("gateway", "persist", "backend-otlp"), env),
    ):
        pass


def test_sampling_keeps_errors_and_slow_ones_and_counts_every_span(tmp_path: Path) -> None:
    env = {"SAMPLING_PERCENT": "0", "SAMPLING_WAIT": "1s", "SPAN_METRICS_INTERVAL": "1s", "SAMPLING_SLOW_MS": "5000"}
    with Backend() as sink:
        env["OTLP_BACKEND_ENDPOINT"] = sink.url
        with Collector(tmp_path, ("gateway", "sampling", "backend-otlp"), env) as collector:
            for _ in range(20):
                collector.send("traces", traces([span("fine", {"gen_ai.request.model": "m"})]))
            failing = secrets.token_bytes(16)
            # Its good span arrives first and alone: the decision is about the trace.
            collector.send("traces", traces([span("parent of an error", trace=failing)]))
            collector.send("traces", traces([span("failed", error="", trace=failing)]))
            collector.send("traces", traces([span("failed by type", {"error.type": "rate_limited"})]))
            collector.send("traces", traces([span("slow", seconds=6)]))
            kept = {"parent of an error", "failed", "failed by type", "slow"}
            until(lambda: {one.name for one in sink.spans()} >= kept, "errors and slow traces")
            until(lambda: calls(sink)["fine"] == 20, "every span is counted, also those that are dropped")
            assert {one.name for one in sink.spans()} == kept
            assert calls(sink) == Counter(fine=20) + Counter(kept)


def calls(sink: Backend) -> Counter[str]:
    """The newest value of the span metric, by span name."""
    newest: dict[str, int] = {}
    for metric in sink.metrics():
        if metric.name == "traces.span.metrics.calls":
            newest |= {attributes(p.attributes)["span.name"]: p.as_int for p in metric.sum.data_points}
    return Counter(newest)


def test_sampling_with_one_hundred_percent_keeps_everything(tmp_path: Path) -> None:
    with Backend() as sink:
        env = {"SAMPLING_PERCENT": "100", "SAMPLING_WAIT": "1s", "OTLP_BACKEND_ENDPOINT": sink.url}
        with Collector(tmp_path, ("gateway", "sampling", "backend-otlp"), env) as collector:
            collector.send("traces", traces([span(f"fine {number}") for number in range(30)]))
            until(lambda: len(sink.spans()) == 30, "all traces")


def test_redaction_comes_before_sampling_and_before_span_metrics(tmp_path: Path) -> None:
    env = {"SAMPLING_PERCENT": "100", "SAMPLING_WAIT": "1s", "SPAN_METRICS_INTERVAL": "1s"}
    env["QUEUE_DIRECTORY"] = str(tmp_path / "queue")
    with Backend() as sink:
        env["OTLP_BACKEND_ENDPOINT"] = sink.url
        with Collector(tmp_path, ("gateway", "sampling", "redact", "persist", "backend-otlp"), env) as collector:
            collector.send("traces", traces([span("GET ?key=PLANTED0123", {"input.value": "PLANTED"})]))
            until(lambda: sink.spans() and calls(sink), "the span and its metric")
            assert calls(sink) == Counter({"GET ****": 1})
            assert b"PLANTED" not in sink.raw


@pytest.mark.parametrize("backend", ["backend-datadog", "backend-dynatrace"])
def test_delta_backends_get_deltas(tmp_path: Path, backend: str) -> None:
    with Backend() as sink, Collector(tmp_path, ("gateway", backend), delta_env(backend, sink.url)) as collector:
        since = time.time_ns()  # counting began after the Collector did: its first point counts too
        for value in (5, 12, 12, 40):
            time.sleep(0.01)
            collector.send("metrics", counter("calls", value, {"beastmode.model": "m"}, since=since))
            until(lambda value=value: exported(sink) >= value, f"the sum of the deltas is {value}")
        sums = [metric.sum for metric in sink.metrics() if metric.name == "calls"]
        assert {one.aggregation_temporality for one in sums} == {DELTA}
        assert exported(sink) == 40


def exported(sink: Backend) -> int:
    return sum(p.as_int for metric in sink.metrics() if metric.name == "calls" for p in metric.sum.data_points)


@pytest.mark.parametrize("backend", ["backend-datadog", "backend-dynatrace"])
def test_an_sdk_s_histogram_becomes_delta_and_its_up_down_counter_stays_a_level(tmp_path: Path, backend: str) -> None:
    with Backend() as sink, Collector(tmp_path, ("gateway", backend), delta_env(backend, sink.url)) as collector:
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{collector.http}/v1/metrics"), 3_600_000)
        provider = MeterProvider([reader], shutdown_on_exit=False)
        seconds, active = (make(name) for make, name in instruments(provider))
        for value in (0.5, 1.5, 2.5):
            seconds.record(value)
            active.add(1)
            assert provider.force_flush()
        provider.shutdown()
        until(lambda: counted(sink) == 3, "the counts of the deltas add up")
        kinds = {metric.histogram.aggregation_temporality for metric in sink.metrics() if metric.name == "seconds"}
        assert kinds == {DELTA}
        levels = [p.as_int for metric in sink.metrics() if metric.name == "active" for p in metric.sum.data_points]
        assert max(levels) == 3


def instruments(provider: MeterProvider) -> list[tuple[Any, str]]:
    meter = provider.get_meter("test")
    return [(meter.create_histogram, "seconds"), (meter.create_up_down_counter, "active")]


def counted(sink: Backend) -> int:
    return sum(p.count for metric in sink.metrics() if metric.name == "seconds" for p in metric.histogram.data_points)


def test_a_counter_that_ran_before_this_collector_is_not_counted_again(tmp_path: Path) -> None:
    env = delta_env("backend-dynatrace", "")
    with Backend() as sink:
        env["DT_ENDPOINT"] = sink.url
        with Collector(tmp_path, ("gateway", "backend-dynatrace"), env) as collector:
            since = time.time_ns() - 3600 * SECOND
            collector.send("metrics", counter("calls", 1000, since=since))
            collector.send("metrics", counter("calls", 1007, since=since))
            until(lambda: exported(sink), "the second point")
            assert exported(sink) == 7


def test_two_backends_each_get_everything_in_their_own_shape(tmp_path: Path) -> None:
    with Backend() as cumulative, Backend() as delta:
        env = delta_env("backend-datadog", delta.url) | {"OTLP_BACKEND_ENDPOINT": cumulative.url}
        with Collector(tmp_path, ("gateway", "backend-otlp", "backend-datadog"), env) as collector:
            since = time.time_ns()
            for value in (5, 9):
                time.sleep(0.01)
                collector.send("metrics", counter("calls", value, since=since))
                until(lambda value=value: exported(delta) == value, "the delta backend has it")
            collector.send("traces", traces([span("one")]))
            until(lambda: cumulative.spans() and delta.spans() and len(cumulative.metrics()) == 2, "both have all")
            assert [p.as_int for m in cumulative.metrics() for p in m.sum.data_points] == [5, 9]
            assert [p.as_int for m in delta.metrics() for p in m.sum.data_points] == [5, 4]


@pytest.mark.parametrize(
    ("backend", "env", "path", "headers"),
    [
        ("otlp", {"OTLP_BACKEND_ENDPOINT": "{url}"}, "/v1/traces", {}),
        (
            "otlp",
            {"OTLP_BACKEND_ENDPOINT": "{url}/base", "OTLP_BACKEND_HEADERS": '{"api-key": "$ecret", "n": "0123"}'},
            "/base/v1/traces",
            {"api-key": "$ecret", "n": "0123"},
        ),
        (
            "grafana-cloud",
            {"GRAFANA_CLOUD_OTLP_ENDPOINT": "{url}/otlp", "GRAFANA_CLOUD_OTLP_AUTH": "MTIzOnRva2Vu"},
            "/otlp/v1/traces",
            {"authorization": "Basic MTIzOnRva2Vu"},
        ),
        (
            "honeycomb",
            {"HONEYCOMB_ENDPOINT": "{url}", "HONEYCOMB_API_KEY": "0123456789"},
            "/v1/traces",
            {"x-honeycomb-team": "0123456789"},
        ),
        (
            "dynatrace",
            delta_env("backend-dynatrace", "{url}"),
            "/api/v2/otlp/v1/traces",
            {"authorization": "Api-Token dt-token"},
        ),
        ("datadog", delta_env("backend-datadog", "{url}"), "/v1/traces", {"dd-api-key": "dd-key"}),
    ],
    ids=["otlp", "otlp-headers", "grafana-cloud", "honeycomb", "dynatrace", "datadog"],
)
def test_paths_and_headers(
    tmp_path: Path, backend: str, env: dict[str, str], path: str, headers: dict[str, str]
) -> None:
    with Backend() as sink:
        own = {key: value.replace("{url}", sink.url) for key, value in env.items()}
        with Collector(tmp_path, ("gateway", f"backend-{backend}"), own) as collector:
            collector.send("traces", traces([span("one")]))
            collector.send("metrics", counter("calls", 1, since=time.time_ns()))
            collector.send("logs", logs([log("line")], "app"))
            until(lambda: len(sink.received) == 3, "all three signals")
            got: dict[str, Received] = {one.path: one for one in sink.received}
            assert set(got) == {path.replace("traces", signal) for signal in ("traces", "metrics", "logs")}
            for one in sink.received:
                assert {key: one.headers.get(key) for key in headers} == headers
        if backend == "honeycomb":
            assert got["/v1/metrics"].headers["x-honeycomb-dataset"] == "metrics"
            assert "x-honeycomb-dataset" not in got["/v1/traces"].headers


def test_it_listens_on_loopback_and_tells_about_itself(tmp_path: Path) -> None:
    env = {"OTLP_BACKEND_ENDPOINT": "http://127.0.0.1:9"}
    with Collector(tmp_path, ("gateway", "backend-otlp"), env) as collector:
        collector.send("traces", traces([span("one"), span("two")]))
        until(lambda: "otelcol_receiver_accepted_spans" in collector.own_metrics(), "its own counters")
        assert listening(collector) == {"127.0.0.1"}


def listening(collector: Collector) -> set[str]:
    """The addresses on which any of its ports is open."""
    wanted = {f"{port:04X}" for port in collector.ports.values()}
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    found = [row[1].split(":") for row in rows if row[3] == "0A"]
    plain = {"0100007F": "127.0.0.1"}
    return {plain.get(address, address) for address, port in found if port in wanted}
