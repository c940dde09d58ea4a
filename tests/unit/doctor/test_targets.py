"""The OTLP variables, read as the installed exporters read them: checked against the exporters themselves."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter

from beastmode_otel.doctor.targets import ExportTarget, Places, places_of

ENDPOINT, TRACES = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
GRPC = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


def target(environ: dict[str, str], signal: str = "traces") -> ExportTarget:
    return next(each for each in places_of(environ).targets if signal in each.signals)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {ENDPOINT: "http://collector:4318"},
        {ENDPOINT: "https://collector"},
        {ENDPOINT: "http://collector/base/"},
        {TRACES: "https://user:pass@collector:8443/v1/traces", ENDPOINT: "http://other:1"},
        {ENDPOINT: "http://[::1]:4318"},
    ],
)
def test_http_goes_where_the_exporter_goes(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    exporter = HttpSpanExporter()
    theirs = urlsplit(exporter._endpoint)
    exporter.shutdown()
    ours = target(environ)
    assert (ours.host, ours.tls) == (theirs.hostname, theirs.scheme == "https")
    assert ours.port == (theirs.port or (443 if ours.tls else 80))


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {ENDPOINT: "http://collector:4317"},
        {ENDPOINT: "https://collector:4317"},
        {ENDPOINT: "collector:4317"},
        {ENDPOINT: "collector:4317", "OTEL_EXPORTER_OTLP_INSECURE": "true"},
        {ENDPOINT: "collector:4317", "OTEL_EXPORTER_OTLP_INSECURE": "false"},
        {ENDPOINT: "collector:4317", "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "true"},
        {ENDPOINT: "http://collector:4317", "OTEL_EXPORTER_OTLP_INSECURE": "false"},
        {ENDPOINT: "https://collector:4317", "OTEL_EXPORTER_OTLP_INSECURE": "true"},
    ],
)
def test_grpc_goes_where_the_exporter_goes(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Above all whether it uses TLS, which few guess right."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    exporter = GrpcSpanExporter()
    theirs = exporter._endpoint, exporter._insecure
    exporter.shutdown()
    ours = target(environ | GRPC)
    assert (f"{ours.host}:{ours.port}", not ours.tls) == theirs


def test_one_place_for_all_signals_is_one_target() -> None:
    (only,) = places_of({ENDPOINT: "http://c:4318"}).targets
    assert only.signals == ("traces", "metrics", "logs")
    assert (str(only), only.protocol) == ("c:4318", "http/protobuf")


def test_signals_apart() -> None:
    environ = {ENDPOINT: "http://c:4318", TRACES: "http://t:4317", "OTEL_LOGS_EXPORTER": "none,console"}
    assert {(each.signals, each.host, each.protocol) for each in places_of(environ).targets} == {
        (("traces",), "t", "grpc"),
        (("metrics",), "c", "http/protobuf"),
    }


def test_exporters_that_name_their_protocol_have_it() -> None:
    assert target({"OTEL_TRACES_EXPORTER": "otlp_proto_grpc"}).protocol == "grpc"
    assert target({"OTEL_TRACES_EXPORTER": "console,otlp_proto_http"} | GRPC).protocol == "http/protobuf"


def test_a_local_socket_is_no_target() -> None:
    assert places_of(GRPC | {ENDPOINT: "unix:///run/otel.sock"}) == Places(local=["traces", "metrics", "logs"])


@pytest.mark.parametrize("endpoint", ["collector", "collector:4318", "http://", "http://c:port", "ftp://c", "//c:1"])
def test_impossible_http_endpoints(endpoint: str) -> None:
    places = places_of({ENDPOINT: endpoint})
    assert places.targets == []
    assert list(places.impossible.values()) == [["traces", "metrics", "logs"]]


def test_credentials_are_not_shown() -> None:
    places = places_of({ENDPOINT: "ftp://user:hunter2@c/path?key=hunter2"})
    assert list(places.impossible) == ["ftp://c for http/protobuf"]
