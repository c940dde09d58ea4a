"""`beastmode-otel doctor` against real endpoints that misbehave, each in its own way."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

import beastmode_otel
from livestack.ports import free_ports
from support.otlp_sink import NEVER, OtlpSink

SOURCE = str(Path(beastmode_otel.__file__).parents[1])
PATIENCE = 60.0
LIMIT = 15.0  # seconds that the doctor may take, whatever hangs
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"


def environment(**more: str) -> dict[str, str]:
    unwanted = ("OTEL_", "BEASTMODE_", "WEB_CONCURRENCY", "GUNICORN_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GRPC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "PYTHONPATH": SOURCE, "NO_PROXY": "*", **more}


def command(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "beastmode_otel.cli", "doctor", *words],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def doctor(*words: str, **more: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit status, and the findings by code (the first of each)."""
    done = command("--json", *words, **more)
    assert done.stderr == "", done.stderr
    findings = json.loads(done.stdout)["findings"]
    return done.returncode, {finding["code"]: finding for finding in reversed(findings)}


def problems(findings: dict[str, dict[str, Any]]) -> set[str]:
    return {code for code, finding in findings.items() if finding["severity"] == "problem"}


# Endpoints.


@contextmanager
def grpc_server(
    refuse: grpc.StatusCode | None = None, credentials: grpc.ServerCredentials | None = None, sleep: bool = False
) -> Iterator[tuple[int, list[Any]]]:
    """A real OTLP/gRPC receiver."""
    received: list[Any] = []
    end = threading.Event()

    def servicer(base: Any, response: Any) -> Any:
        class Servicer(base):
            def Export(self, request: Any, context: grpc.ServicerContext) -> Any:
                if refuse is not None:
                    context.abort(refuse, "not you")
                if sleep:
                    end.wait()
                received.append(request)
                return response()

        return Servicer()

    server = grpc.server(ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(
        servicer(trace_service_pb2_grpc.TraceServiceServicer, trace_service_pb2.ExportTraceServiceResponse), server
    )
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(
        servicer(metrics_service_pb2_grpc.MetricsServiceServicer, metrics_service_pb2.ExportMetricsServiceResponse),
        server,
    )
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(
        servicer(logs_service_pb2_grpc.LogsServiceServicer, logs_service_pb2.ExportLogsServiceResponse), server
    )
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield port, received
    finally:
        end.set()
        server.stop(0).wait()


@contextmanager
def listener(answer: bytes | None) -> Iterator[int]:
    """Accepts connections and says `answer` to each; None: nothing, and keeps them open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                if answer is not None:
                    connection.sendall(answer)
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


# Certificates.


class Authority:
    """Certificates made by openssl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
                      "-days", "2", "-subj", "/CN=private authority")  # fmt: skip

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def self_signed(self) -> tuple[Path, Path]:
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "self.key", "-out", "self.pem",
                      "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                      "-addext", "basicConstraints=critical,CA:FALSE")  # fmt: skip
        return self.folder / "self.pem", self.folder / "self.key"

    def issued(
        self, name: str, *, host: str = "IP:127.0.0.1", dates: tuple[str, ...] = ("-days", "2")
    ) -> tuple[Path, Path]:
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={host}\n")
        self._openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                      "-subj", f"/CN={name}")  # fmt: skip
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                      "-out", f"{name}.pem", "-extfile", f"{name}.ext", *dates)  # fmt: skip
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    @property
    def certificate(self) -> str:
        return str(self.folder / "ca.pem")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def context(pair: tuple[Path, Path], *, client_authority: str | None = None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*pair)
    if client_authority:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(client_authority)
    return made


# What works.


def test_a_good_endpoint_gets_one_span_one_metric_and_one_log() -> None:
    with OtlpSink() as sink:
        status, findings = doctor(**{ENDPOINT: sink.url})
    assert status == 0
    assert set(findings) == {"settings_fit", "cache_off", "endpoint_answers", "export_accepted"}
    assert [span.name for span in sink.spans()] == ["beastmode.doctor"]
    assert list(sink.counts("beastmode.doctor").values()) == [1]
    assert [record.event_name for record in sink.logs()] == ["beastmode.doctor"]


