"""An OTLP backend on loopback: keeps what a real Collector sends it, flattened for a test to look at."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_REQUESTS: Final[dict[str, type[Message]]] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request. raw: its body, decompressed: what a string search for a secret looks at."""

    path: str
    headers: dict[str, str]
    raw: bytes
    message: Any


@dataclass
class Backend:
    """Use as a context manager. port: 0 takes a free one."""

    port: int = 0
    received: list[Received] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def raw(self) -> bytes:
        return b"\n".join(one.raw for one in list(self.received))

    def spans(self) -> list[Span]:
        return [span for _, span in self.spans_by_resource()]

    def spans_by_resource(self) -> Iterator[tuple[Any, Span]]:
        for message in self._messages("/v1/traces"):
            for group in message.resource_spans:
                yield from ((group.resource, span) for scope in group.scope_spans for span in scope.spans)

    def metrics(self) -> list[Metric]:
        groups = [group for message in self._messages("/v1/metrics") for group in message.resource_metrics]
        return [metric for group in groups for scope in group.scope_metrics for metric in scope.metrics]

    def logs(self) -> list[LogRecord]:
        groups = [group for message in self._messages("/v1/logs") for group in message.resource_logs]
        return [record for group in groups for scope in group.scope_logs for record in scope.log_records]

    def _messages(self, path: str) -> list[Any]:
        return [one.message for one in list(self.received) if one.path.endswith(path)]


def until(ready: Callable[[], object], what: str, timeout: float = 60) -> None:
    """Wait until `ready()` is true. Generous: it stands for "at all", never for "fast"."""
    end = time.monotonic() + timeout
    while not ready():
        assert time.monotonic() < end, f"not within {timeout:.0f} s: {what}"
        time.sleep(0.05)


def attributes(pairs: Any) -> dict[str, Any]:
    """OTLP's key-value list as a dict of plain values; lists and maps stay as they are."""
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


def _handler(backend: Backend) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            raw = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            message = _REQUESTS["/v1/" + self.path.rsplit("/v1/")[-1]]()
            message.ParseFromString(raw)
            headers = {key.lower(): value for key, value in self.headers.items()}
            backend.received.append(Received(path=self.path, headers=headers, raw=raw, message=message))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Silence."""

    return Handler
