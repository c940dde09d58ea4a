"""A door before the Collector that can say 503: a backend that is there, and refuses. Counts what it lets through."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Gate:
    """`with Gate(otlp_http) as gate:` hands OTLP/HTTP on, or answers 503 while `shut`.

    passed: items taken by the other side, by signal (spans, logs).
    """

    def __init__(self, target: str) -> None:
        self.shut = False
        self.passed: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, target))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Gate:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(gate: Gate, target: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, answer = (503, b"") if gate.shut else self._hand_on(body)
            if status == 200:
                gate.passed.update(_items(self.path, body))
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _hand_on(self, body: bytes) -> tuple[int, bytes]:
            onward = http.client.HTTPConnection(urlsplit(target).netloc, timeout=10)
            try:
                onward.request("POST", self.path, body, {"content-type": self.headers["content-type"]})
                answer = onward.getresponse()
                return answer.status, answer.read()
            except OSError:
                return 503, b""
            finally:
                onward.close()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    return Handler


def _items(path: str, body: bytes) -> dict[str, int]:
    if path == "/v1/traces":
        traces = ExportTraceServiceRequest.FromString(body)
        return {"spans": sum(len(scope.spans) for part in traces.resource_spans for scope in part.scope_spans)}
    if path == "/v1/logs":
        logs = ExportLogsServiceRequest.FromString(body)
        return {"logs": sum(len(scope.log_records) for part in logs.resource_logs for scope in part.scope_logs)}
    return {}
