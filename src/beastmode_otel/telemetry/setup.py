"""configure(): an OpenTelemetry SDK for programs that have not set one up. Never in the way of one that they have."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from beastmode_otel.runtime import in_child
from beastmode_otel.telemetry.at_exit import all_in_time, end_where_nobody_listens
from beastmode_otel.telemetry.content import CAPTURE_VARIABLE, Capture
from beastmode_otel.telemetry.exporters import (
    ForkSafeLogExporter,
    ForkSafeMetricExporter,
    ForkSafeReader,
    ForkSafeSpanExporter,
    Results,
    exporter_factories,
    ignored_protocols,
)
from beastmode_otel.telemetry.log_secrets import hide_in_logs

_log = logging.getLogger("beastmode_otel")


# What "under a second from request to visible" needs; SDK defaults are 60 s, 5 s and 1 s.
LIVE: Final = {
    "OTEL_METRIC_EXPORT_INTERVAL": 500.0,
    "OTEL_BSP_SCHEDULE_DELAY": 200.0,
    "OTEL_BLRP_SCHEDULE_DELAY": 200.0,
}
_TRUE: Final = ("1", "true", "yes", "on")


def is_on(name: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether a switch of the environment is on."""
    return (os.environ if environ is None else environ).get(name, "").strip().lower() in _TRUE


def capture_from_environment() -> Capture:
    return Capture.parse(os.environ.get(CAPTURE_VARIABLE, ""))


@dataclass(slots=True, weakref_slot=True)
class Telemetry:
    """What `configure()` made. Signals that were configured by somebody else are flushed, but never shut down."""

    tracer_provider: Any = None
    meter_provider: Any = None
    logger_provider: Any = None
    owned: tuple[str, ...] = ()
    live: bool = False
    _readers: list[MetricReader] = field(default_factory=list)
    _results: list[Results] = field(default_factory=list)

    def watched(self, signal: str) -> Results:
        """Where one more exporter notes its results."""
        self._results.append(Results(signal))
        return self._results[-1]

    @property
    def results(self) -> tuple[Results, ...]:
        """What came of the exports so far, by exporter; of our own exporters only."""
        return tuple(self._results)

    def force_flush(self, timeout: float = 10.0) -> bool:
        """Export everything now. False when something could not be exported within `timeout` seconds."""
        flushes = [getattr(provider, "force_flush", None) for provider in self._providers()]
        # The SDK's own answer knows neither the timeout nor the exporter's result.
        in_time = all_in_time([flush for flush in flushes if flush is not None], timeout)
        return in_time and all(results.last_ok is not False for results in self._results)

    def shutdown(self, timeout: float = 30.0) -> None:
        """Flush, and stop the exporters that are ours, at the same time: each may wait for a dead endpoint.

        timeout: seconds after which what still hangs is left behind. Runs at exit by itself. Idempotent.
        """
        named = zip(("traces", "metrics", "logs"), self._providers(), strict=True)
        works = [provider.shutdown for name, provider in named if name in self.owned]
        self.owned = ()
        all_in_time(works, timeout)

    def end_with_process(self) -> None:
        """`shutdown`, which does not keep a process that has nobody to tell: then one line says what to do."""
        named = zip(("traces", "metrics", "logs"), self._providers(), strict=True)
        end_where_nobody_listens([provider for name, provider in named if name in self.owned])
        self.shutdown()

    def _providers(self) -> tuple[Any, Any, Any]:
        return self.tracer_provider, self.meter_provider, self.logger_provider

    def start_anew_in_child(self) -> None:
        for reader in self._readers:
            if isinstance(reader, ForkSafeReader):
                reader.start_anew(self.meter_provider)


_configured: list[Telemetry] = []
_lock = threading.Lock()


def configure(
    *, service_name: str | None = None, resource: Resource | Mapping[str, str] | None = None, live: bool | None = None
) -> Telemetry:
    """Set up OpenTelemetry from the standard OTEL_* variables, for each signal that nobody has set up yet.

    service_name: `service.name`, else OTEL_SERVICE_NAME. resource: more resource attributes. live: export often enough
    to see a request within a second (costs about 1 % of a core for 200 series); None: BEASTMODE_LIVE. OTEL_* variables
    that you have set always win over live. Call it once; a second call returns what the first made.
    A protocol that no exporter speaks is ignored with a warning. Raises ConfigError for an exporter that is not there.
    """
    with _lock:
        if not _configured:
            _configured.append(_build(service_name, resource, is_on("BEASTMODE_LIVE") if live is None else live))
        return _configured[0]


