"""Exporters from the standard OTEL_* variables, each made anew in a forked child.

A child that went on using its parent's exporter would write into the parent's keep-alive socket: the backend then sees
two interleaved bodies and answers 400, which is not retried.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from beastmode_otel.errors import ConfigError
from beastmode_otel.errors.redact import shown
from beastmode_otel.telemetry.instruments import count_lost

R = TypeVar("R", SpanExportResult, MetricExportResult, LogRecordExportResult)
_PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


def exporter_factories(signal: str, environ: Mapping[str, str]) -> list[Callable[[], Any]]:
    """What OTEL_<SIGNAL>_EXPORTER asks for; otlp when it is not set. signal: traces, metrics or logs.

    Raises ConfigError for a name that no installed package offers.
    """
    names = environ.get(f"OTEL_{signal.upper()}_EXPORTER", "") or "otlp"
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    return [_factory(signal, name, environ) for name in wanted if name.lower() != "none"]


def _factory(signal: str, name: str, environ: Mapping[str, str]) -> Callable[[], Any]:
    if name == "otlp":
        name = _PROTOCOLS[protocol(signal, environ)]
    found = list(entry_points(group=f"opentelemetry_{signal}_exporter", name=name))
    if not found:
        raise ConfigError(
            f"OTEL_{signal.upper()}_EXPORTER: no installed package offers the exporter {shown(name)}",
            hints=("use otlp, console or none, or install the exporter's package",),
        )
    factory: Callable[[], Any] = found[0].load()
    return factory


def protocol(signal: str, environ: Mapping[str, str]) -> str:
    """grpc or http/protobuf: as the variables say; unsaid, what the endpoint's port means, else http/protobuf.

    A value that we do not speak is ignored, as OpenTelemetry's specification wants it of an unknown word: clusters set
    one variable for programs in many languages. `ignored_protocols` are told.
    """
    for variable in _protocol_variables(signal):
        said = environ.get(variable, "").strip()
        if said in _PROTOCOLS:
            return said
    prefix = f"OTEL_EXPORTER_OTLP_{signal.upper()}"
    endpoint = environ.get(f"{prefix}_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    return "grpc" if _port(endpoint) == 4317 else "http/protobuf"


def ignored_protocols(environ: Mapping[str, str]) -> dict[str, str]:
    """By variable, what is said of one whose protocol no exporter here speaks, where a signal goes by OTLP."""
    return {
        variable: f"{variable} is {shown(environ[variable])}: ignored, {protocol(signal, environ)} is spoken "
        f"(Python's exporters know {' and '.join(_PROTOCOLS)})"
        for signal in ("traces", "metrics", "logs")
        if "otlp" in (environ.get(f"OTEL_{signal.upper()}_EXPORTER") or "otlp")
        for variable in _protocol_variables(signal)
        if environ.get(variable, "").strip() not in ("", *_PROTOCOLS)
    }


def _protocol_variables(signal: str) -> tuple[str, str]:
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"


def has_endpoint() -> bool:
    """Whether anybody has said where OTLP goes, for whichever signal."""
    said = (value for name, value in os.environ.items() if re.fullmatch("OTEL_EXPORTER_OTLP_(\\w+_)?ENDPOINT", name))
    return any(said)


def _port(endpoint: str) -> int | None:
    try:
        return urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").port
    except ValueError:
        return None


@dataclass(slots=True)
class Results:
    """What came of the exports of one signal. Only the last one says whether everything is there: failed batches of
    metrics are made good by the next one, failed spans and logs are lost. last_ok: None before the first export.
    overflowed: metrics that had more label sets than the SDK keeps apart. lost: spans or log records given up, which
    the SDK's own metrics count as exported when the backend answered 503 to the end."""

    signal: str = ""
    done: int = 0
    failed: int = 0
    lost: int = 0
    last_ok: bool | None = None
    overflowed: set[str] = field(default_factory=set)

    def note(self, result: R) -> R:
        self.last_ok = result.name == "SUCCESS"
        self.done += self.last_ok
        self.failed += not self.last_ok
        return result

    def note_batch(self, result: R, items: int) -> R:
        """`note` for what no later export makes good."""
        if result.name != "SUCCESS":
            self.lost += items
            count_lost(self.signal.removesuffix("s"), items)
        return self.note(result)


def overflowed(data: MetricsData) -> set[str]:
    """Names of the metrics that hold the SDK's overflow point."""
    return {
        metric.name
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if any("otel.metric.overflow" in (point.attributes or ()) for point in metric.data.data_points)
    }


class _Reborn:
    """Holds what a factory makes, and makes it again in a forked child. Notes the results of exports."""

    def __init__(self, factory: Callable[[], Any], results: Results) -> None:
        self._factory, self.results = factory, results
        self._pid = os.getpid()
        self._made = factory()

    def get(self) -> Any:
        if os.getpid() != self._pid:
            self._pid, self._made = os.getpid(), self._factory()
        return self._made


class ForkSafeSpanExporter(SpanExporter):
    def __init__(self, factory: Callable[[], SpanExporter], results: Results) -> None:
        self._inner = _Reborn(factory, results)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result: SpanExportResult = self._inner.get().export(spans)
        return self._inner.results.note_batch(result, len(spans))

    def shutdown(self) -> None:
        self._inner.get().shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._inner.get().force_flush(timeout_millis))


class ForkSafeLogExporter(LogRecordExporter):
    def __init__(self, factory: Callable[[], LogRecordExporter], results: Results) -> None:
        self._inner = _Reborn(factory, results)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        result: LogRecordExportResult = self._inner.get().export(batch)
        return self._inner.results.note_batch(result, len(batch))

    def shutdown(self) -> None:
        self._inner.get().shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return bool(self._inner.get().force_flush(timeout_millis))


class ForkSafeReader(PeriodicExportingMetricReader):
    """A reader that begins at zero in a forked child: what the parent had counted is the parent's to export."""

    _moving = False

    def start_anew(self, provider: MeterProvider) -> None:
        """Give it an empty storage. The provider would also shut down what it removes: not this one."""
        self._moving = True
        provider.remove_metric_reader(self)
        self._moving = False
        provider.add_metric_reader(self)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        if not self._moving:
            super().shutdown(timeout_millis, **kwargs)


class ForkSafeMetricExporter(MetricExporter):
    def __init__(self, factory: Callable[[], MetricExporter], results: Results) -> None:
        self._inner = _Reborn(factory, results)
        made = self._inner.get()
        # The SDK's reader asks the exporter for these two; there is no public way to read them.
        super().__init__(made._preferred_temporality, made._preferred_aggregation)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        self._inner.results.overflowed |= overflowed(metrics_data)
        result: MetricExportResult = self._inner.get().export(metrics_data, timeout_millis=timeout_millis, **kwargs)
        return self._inner.results.note(result)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._inner.get().shutdown()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return bool(self._inner.get().force_flush(timeout_millis))
