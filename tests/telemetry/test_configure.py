"""configure(): an SDK from the standard variables, in processes of their own, because providers are global."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from beastmode_otel.simulator import Simulator

PARSERS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


class Backend:
    """A real OTLP/HTTP receiver that keeps what it is sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.requests.append((self.path, PARSERS[self.path].FromString(body)))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def spans(self) -> list[str]:
        return [
            span.name
            for path, data in self.requests
            if path == "/v1/traces"
            for resource in data.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def sums(self, name: str) -> dict[str, float]:
        """The last value of a counter for each service instance, as a backend would add them up."""
        found: dict[str, float] = {}
        for path, data in self.requests:
            for resource in data.resource_metrics if path == "/v1/metrics" else ():
                instance = attribute(resource.resource, "service.instance.id")
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            found[instance] = total(metric)
        return found

    def services(self) -> set[str]:
        return {
            attribute(resource.resource, "service.name")
            for path, data in self.requests
            if path == "/v1/traces"
            for resource in data.resource_spans
        }


def attribute(resource: Any, key: str) -> str:
    return next((item.value.string_value for item in resource.attributes if item.key == key), "")


def total(metric: Any) -> float:
    if metric.HasField("histogram"):
        return float(sum(point.count for point in metric.histogram.data_points))
    return float(sum(point.as_int or point.as_double for point in metric.sum.data_points))


@pytest.fixture
def backend() -> Iterator[Backend]:
    receiving = Backend()
    yield receiving
    receiving.stop()


def run(script: str, backend: Backend | None, simulator: Simulator, **environ: str) -> str:
    """Run a program as a user would; what it printed. Anything on stderr fails the test.

    (The OTLP exporter's own HTTP client leaves its sockets to the collector, which is all that is ignored.)
    """
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "BEASTMODE_"))}
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": backend.url} if backend else {}
    deployments = {"a": {"base_url": simulator.url("ok"), "model": "m"}}
    config = {"deployments": deployments, "routes": {"chat": {"deployments": ["a"]}}}
    preamble = f"import json\nconfig = json.loads({json.dumps(json.dumps(config))})\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", preamble + textwrap.dedent(script)],
        env=clean | endpoint | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


PROGRAM = """
    import beastmode_otel
    telemetry = beastmode_otel.configure(service_name="shop")
    with beastmode_otel.ModelRouter(config) as router:
        router.route("chat", {"messages": [{"role": "user", "content": "hi"}]})
        try:
            router.route("nonsense", {})
        except beastmode_otel.RequestError:
            pass
    print(telemetry.owned)
"""


def test_all_three_signals_leave_at_exit_without_a_further_call(backend: Backend, simulator: Simulator) -> None:
    """A short script needs no flush of its own."""
    assert "('traces', 'metrics', 'logs')" in run(PROGRAM, backend, simulator)
    assert {path for path, _ in backend.requests} == set(PARSERS)
    assert sorted(backend.spans()) == ["chat m", "route chat", "route nonsense"]
    assert backend.services() == {"shop"}
    assert list(backend.sums("beastmode.requests.started").values()) == [2]


def test_the_router_may_be_built_before_configure(backend: Backend, simulator: Simulator) -> None:
    """The API's proxies hand over when the providers are set."""
    script = """
        import beastmode_otel
        router = beastmode_otel.ModelRouter(config)
        beastmode_otel.configure(service_name="late")
        router.route("chat", {"messages": []})
        router.close()
    """
    run(script, backend, simulator)
    assert sorted(backend.spans()) == ["chat m", "route chat"]
    assert list(backend.sums("beastmode.requests.started").values()) == [1]


def test_a_users_own_sdk_is_left_alone(backend: Backend, simulator: Simulator) -> None:
    """A signal that is set up already is used, not replaced; the others are added."""
    script = """
        import beastmode_otel
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        mine = TracerProvider()
        trace.set_tracer_provider(mine)
        telemetry = beastmode_otel.configure()
        print(telemetry.owned, trace.get_tracer_provider() is mine)
        telemetry.shutdown()
        mine.force_flush()
    """
    assert "('metrics', 'logs') True" in run(script, backend, simulator)


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"BEASTMODE_DISABLED": "1"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"},
    ],
)
def test_switches_are_obeyed(backend: Backend, simulator: Simulator, environ: dict[str, str]) -> None:
    """Disabled means that nothing leaves; the program runs as before."""
    run(PROGRAM, backend, simulator, **environ)
    assert backend.requests == []
    assert simulator.received == 1


