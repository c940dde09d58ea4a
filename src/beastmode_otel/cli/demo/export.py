"""OTLP export of the demo's telemetry, when the environment names an endpoint; and whether it worked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from beastmode_otel.telemetry.exporters import Results, exporter_factories

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
    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return f"{scheme}{parts.netloc.rpartition('@')[2]}{parts.path}"
