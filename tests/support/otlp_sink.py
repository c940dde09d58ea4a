"""A real OTLP/HTTP receiver that keeps what it is sent, or misbehaves on command."""

from __future__ import annotations

import gzip
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PARSERS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}
NEVER = 0  # a status that stands for no answer at all


class OtlpSink:
    """answers: the status by path, 200 where nothing is said. tls: makes it an HTTPS server."""

    def __init__(self, answers: dict[str, int] | int | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[tuple[str, Any]] = []
        self._ending = threading.Event()
        self._answers = answers if answers is not None else {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._post(self)

            def log_message(self, *args: object) -> None: ...

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self._server.server_port
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        status = self._answers if isinstance(self._answers, int) else self._answers.get(handler.path, 200)
        if handler.path not in PARSERS:
            status = 404
        if status == NEVER:
            self._ending.wait()
            return
        if status == 200:
            if handler.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            self.received.append((handler.path, PARSERS[handler.path].FromString(body)))
        handler.send_response(status)
        handler.send_header("content-length", "0")
        handler.end_headers()

    def stop(self) -> None:
        self._ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # What has arrived.

    def spans(self, scope_name: str | None = None) -> list[Any]:
        """scope_name: only those of one instrumentation scope (FastAPI has spans of its own, for example)."""
        return [
            span
            for path, data in list(self.received)
            if path == "/v1/traces"
            for resource in data.resource_spans
            for scope in resource.scope_spans
            if scope_name in (None, scope.scope.name)
            for span in scope.spans
        ]

    def logs(self) -> list[Any]:
        return [
            record
            for path, data in list(self.received)
            if path == "/v1/logs"
            for resource in data.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def counts(self, name: str) -> dict[str, float]:
        """The last value of a metric for each service instance, as a backend would add them up."""
        found: dict[str, float] = {}
        for path, data in list(self.received):
            for resource in data.resource_metrics if path == "/v1/metrics" else ():
                instance = attribute(resource.resource, "service.instance.id")
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            found[instance] = _total(metric)
        return found


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that break off, or speak something else, are what the tests are about."""


def attribute(holder: Any, key: str) -> str:
    """A string attribute of a resource, span or log record."""
    return next((item.value.string_value for item in holder.attributes if item.key == key), "")


def _total(metric: Any) -> float:
    if metric.HasField("histogram"):
        return float(sum(point.count for point in metric.histogram.data_points))
    return float(sum(point.as_int or point.as_double for point in metric.sum.data_points))
