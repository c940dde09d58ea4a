"""Telemetry of the demo's own, kept in memory: nothing is sampled, sent, or shared with the program's providers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from beastmode_otel import semconv
from beastmode_otel.cli.report.coverage import RecordedFailure, recorded_failure
from beastmode_otel.cli.report.reading import Reading, read

_REMEMBERED: Final = 8


class SpanTally(SpanProcessor):
    """Counts our spans as they end: requests, attempts, and attempts whose request reached the wire."""

    def __init__(self) -> None:
        self.requests = self.attempts = self.sent = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing counts before it ends."""

    def on_end(self, span: ReadableSpan) -> None:
        scope, attributes = span.instrumentation_scope, span.attributes or {}
        if scope is None or scope.name != semconv.SCOPE:
            return
        if semconv.ATTEMPT.key in attributes:
            self.attempts += 1
            self.sent += attributes.get(semconv.ATTEMPT_SENT.key) is True
        elif semconv.STREAM.key in attributes:
            self.requests += 1


class FailureLog(LogRecordProcessor):
    """Counts the records of failed requests, and remembers the last few."""

    def __init__(self) -> None:
        self.count = 0
        self.recent: deque[RecordedFailure] = deque(maxlen=_REMEMBERED)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        record = log_record.log_record
        if record.event_name == semconv.FAILED_EVENT:
            self.count += 1
            self.recent.append(recorded_failure((record.timestamp or 0) / 1e9, record.attributes or {}))

    def shutdown(self) -> None:
        """Nothing to give back."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What was recorded, by signal."""

    spans: SpanTally
    metrics: InMemoryMetricReader
    failures: FailureLog

    @classmethod
    def new(cls) -> Signals:
        return cls(spans=SpanTally(), metrics=InMemoryMetricReader(), failures=FailureLog())

    def reading(self) -> Reading:
        """The metrics as they are now."""
        return read(self.metrics.get_metrics_data())