def test_a_good_grpc_endpoint() -> None:
    with grpc_server() as (port, received):
        status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{port}", PROTOCOL: "grpc"})
    assert (status, problems(findings)) == (0, set())
    assert {type(request).__name__ for request in received} == {
        "ExportTraceServiceRequest",
        "ExportMetricsServiceRequest",
        "ExportLogsServiceRequest",
    }


def test_valid_tls(authority: Authority) -> None:
    with OtlpSink(tls=context(authority.issued("good"))) as sink:
        status, findings = doctor(**{ENDPOINT: sink.url, "OTEL_EXPORTER_OTLP_CERTIFICATE": authority.certificate})
    assert (status, problems(findings)) == (0, set())
    assert len(sink.received) == 3


def test_valid_tls_with_grpc(authority: Authority) -> None:
    certificate, key = authority.issued("good-grpc")
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    with grpc_server(credentials=credentials) as (port, received):
        trusted = {"OTEL_EXPORTER_OTLP_CERTIFICATE": authority.certificate}
        status, findings = doctor(**{ENDPOINT: f"https://127.0.0.1:{port}", PROTOCOL: "grpc", **trusted})
    assert (status, problems(findings)) == (0, set())
    assert len(received) == 3


def test_mutual_tls(authority: Authority) -> None:
    """With the client's certificate it works; without, the server's refusal is understood."""
    certificate, key = authority.issued("client")
    tls = context(authority.issued("mutual"), client_authority=authority.certificate)
    trusted = {"OTEL_EXPORTER_OTLP_CERTIFICATE": authority.certificate}
    own = {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(certificate), "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(key)}
    with OtlpSink(tls=tls) as sink:
        status, findings = doctor(**{ENDPOINT: sink.url, **trusted, **own})
        assert (status, problems(findings)) == (0, set())
        status, findings = doctor(**{ENDPOINT: sink.url, **trusted})
    assert (status, problems(findings)) == (1, {"tls_client_certificate"})


# What does not.


def test_a_closed_port() -> None:
    status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{free_ports(1)[0]}"})
    assert (status, problems(findings)) == (1, {"endpoint_refused"})


def test_an_unknown_host() -> None:
    status, findings = doctor(**{ENDPOINT: "http://collector.invalid:4318"})
    assert status == 1
    assert problems(findings) <= {"endpoint_unknown_host", "endpoint_timeout"}  # as the resolver is reachable or not


@pytest.mark.parametrize(
    ("endpoint", "protocol"),
    [("collector", "http/protobuf"), ("http://", "http/protobuf"), ("http://h:99999", "grpc"), ("ftp://h:1", "grpc")],
)
def test_an_endpoint_that_is_none(endpoint: str, protocol: str) -> None:
    status, findings = doctor(**{ENDPOINT: endpoint, PROTOCOL: protocol})
    assert (status, problems(findings)) == (1, {"endpoint_invalid"})
    assert "traces, metrics, logs" in findings["endpoint_invalid"]["detail"]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_server_that_says_nothing_does_not_hang_the_doctor(protocol: str) -> None:
    with listener(None) as port:
        start = time.monotonic()
        status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{port}", PROTOCOL: protocol})
        took = time.monotonic() - start
    assert (status, problems(findings)) == (1, {"endpoint_silent"})
    assert took < PATIENCE / 2, "not a measurement: a hang is what this excludes"


def test_a_server_of_another_kind() -> None:
    with listener(b"220 mail.example ESMTP ready\r\n") as port:
        status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{port}"})
    assert (status, problems(findings)) == (1, {"endpoint_silent"})


def test_a_proxy_is_named_and_the_export_goes_through_it() -> None:
    """This one refuses what it gets; the host behind it cannot even be resolved from here."""
    with OtlpSink(403) as proxy:
        through = {"http_proxy": proxy.url, "NO_PROXY": "", "no_proxy": ""}
        status, findings = doctor(**{ENDPOINT: "http://collector.invalid:4318", **through})
    assert (status, problems(findings)) == (1, {"export_no_such_path"})
    assert findings["endpoint_proxied"]["severity"] == "info"


def test_http_sent_to_a_grpc_port() -> None:
    with grpc_server() as (port, received):
        status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{port}"})
    assert (status, problems(findings), received) == (1, {"http_to_grpc"}, [])
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=grpc" in findings["http_to_grpc"]["hint"]


def test_grpc_sent_to_an_http_port() -> None:
    with OtlpSink() as sink:
        status, findings = doctor(**{ENDPOINT: sink.url, PROTOCOL: "grpc"})
    assert (status, problems(findings)) == (1, {"grpc_to_http"})
    assert "http/protobuf" in findings["grpc_to_http"]["hint"]


def test_signals_may_go_to_different_places() -> None:
    """Each is judged by itself: what works is tried, what does not is named."""
    with OtlpSink() as sink, grpc_server() as (port, _):
        traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}"}
        status, findings = doctor(**{ENDPOINT: sink.url, **traces})
    assert (status, problems(findings)) == (1, {"http_to_grpc"})
    assert findings["http_to_grpc"]["detail"].endswith("for traces")
    assert {path for path, _ in sink.received} == {"/v1/metrics", "/v1/logs"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [(401, "export_unauthorized"), (403, "export_forbidden"), (404, "export_no_such_path"), (503, "export_busy"),
     (429, "export_busy"), (400, "export_rejected"), (500, "export_rejected")],
)  # fmt: skip
def test_http_refusals_are_told_apart(answer: int, code: str) -> None:
    with OtlpSink(answer) as sink:
        status, findings = doctor(**{ENDPOINT: sink.url})
    assert (status, problems(findings)) == (1, {code})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "export_unauthorized"),
        (grpc.StatusCode.PERMISSION_DENIED, "export_forbidden"),
        (grpc.StatusCode.UNIMPLEMENTED, "export_no_such_path"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "export_busy"),
        (grpc.StatusCode.INTERNAL, "export_rejected"),
    ],
)
def test_grpc_refusals_are_told_apart(answer: grpc.StatusCode, code: str) -> None:
    with grpc_server(answer) as (port, _):
        status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{port}", PROTOCOL: "grpc"})
    assert (status, problems(findings)) == (1, {code})


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_export_that_is_never_answered(protocol: str) -> None:
    with OtlpSink(NEVER) as sink, grpc_server(sleep=True) as (port, _):
        endpoint = sink.url if protocol == "http/protobuf" else f"http://127.0.0.1:{port}"
        status, findings = doctor(**{ENDPOINT: endpoint, PROTOCOL: protocol})
    assert (status, problems(findings)) == (1, {"export_timeout"})