def configured() -> Telemetry | None:
    """What `configure()` made in this process; None when it was not called."""
    return _configured[0] if _configured else None


def _build(name: str | None, extra: Resource | Mapping[str, str] | None, live: bool) -> Telemetry:
    telemetry = Telemetry(live=live)
    if not is_on("OTEL_SDK_DISABLED") and not is_on("BEASTMODE_DISABLED"):
        resource = _resource(name, extra)
        for ignored in ignored_protocols(os.environ).values():
            _log.warning("%s", ignored)
        for signal in ("traces", "metrics", "logs"):  # loads those who will log
            exporter_factories(signal, os.environ)
        hide_in_logs(os.environ)
        owned = [
            signal
            for signal, setup in (("traces", _traces), ("metrics", _metrics), ("logs", _logs_signal))
            if setup(telemetry, resource, live)
        ]
        telemetry.owned = tuple(owned)
        atexit.register(telemetry.end_with_process)
        in_child(telemetry.start_anew_in_child)
    telemetry.tracer_provider = trace.get_tracer_provider()
    telemetry.meter_provider = metrics.get_meter_provider()
    telemetry.logger_provider = _logs.get_logger_provider()
    return telemetry


def _resource(name: str | None, extra: Resource | Mapping[str, str] | None) -> Resource:
    given = extra if isinstance(extra, Resource) else Resource(dict(extra or {}))
    resource = Resource.create().merge(given)
    return resource.merge(Resource({"service.name": name})) if name else resource


def _unset(provider: object) -> bool:
    return "Proxy" in type(provider).__name__


def live_delay(variable: str, environ: Mapping[str, str]) -> float | None:
    """Milliseconds of the live profile; None where the user has set the variable, which the SDK reads itself."""
    return None if environ.get(variable) else LIVE[variable]


def _delay(variable: str, live: bool) -> float | None:
    return live_delay(variable, os.environ) if live else None


def _traces(telemetry: Telemetry, resource: Resource, live: bool) -> bool:
    if not _unset(trace.get_tracer_provider()):
        return False
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for factory in exporter_factories("traces", os.environ):
        delay = _delay("OTEL_BSP_SCHEDULE_DELAY", live)
        exporter = ForkSafeSpanExporter(factory, telemetry.watched("traces"))
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=delay))
    trace.set_tracer_provider(provider)
    return True


def _metrics(telemetry: Telemetry, resource: Resource, live: bool) -> bool:
    if not _unset(metrics.get_meter_provider()):
        return False
    interval = _delay("OTEL_METRIC_EXPORT_INTERVAL", live)
    telemetry._readers = [
        _reader(telemetry, factory, interval) for factory in exporter_factories("metrics", os.environ)
    ]
    metrics.set_meter_provider(MeterProvider(telemetry._readers, resource=resource, shutdown_on_exit=False))
    return True


def _reader(telemetry: Telemetry, factory: Callable[[], Any], interval: float | None) -> MetricReader:
    if isinstance(factory, type) and issubclass(factory, MetricReader):
        return factory()  # a pull exporter (Prometheus) is a reader itself
    make: Callable[[], Any] = factory
    return ForkSafeReader(ForkSafeMetricExporter(make, telemetry.watched("metrics")), export_interval_millis=interval)


def _logs_signal(telemetry: Telemetry, resource: Resource, live: bool) -> bool:
    if not _unset(_logs.get_logger_provider()):
        return False
    provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
    for factory in exporter_factories("logs", os.environ):
        delay = _delay("OTEL_BLRP_SCHEDULE_DELAY", live)
        exporter = ForkSafeLogExporter(factory, telemetry.watched("logs"))
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter, schedule_delay_millis=delay))
    _logs.set_logger_provider(provider)
    return True