def test_live_sets_only_what_is_unset(backend: Backend, simulator: Simulator) -> None:
    """The live profile exports within seconds, unless the user's own OTEL_* says otherwise."""
    script = """
        import time, beastmode_otel
        beastmode_otel.configure(live=True)
        router = beastmode_otel.ModelRouter(config)
        router.route("chat", {"messages": []})
        time.sleep(3.5)
        import os; os._exit(0)   # no flush at exit: only what was exported by itself counts
    """
    run(script, backend, simulator)
    assert {"/v1/traces", "/v1/metrics"} <= {path for path, _ in backend.requests}
    backend.requests.clear()
    run(script, backend, simulator, OTEL_METRIC_EXPORT_INTERVAL="60000", OTEL_BSP_SCHEDULE_DELAY="60000")
    assert backend.requests == []


def test_bad_settings_say_what_to_do(simulator: Simulator) -> None:
    """A ConfigError at start-up, not a silent nothing."""
    script = """
        import beastmode_otel
        try:
            beastmode_otel.configure()
        except beastmode_otel.ConfigError as error:
            print(error)
    """
    said = run(script, None, simulator, OTEL_TRACES_EXPORTER="zipkon")
    assert "zipkon" in said


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
@pytest.mark.parametrize("protocol", ["http/json", "carrier-pigeon"])
def test_protocol_that_python_does_not_speak(
    variable: str, protocol: str, backend: Backend, simulator: Simulator
) -> None:
    """One line, and everything arrives by the protocol that the endpoint's port means."""
    script = """
        import io, logging, beastmode_otel
        heard = io.StringIO()
        logging.basicConfig(stream=heard, format="%(message)s")
        telemetry = beastmode_otel.configure(service_name="app")
        print(heard.getvalue())
        with beastmode_otel.ModelRouter(config) as router:
            router.route("chat", {"messages": []})
        telemetry.shutdown()
    """
    said = run(script, backend, simulator, **{variable: protocol}).strip()
    assert said.startswith(f"{variable} is {protocol!r}: ignored, http/protobuf is spoken")
    assert len(said.splitlines()) == 1
    assert {"/v1/traces", "/v1/metrics"} <= {path for path, _ in backend.requests}


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9", "http://127.0.0.1:9/v1/otlp", "127.0.0.1:9"])
@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_exit_does_not_wait_for_an_endpoint_that_is_dead(endpoint: str, protocol: str, simulator: Simulator) -> None:
    """One line instead of twelve seconds and a page of retries."""
    script = """
        import atexit, logging, sys, time
        logging.basicConfig(stream=sys.stdout, format="%(message)s")
        import beastmode_otel
        atexit.register(lambda: print(time.monotonic() - began < 4))
        beastmode_otel.configure(service_name="app")
        with beastmode_otel.ModelRouter(config) as router:
            router.route("chat", {"messages": []})
        began = time.monotonic()
    """
    more = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} if endpoint else {}
    line, quick = run(script, None, simulator, OTEL_EXPORTER_OTLP_PROTOCOL=protocol, **more).strip().splitlines()
    assert line.startswith("telemetry of this process is not exported: nothing listens at ")
    assert ("is not set" in line) == (not endpoint)
    assert "beastmode-otel doctor" in line
    assert quick == "True"


def test_four_children_forked_from_a_configured_parent_count_their_own(backend: Backend, simulator: Simulator) -> None:
    """What the parent had counted is not exported again by its children: the sums over all instances are exact."""
    script = """
        import os, warnings, beastmode_otel
        warnings.simplefilter("ignore", DeprecationWarning)   # Python warns of fork beside threads, which is the point
        telemetry = beastmode_otel.configure(service_name="forking")
        ask = {"messages": [{"role": "user", "content": "hi"}]}
        router = beastmode_otel.ModelRouter(config)
        for _ in range(3):
            router.route("chat", ask)
        children = []
        for number in range(4):
            pid = os.fork()
            if pid == 0:
                for _ in range(5):
                    router.route("chat", ask)
                telemetry.force_flush()
                os._exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        for _ in range(2):
            router.route("chat", ask)
        router.close()
    """
    run(script, backend, simulator)
    for name in ("beastmode.requests.started", "beastmode.request.duration", "beastmode.attempt.duration"):
        assert sorted(backend.sums(name).values()) == [5, 5, 5, 5, 5], name
    assert backend.spans().count("route chat") == 25
    assert simulator.received == 25


def test_a_flush_to_nobody_says_so_in_time(simulator: Simulator) -> None:
    """force_flush is False, and not later than asked, when nothing could be exported."""
    script = """
        import logging, time, beastmode_otel
        logging.disable(logging.CRITICAL)
        telemetry = beastmode_otel.configure()
        with beastmode_otel.ModelRouter(config) as router:
            router.route("chat", {"messages": []})
        began = time.monotonic()
        print(telemetry.force_flush(timeout=0.5), time.monotonic() - began < 8)
        import os; os._exit(0)
    """
    said = run(script, None, simulator, OTEL_EXPORTER_OTLP_ENDPOINT=simulator.refused_url())
    assert "False True" in said
