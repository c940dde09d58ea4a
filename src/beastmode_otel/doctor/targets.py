"""Where each signal goes, read from the OTEL_* variables in the way the OTLP exporters read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import SplitResult, urlsplit

from beastmode_otel.errors import public_url
from beastmode_otel.telemetry.exporters import protocol

SIGNALS: Final = ("traces", "metrics", "logs")
_EXPLICIT: Final = {"otlp_proto_grpc": "grpc", "otlp_proto_http": "http/protobuf"}
_DEFAULTS: Final = {"grpc": "http://localhost:4317", "http/protobuf": "http://localhost:4318"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportTarget:
    """One place that signals go to. certificate: a file of authorities. signals: those that go there."""

    signals: tuple[str, ...]
    protocol: str
    scheme: str
    host: str
    port: int
    tls: bool
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def exporter_names(signal: str, environ: Mapping[str, str]) -> list[str]:
    """What OTEL_<SIGNAL>_EXPORTER asks for."""
    names = environ.get(f"OTEL_{signal.upper()}_EXPORTER", "") or "otlp"
    return [name.strip() for name in names.split(",") if name.strip()]


def otlp_names(signal: str, environ: Mapping[str, str]) -> list[str]:
    return [name for name in exporter_names(signal, environ) if name == "otlp" or name in _EXPLICIT]


@dataclass(slots=True, kw_only=True)
class Places:
    """Where the signals go. impossible: signals whose endpoint is none. local: those that go to a local socket."""

    targets: list[ExportTarget] = field(default_factory=list)
    impossible: dict[str, list[str]] = field(default_factory=dict)
    local: list[str] = field(default_factory=list)


def places_of(environ: Mapping[str, str]) -> Places:
    """Each place once, with all signals that go there by OTLP."""
    places, targets = Places(), dict[ExportTarget, list[str]]()
    for signal in SIGNALS:
        for name in otlp_names(signal, environ):
            spoken = _EXPLICIT.get(name) or protocol(signal, environ)
            endpoint = setting(signal, "ENDPOINT", environ) or _DEFAULTS[spoken]
            parts = _possible(endpoint, spoken)
            if spoken == "grpc" and endpoint.startswith("unix:"):
                places.local.append(signal)
            elif parts is not None:
                targets.setdefault(_target(signal, spoken, parts, environ), []).append(signal)
            else:
                places.impossible.setdefault(f"{_shown(endpoint)} for {spoken}", []).append(signal)
    places.targets = [replace(target, signals=tuple(signals)) for target, signals in targets.items()]
    return places


def _shown(endpoint: str) -> str:
    """Scheme and host, as far as they can be told."""
    scheme, mark, rest = public_url(endpoint).rpartition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2] or "no host"
    return f"{scheme}{mark}{host}"


def setting(signal: str, name: str, environ: Mapping[str, str]) -> str | None:
    """OTEL_EXPORTER_OTLP_<SIGNAL>_<NAME>, else OTEL_EXPORTER_OTLP_<NAME>."""
    own = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}")
    return own or environ.get(f"OTEL_EXPORTER_OTLP_{name}") or None


def _target(signal: str, spoken: str, parts: SplitResult, environ: Mapping[str, str]) -> ExportTarget:
    tls = parts.scheme == "https" or (spoken == "grpc" and not _insecure(signal, parts.scheme, environ))
    return ExportTarget(
        signals=(),
        protocol=spoken,
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or (443 if tls or spoken == "grpc" else 80),
        tls=tls,
        certificate=setting(signal, "CERTIFICATE", environ) if tls else None,
        client_certificate=setting(signal, "CLIENT_CERTIFICATE", environ) if tls else None,
        client_key=setting(signal, "CLIENT_KEY", environ) if tls else None,
    )


def _possible(endpoint: str, spoken: str) -> SplitResult | None:
    """None where no exporter could go. A password that ends the host's part makes it another address."""
    try:
        parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
        has_port = parts.port is not None
    except ValueError:
        return None
    schemes = ("http", "https") if spoken == "http/protobuf" else ("http", "https", "")
    good = bool(parts.hostname) and parts.scheme in schemes and (has_port or bool(parts.scheme) or spoken == "grpc")
    return parts if good else None


def _insecure(signal: str, scheme: str, environ: Mapping[str, str]) -> bool:
    """gRPC without a scheme is TLS, unless OTEL_EXPORTER_OTLP_INSECURE says otherwise."""
    said = setting(signal, "INSECURE", environ)
    return scheme == "http" if said is None else said.lower() == "true"
