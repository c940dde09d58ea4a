"""A real export of one span, one metric and one log record, with the exporters that configure() would make."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from beastmode_otel.telemetry.exporters import (
    ForkSafeLogExporter,
    ForkSafeMetricExporter,
    ForkSafeSpanExporter,
    Results,
)
from beastmode_otel.telemetry.suppress import unseen

NAME: Final = "beastmode.doctor"
SECONDS: Final = 3.0  # that one export may take
_EXPORTER_LOGGERS: Final = ("opentelemetry.exporter", "opentelemetry.sdk", "opentelemetry.util")


@dataclass(slots=True)
class ProbeResult:
    """What came of one signal's export. accepted: None when nothing was exported. said: the exporter's log records."""

    accepted: bool | None = None
    said: list[logging.LogRecord] = field(default_factory=list)


def probe(signal: str, factory: Callable[..., Any]) -> ProbeResult:
    """Export one item. factory: an OTLP exporter's class. Raises what the exporter's constructor raises."""
    results, tried = Results(), ProbeResult()
    with unseen(), _overheard(tried.said):
        _SENDERS[signal](lambda: factory(timeout=SECONDS), results)
    tried.accepted = results.last_ok
    return tried


def _resource() -> Resource:
    return Resource.create().merge(Resource({"service.name": NAME}))


def _span(make: Callable[[], Any], results: Results) -> None:
    provider = TracerProvider(resource=_resource(), sampler=ALWAYS_ON, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ForkSafeSpanExporter(make, results)))
    provider.get_tracer(NAME).start_span(NAME).end()
    provider.shutdown()


def _metric(make: Callable[[], Any], results: Results) -> None:
    # With the exporter's own temporality: a backend may refuse deltas.
    reader = PeriodicExportingMetricReader(ForkSafeMetricExporter(make, results), export_interval_millis=math.inf)
    provider = MeterProvider([reader], resource=_resource(), shutdown_on_exit=False)
    provider.get_meter(NAME).create_counter(NAME, "{probe}", "Probes of beastmode-otel doctor.").add(1)
    provider.force_flush()  # the export: nothing is periodic here
    provider.shutdown()


def _log(make: Callable[[], Any], results: Results) -> None:
    provider = LoggerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(ForkSafeLogExporter(make, results)))
    provider.get_logger(NAME).emit(
        severity_number=SeverityNumber.INFO, body="a probe of beastmode-otel doctor", event_name=NAME
    )
    provider.shutdown()


_SENDERS: Final[Mapping[str, Callable[[Callable[[], Any], Results], None]]] = {
    "traces": _span,
    "metrics": _metric,
    "logs": _log,
}


@contextmanager
def _overheard(said: list[logging.LogRecord]) -> Iterator[None]:
    """What the exporters log in this thread, kept instead of shown: it is how they tell why an export failed."""
    mine = threading.get_ident()

    def keep(record: logging.LogRecord) -> bool:
        if record.thread == mine:
            said.append(record)
        return record.thread != mine

    known = list(logging.root.manager.loggerDict)
    loggers = [logging.getLogger(name) for name in known if name.startswith(_EXPORTER_LOGGERS)]
    for logger in loggers:
        logger.filters.insert(0, keep)  # before the SDK's own, which drops what looks like a repetition
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(keep)