def test_one_signal_refused() -> None:
    with OtlpSink({"/v1/logs": 403}) as sink:
        status, findings = doctor(**{ENDPOINT: sink.url})
    assert (status, problems(findings)) == (1, {"export_forbidden"})
    assert findings["export_forbidden"]["detail"].startswith("logs:")


def test_deltas_refused_as_prometheus_does() -> None:
    delta = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"}
    with OtlpSink({"/v1/metrics": 500}) as sink:
        status, findings = doctor(**{ENDPOINT: sink.url, **delta})
    assert (status, problems(findings)) == (1, {"export_temporality"})
    assert findings["temporality_delta"]["severity"] == "warning"


def test_a_secret_is_never_shown() -> None:
    """Not from headers, not from the address: in whatever way the export fails."""
    secret = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20dXNlcjpodW50ZXIy,x-key=hunter2hunter2"}
    with OtlpSink(401) as sink:
        done = command(**{ENDPOINT: sink.url.replace("://", "://user:hunter2hunter2@"), **secret})
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert "dXNlcjpodW50ZXIy" not in done.stdout + done.stderr


# TLS.


def test_a_self_signed_certificate_and_its_cure(authority: Authority) -> None:
    certificate, key = authority.self_signed()
    with OtlpSink(tls=context((certificate, key))) as sink:
        status, findings = doctor(**{ENDPOINT: sink.url})
        assert (status, problems(findings)) == (1, {"tls_self_signed"})
        status, findings = doctor(**{ENDPOINT: sink.url, "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate)})
    assert (status, problems(findings)) == (0, set())


def test_an_unknown_authority(authority: Authority) -> None:
    with OtlpSink(tls=context(authority.issued("unknown"))) as sink:
        status, findings = doctor(**{ENDPOINT: sink.url})
    assert (status, problems(findings)) == (1, {"tls_unknown_authority"})


def test_a_bundle_that_overrides_the_certificate(authority: Authority) -> None:
    """requests prefers its own variable: the certificate is right, and yet every export fails."""
    certificate, key = authority.self_signed()
    own = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate), "REQUESTS_CA_BUNDLE": authority.certificate}
    with OtlpSink(tls=context((certificate, key))) as sink:
        status, findings = doctor(**{ENDPOINT: sink.url, **own})
        assert (status, problems(findings)) == (1, {"tls_bundle_wins"})
        status, findings = doctor(**{ENDPOINT: sink.url, **own, "REQUESTS_CA_BUNDLE": str(certificate)})
    assert (status, problems(findings)) == (0, set())


