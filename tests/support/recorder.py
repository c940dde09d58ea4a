"""Real SDK providers that keep what they are told in memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

Labels = frozenset[tuple[str, Any]]


class Recorder:
    """Spans, metrics and logs of one test."""

    def __init__(self) -> None:
        self._spans, self._logs, self._reader = (
            InMemorySpanExporter(),
            InMemoryLogRecordExporter(),
            InMemoryMetricReader(),
        )
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self.meter_provider = MeterProvider([self._reader])
        self.logger_provider = LoggerProvider()
        self.logger_provider.add_log_record_processor(SimpleLogRecordProcessor(self._logs))

    @property
    def providers(self) -> dict[str, Any]:
        return {
            "tracer_provider": self.tracer_provider,
            "meter_provider": self.meter_provider,
            "logger_provider": self.logger_provider,
        }

    def points(self) -> dict[str, list[Any]]:
        """Data points by metric name. Collecting runs the observable callbacks."""
        data = self._reader.get_metrics_data()
        found: dict[str, list[Any]] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found[metric.name] = list(metric.data.data_points)
        return found

    def metrics(self) -> dict[str, dict[Labels, float]]:
        """By name and label set: a histogram's count, another's value."""
        return {
            name: {frozenset(point.attributes.items()): _number(point) for point in points}
            for name, points in self.points().items()
        }

    def total(self, name: str, **labels: Any) -> float:
        """The sum over all label sets that have these labels (dots written as __)."""
        wanted = {key.replace("__", "."): value for key, value in labels.items()}
        series = self.metrics().get(name, {})
        return sum(value for key, value in series.items() if wanted.items() <= dict(key).items())

    def spans(self) -> list[ReadableSpan]:
        """Finished spans in the order of their start."""
        return sorted(self._spans.get_finished_spans(), key=lambda span: span.start_time or 0)

    def logs(self) -> list[Any]:
        return [item.log_record for item in self._logs.get_finished_logs()]

    def span_names(self) -> Counter[str]:
        return Counter(span.name for span in self.spans())

    def exported_text(self) -> str:
        """Everything that would leave the process, as one text to search."""
        parts = [span.to_json() for span in self.spans()]
        parts += [repr(item.to_json()) for item in self._logs.get_finished_logs()]
        parts += [repr(self.metrics())]
        return "\n".join(parts)

    def shutdown(self) -> None:
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()
        self.logger_provider.shutdown()


def _number(point: Any) -> float:
    return float(point.count) if hasattr(point, "count") else float(point.value)
