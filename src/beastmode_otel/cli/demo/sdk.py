"""The demo's OpenTelemetry SDK: its signals kept in memory, and OTLP beside it when the environment asks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from beastmode_otel.cli.demo.signals import Signals
from beastmode_otel.errors import Redactor, public_url
from beastmode_otel.telemetry.at_exit import all_in_time
from beastmode_otel.telemetry.exporters import (
    ForkSafeLogExporter,
    ForkSafeMetricExporter,
    ForkSafeSpanExporter,
    Results,
    exporter_factories,
)
from beastmode_otel.telemetry.log_secrets import exporter_secrets
from beastmode_otel.telemetry.setup import live_delay
from beastmode_otel.version import VERSION

SERVICE: Final = "beastmode-demo"
_FLUSH_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 2.0
SIGNALS: Final = ("traces", "metrics", "logs")


@dataclass(slots=True, kw_only=True)
class Export:
    """One signal's export. make: its exporter."""

    signal: str
    endpoint: str
    make: Callable[[], Any]
    results: Results = field(default_factory=Results)


def exports_of(environ: Mapping[str, str]) -> list[Export]:
    """Those signals that have an OTLP endpoint and whose exporter is not turned off.

    Raises ConfigError for a protocol that is not there.
    """
    return [
        Export(signal=signal, endpoint=_shown(endpoint), make=factory)
        for signal in SIGNALS
        if (endpoint := _endpoint(signal, environ))
        for factory in _factories(signal, environ)
    ]


def _endpoint(signal: str, environ: Mapping[str, str]) -> str | None:
    general = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT") or general


def _factories(signal: str, environ: Mapping[str, str]) -> list[Callable[[], Any]]:
    # Only OTLP: a console exporter would write into the report.
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    names = [name.strip() for name in (environ.get(variable) or "otlp").split(",")]
    wanted = ",".join(name for name in names if name.startswith("otlp")) or "none"
    return exporter_factories(signal, {**environ, variable: wanted})


def _shown(endpoint: str) -> str:
    """Without credentials and query."""
    return public_url(endpoint).partition("?")[0].partition("#")[0]


class Complaints(logging.Handler):
    """What the SDK complains of, instead of tracebacks in the middle of the demo. Only the last is kept."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__(logging.WARNING)
        self._redact = redact
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = self._redact(record.getMessage().strip().partition("\n")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSdk:
    """What the router is given. Nothing is sampled away, whatever the environment says: the demo counts spans."""

    signals: Signals
    exports: tuple[Export, ...]
    tracer: TracerProvider
    meter: MeterProvider
    logger: LoggerProvider
    complaints: Complaints

    def flush(self) -> bool:
        """Export everything now. False when that did not work, or not in time."""
        works = [lambda p=provider: p.force_flush() for provider in (self.tracer, self.meter, self.logger)]
        in_time = all_in_time(works, _FLUSH_SECONDS)
        return in_time and all(export.results.last_ok for export in self.exports)

    def close(self) -> None:
        """Stop all threads, or leave those behind that hang in a dead connection."""
        if all_in_time([self.tracer.shutdown, self.meter.shutdown, self.logger.shutdown], _CLOSE_SECONDS):
            _quiet(self.complaints, on=False)  # who is left behind would go on complaining, of addresses with secrets


def demo_sdk(environ: Mapping[str, str]) -> DemoSdk:
    """Raises ConfigError for OTLP settings that cannot work."""
    signals, exports = Signals.new(), exports_of(environ)
    complaints = Complaints(Redactor(exporter_secrets(environ)))
    _quiet(complaints, on=True)
    resource = Resource.create({"service.name": SERVICE, "service.version": VERSION})
    tracer = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    tracer.add_span_processor(signals.spans)
    logger = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logger.add_log_record_processor(signals.failures)
    readers: list[MetricReader] = [signals.metrics]
    for export in exports:
        _add(export, environ, tracer, logger, readers)
    meter = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
    return DemoSdk(
        signals=signals, exports=tuple(exports), tracer=tracer, meter=meter, logger=logger, complaints=complaints
    )


def _add(
    export: Export,
    environ: Mapping[str, str],
    tracer: TracerProvider,
    logger: LoggerProvider,
    readers: list[MetricReader],
) -> None:
    match export.signal:
        case "traces":
            delay = live_delay("OTEL_BSP_SCHEDULE_DELAY", environ)
            tracer.add_span_processor(
                BatchSpanProcessor(ForkSafeSpanExporter(export.make, export.results), schedule_delay_millis=delay)
            )
        case "logs":
            delay = live_delay("OTEL_BLRP_SCHEDULE_DELAY", environ)
            logger.add_log_record_processor(
                BatchLogRecordProcessor(ForkSafeLogExporter(export.make, export.results), schedule_delay_millis=delay)
            )
        case "metrics":
            delay = live_delay("OTEL_METRIC_EXPORT_INTERVAL", environ)
            readers.append(
                PeriodicExportingMetricReader(
                    ForkSafeMetricExporter(export.make, export.results), export_interval_millis=delay
                )
            )


def _quiet(complaints: Complaints, *, on: bool) -> None:
    log = logging.getLogger("opentelemetry")
    (log.addHandler if on else log.removeHandler)(complaints)
    log.propagate = not on