def test_another_host(authority: Authority) -> None:
    with OtlpSink(tls=context(authority.issued("other", host="DNS:collector.example"))) as sink:
        trusted = {"OTEL_EXPORTER_OTLP_CERTIFICATE": authority.certificate}
        status, findings = doctor(**{ENDPOINT: sink.url, **trusted})
    assert (status, problems(findings)) == (1, {"tls_wrong_host"})


def test_an_expired_certificate(authority: Authority) -> None:
    with OtlpSink(tls=context(authority.issued("old", dates=("-days", "-1")))) as sink:
        trusted = {"OTEL_EXPORTER_OTLP_CERTIFICATE": authority.certificate}
        status, findings = doctor(**{ENDPOINT: sink.url, **trusted})
    assert (status, problems(findings)) == (1, {"tls_expired"})


def test_a_self_signed_certificate_of_a_grpc_server(authority: Authority) -> None:
    certificate, key = authority.self_signed()
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    with grpc_server(credentials=credentials) as (port, _):
        status, findings = doctor(**{ENDPOINT: f"https://127.0.0.1:{port}", PROTOCOL: "grpc"})
    assert (status, problems(findings)) == (1, {"tls_self_signed"})


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_plain_text_to_a_tls_port(authority: Authority, protocol: str) -> None:
    with OtlpSink(tls=context(authority.issued("plain"))) as sink:
        status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{sink.port}", PROTOCOL: protocol})
    assert (status, problems(findings)) == (1, {"tls_missing"})


def test_plain_text_to_a_tls_grpc_port(authority: Authority) -> None:
    certificate, key = authority.issued("plain-grpc")
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    with grpc_server(credentials=credentials) as (port, _):
        status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{port}", PROTOCOL: "grpc"})
    assert (status, problems(findings)) == (1, {"tls_missing"})


def test_plain_text_to_a_server_that_answers_it_in_words() -> None:
    """Go and nginx say in plain HTTP that they want HTTPS."""
    page = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
    with listener(page) as port:
        status, findings = doctor(**{ENDPOINT: f"http://127.0.0.1:{port}"})
    assert (status, problems(findings)) == (1, {"tls_missing"})


def test_tls_to_a_plain_port() -> None:
    with OtlpSink() as sink:
        status, findings = doctor(**{ENDPOINT: f"https://127.0.0.1:{sink.port}"})
    assert (status, problems(findings)) == (1, {"tls_unexpected"})


def test_grpc_without_a_scheme_means_tls() -> None:
    """The exporter's rule that surprises most: host:4317 alone is not plain text."""
    with grpc_server() as (port, received):
        status, findings = doctor(**{ENDPOINT: f"127.0.0.1:{port}", PROTOCOL: "grpc"})
        assert (status, problems(findings)) == (1, {"tls_unexpected"})
        plain = {"OTEL_EXPORTER_OTLP_INSECURE": "true"}
        status, findings = doctor(**{ENDPOINT: f"127.0.0.1:{port}", PROTOCOL: "grpc", **plain})
    assert (status, problems(findings), len(received)) == (0, set(), 3)


def test_a_certificate_file_that_is_not_there() -> None:
    missing = {"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere/ca.pem"}
    with OtlpSink() as sink:
        status, findings = doctor(**{ENDPOINT: f"https://127.0.0.1:{sink.port}", **missing})
    assert (status, problems(findings)) == (1, {"tls_file"})


# Settings.


@pytest.mark.parametrize("switch", ["OTEL_SDK_DISABLED", "BEASTMODE_DISABLED"])
def test_switched_off_telemetry_is_named_and_nothing_is_sent(switch: str) -> None:
    with OtlpSink() as sink:
        status, findings = doctor(**{ENDPOINT: sink.url, switch: "true"})
    assert (status, set(findings), sink.received) == (0, {"telemetry_off", "cache_off"}, [])


def test_a_signal_that_is_not_exported_is_not_tried() -> None:
    with OtlpSink() as sink:
        status, findings = doctor(**{ENDPOINT: sink.url, "OTEL_LOGS_EXPORTER": "none"})
    assert (status, findings["exporter_none"]["severity"]) == (0, "warning")
    assert {path for path, _ in sink.received} == {"/v1/traces", "/v1/metrics"}


def test_exporter_that_nobody_offers_and_protocol_that_nobody_speaks() -> None:
    with OtlpSink() as sink:
        status, findings = doctor(**{ENDPOINT: sink.url, "OTEL_TRACES_EXPORTER": "zipkon"})
        assert (status, problems(findings)) == (1, {"exporter_missing"})
        assert "zipkon" in findings["exporter_missing"]["detail"]
        status, findings = doctor(**{ENDPOINT: sink.url, PROTOCOL: "http/json"})
    assert (status, problems(findings)) == (0, set())
    assert findings["protocol_ignored"]["severity"] == "warning"
    assert "'http/json': ignored, http/protobuf is spoken" in findings["protocol_ignored"]["detail"]


def test_a_configuration_that_cannot_work(tmp_path: Path) -> None:
    path = tmp_path / "beastmode.toml"
    path.write_text("[routes.chat]\ndeployments = ['nowhere']\n")
    with OtlpSink() as sink:
        status, findings = doctor("--config", str(path), **{ENDPOINT: sink.url})
    assert (status, problems(findings)) == (1, {"config_invalid"})
    assert "nowhere" in findings["config_invalid"]["detail"]


def test_the_secrets_of_an_overlay() -> None:
    """A shipped overlay by its name; unset and empty are the same to the Collector."""
    with OtlpSink() as sink:
        endpoint = {ENDPOINT: sink.url}
        status, findings = doctor("--overlay", "backend-honeycomb", **endpoint)
        assert (status, problems(findings)) == (1, {"secret_missing"})
        name = findings["secret_missing"]["detail"].rpartition(" ")[2]
        assert doctor("--overlay", "backend-honeycomb", **endpoint, **{name: ""})[0] == 1
        assert doctor("--overlay", "backend-honeycomb", **endpoint, **{name: "secret"})[0] == 0
        done = command("--overlay", "backend-nobody", **endpoint)
    assert done.returncode == 1
    assert "backend-honeycomb" in done.stderr


def test_output_for_people_says_what_to_do() -> None:
    done = command(**{ENDPOINT: f"http://127.0.0.1:{free_ports(1)[0]}"})
    assert done.returncode == 1
    assert "  ok       the settings fit together" in done.stdout
    assert "  problem  nothing listens at the endpoint: 127.0.0.1:" in done.stdout
    assert "Start the Collector" in done.stdout
    assert done.stdout.rstrip().endswith("1 problem: see docs/doctor.md")
    assert max(map(len, done.stdout.splitlines())) <= 80


# From inside a program.

PROGRAM = """
import os, sys
import beastmode_otel
from beastmode_otel.simulator import Simulator

def router(simulator, **more):
    deployments = {"a": {"base_url": simulator.url("ok"), "model": "m"}}
    return beastmode_otel.ModelRouter({"deployments": deployments, "routes": {"chat": {"deployments": ["a"]}}}, **more)

def ask(router):
    return router.route("chat", {"messages": [{"role": "user", "content": "hi"}]})

"""


def inside(script: str, *words: str, **more: str) -> tuple[subprocess.CompletedProcess[str], dict[str, dict[str, Any]]]:
    program = [sys.executable, "-W", "ignore", "-c", PROGRAM + script]
    done = command("--json", *words, "--", *program, **more)
    findings = json.loads(done.stderr[done.stderr.index("{\n") :])["findings"]
    return done, {finding["code"]: finding for finding in reversed(findings)}


def test_a_program_that_works() -> None:
    """Its output is its own; the doctor sees its SDK, its exports arrive, and the probes beside them."""
    script = """
beastmode_otel.configure(service_name="shop")
with Simulator() as simulator, router(simulator) as chat:
    ask(chat)
print("hello")
"""
    with OtlpSink() as sink:
        done, findings = inside(script, **{ENDPOINT: sink.url})
    assert (done.returncode, done.stdout, problems(findings)) == (0, "hello\n", set())
    assert findings["sdk_set_up"]["detail"] == "traces by configure(), metrics by configure(), logs by configure()"
    assert sum(sink.counts("beastmode.requests.started").values()) == 1


def test_the_programs_input_and_exit_status_are_its_own() -> None:
    script = "sys.stdout.write(sys.stdin.read().upper()); sys.exit(7)"
    with OtlpSink() as sink:
        done = subprocess.run(
            [sys.executable, "-m", "beastmode_otel.cli", "doctor", "--", sys.executable, "-c", PROGRAM + script],
            env=environment(**{ENDPOINT: sink.url}), input="loud", capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (7, "LOUD")
    assert "the command failed: exit status 7" in done.stderr


def test_a_program_without_an_sdk() -> None:
    with OtlpSink() as sink:
        done, findings = inside("", **{ENDPOINT: sink.url})
    assert (done.returncode, problems(findings)) == (1, {"sdk_not_set_up"})


def test_a_program_that_is_not_ours() -> None:
    with OtlpSink() as sink:
        done = command("--json", "--", sys.executable, "-c", "print('plain')", **{ENDPOINT: sink.url})
    assert (done.returncode, done.stdout) == (0, "plain\n")
    assert [each["code"] for each in json.loads(done.stderr)["findings"]][-1] == "no_report"


def test_a_command_that_does_not_exist() -> None:
    with OtlpSink() as sink:
        done = command("--", "no-such-command-here", **{ENDPOINT: sink.url})
    assert done.returncode == 127
    assert "no-such-command-here: command not found" in done.stderr


def test_what_the_program_sets_itself_is_what_is_examined() -> None:
    """As from a .env file: the doctor looks where the program really exports to."""
    with OtlpSink() as sink:
        script = f"os.environ['{ENDPOINT}'] = '{sink.url}'\nbeastmode_otel.configure()"
        done, findings = inside(script, **{ENDPOINT: f"http://127.0.0.1:{free_ports(1)[0]}"})
    assert (done.returncode, problems(findings)) == (0, set())
    assert len(sink.received) == 3


FORKING = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
if {own}:
    metrics.set_meter_provider(MeterProvider())
beastmode_otel.configure()
with Simulator() as simulator, router(simulator) as chat:
    for _ in range({before}):
        ask(chat)
    child = os.fork()
    if child == 0:
        ask(chat)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize(("own", "before", "severity"), [(True, 1, "warning"), (True, 0, None), (False, 1, None)])
def test_a_fork_after_recording(own: bool, before: int, severity: str | None) -> None:
    """Said where it does harm: a meter provider of the program's own, and something recorded before."""
    with OtlpSink() as sink:
        _, findings = inside(FORKING.format(own=own, before=before), **{ENDPOINT: sink.url})
    assert findings.get("fork_after_recording", {}).get("severity") == severity


def test_a_forked_child_that_lives_long_enough_says_it_itself() -> None:
    script = FORKING.format(own=True, before=1).replace("os._exit(0)", "sys.exit(0)")
    with OtlpSink() as sink:
        done, findings = inside(script, **{ENDPOINT: sink.url})
    assert findings["fork_after_recording"]["severity"] in ("problem", "warning")
    codes = [
        (each["code"], each["severity"]) for each in json.loads(done.stderr[done.stderr.index("{\n") :])["findings"]
    ]
    assert {("fork_after_recording", "problem"), ("fork_after_recording", "warning")} <= set(codes)


def test_two_processes_with_one_id_are_seen() -> None:
    script = """
beastmode_otel.configure()
import subprocess
if len(sys.argv) < 2:
    again = "import beastmode_otel; beastmode_otel.configure()"
    subprocess.run([sys.executable, "-c", again, "child"], check=True)
"""
    fixed = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=one"}
    with OtlpSink() as sink:
        done, findings = inside(script, **{ENDPOINT: sink.url, **fixed})
        assert (done.returncode, problems(findings)) == (1, {"instance_id_shared"})
        assert "'one' was seen in 2 processes" in findings["instance_id_shared"]["detail"]
        done, findings = inside(script, **{ENDPOINT: sink.url})
    assert (done.returncode, problems(findings)) == (0, set())


def test_exports_that_fail_are_seen_from_inside() -> None:
    script = """
beastmode_otel.configure()
with Simulator() as simulator, router(simulator) as chat:
    ask(chat)
"""
    with OtlpSink({"/v1/traces": 401}) as sink:
        _, findings = inside(script, **{ENDPOINT: sink.url})
    assert findings["export_failing"]["detail"] == "traces: 1 of 1 exports failed"
    assert "export_unauthorized" in findings


def test_overflows_are_seen_from_inside() -> None:
    """The SDK's limit of label sets, and the bounds of our own labels."""
    script = """
beastmode_otel.configure()
from opentelemetry import metrics
counter = metrics.get_meter("mine").create_counter("mine.requests")
for number in range(2_100):
    counter.add(1, {"user": number})
with Simulator() as simulator:
    deployments = {"a": {"base_url": simulator.url("ok"), "model": "m"}}
    routes = {f"chat{number}": {"deployments": ["a"]} for number in range(40)}
    with beastmode_otel.ModelRouter({"deployments": deployments, "routes": routes}) as chat:
        chat.route("chat1", {"messages": []})
"""
    with OtlpSink() as sink:
        _, findings = inside(script, **{ENDPOINT: sink.url})
    assert findings["cardinality_overflow"]["detail"] == "mine.requests"
    assert findings["labels_folded"]["detail"] == "too many models"


def test_live_beside_a_foreign_sdk_is_slow() -> None:
    script = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
metrics.set_meter_provider(MeterProvider())
beastmode_otel.configure(live=True)
"""
    with OtlpSink() as sink:
        _, findings = inside(script, **{ENDPOINT: sink.url})
        assert findings["live_slowed"]["detail"].startswith("metrics: set up by others")
        _, findings = inside("beastmode_otel.configure(live=True)", **{ENDPOINT: sink.url})
        assert "live_slowed" not in findings
        slow = {"OTEL_METRIC_EXPORT_INTERVAL": "60000", "BEASTMODE_LIVE": "1"}
        _, findings = inside("beastmode_otel.configure()", **{ENDPOINT: sink.url, **slow})
    assert findings["live_slowed"]["detail"].startswith("OTEL_METRIC_EXPORT_INTERVAL=60000")


def test_libraries_whose_calls_cannot_be_seen(tmp_path: Path) -> None:
    (tmp_path / "botocore.py").write_text("")
    script = f"sys.path.insert(0, {str(tmp_path)!r}); import botocore, grpc; beastmode_otel.configure()"
    with OtlpSink() as sink:
        done, findings = inside(script, **{ENDPOINT: sink.url})
    assert done.returncode == 0
    assert (findings["library_unseen"]["severity"], findings["library_unseen"]["detail"]) == (
        "info",
        "botocore: Bedrock",
    )


def test_a_program_ended_by_a_signal_has_reported_before() -> None:
    """Servers end their workers so; nothing runs at exit then. The status is as a shell reports it."""
    script = """
beastmode_otel.configure()
import glob, signal, time
folder = os.environ["BEASTMODE_DOCTOR_REPORT"]
while not any("sdk_set_up" in open(report).read() for report in glob.glob(f"{folder}/*.json")):
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with OtlpSink() as sink:
        done, findings = inside(script, **{ENDPOINT: sink.url})
    assert done.returncode == 128 + 9
    assert "sdk_set_up" in findings
    assert findings["command_failed"]["severity"] == "warning"


def test_sigterm_reaches_the_command() -> None:
    script = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("ready", flush=True)
time.sleep(60)
"""
    with OtlpSink() as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "beastmode_otel.cli", "doctor", "--", sys.executable, "-c", PROGRAM + script],
            env=environment(**{ENDPOINT: sink.url}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 5


def test_diagnose_in_a_running_program() -> None:
    """The same findings as a value, without a command."""
    script = """
beastmode_otel.configure()
findings = beastmode_otel.diagnose()
print([(each.code, each.severity) for each in findings if each.severity != "info"])
"""
    with OtlpSink() as sink:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", PROGRAM + script],
            env=environment(**{ENDPOINT: sink.url}), capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    accepted = [("export_accepted", "ok")] * 3
    assert done.stdout.strip() == str(
        [("settings_fit", "ok"), ("endpoint_answers", "ok"), *accepted, ("sdk_set_up", "ok")]
    )


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """The private directory with the program's OTEL_* variables goes with the doctor."""
    with OtlpSink() as sink:
        inside("beastmode_otel.configure()", **{ENDPOINT: sink.url, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
