"""What the variables and the configuration alone tell: nothing is opened or sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from beastmode_otel.config import load
from beastmode_otel.doctor.catalog import Finding, found, worst
from beastmode_otel.doctor.export_result import TEMPORALITY, deltas
from beastmode_otel.doctor.instance_id import instance_findings
from beastmode_otel.doctor.targets import SIGNALS, exporter_names, setting
from beastmode_otel.errors import ConfigError
from beastmode_otel.telemetry.exporters import exporter_factories
from beastmode_otel.telemetry.setup import LIVE, is_on

SWITCHES: Final = ("OTEL_SDK_DISABLED", "BEASTMODE_DISABLED")
_PROMETHEUS_PATHS: Final = ("/api/v1/otlp", "/otlp/v1/metrics", "/opentelemetry/v1/metrics")


def is_off(environ: Mapping[str, str]) -> bool:
    return any(is_on(switch, environ) for switch in SWITCHES)


def settings_findings(
    environ: Mapping[str, str], *, command: tuple[str, ...] = (), config: str | None = None
) -> list[Finding]:
    """command: what is about to be run, where that is known. config: a path; None: found as the router does."""
    findings = [
        *_off(environ),
        *_config(environ, config),
        *_exporters(environ),
        *_temporality(environ),
        *_live(environ),
        *instance_findings(environ, command),
    ]
    if worst(findings) in ("ok", "info"):
        return [found("settings_fit", f"OTEL_* and BEASTMODE_* variables set: {_set(environ)}"), *findings]
    return findings


def _set(environ: Mapping[str, str]) -> str:
    return str(sum(name.startswith(("OTEL_", "BEASTMODE_")) for name in environ) or "none")


def _off(environ: Mapping[str, str]) -> list[Finding]:
    return [found("telemetry_off", f"{switch} is on") for switch in SWITCHES if is_on(switch, environ)]


def _config(environ: Mapping[str, str], path: str | None) -> list[Finding]:
    try:
        load(path, environ=environ)
    except ConfigError as exc:
        return [found("config_invalid", exc.message, hint="; ".join(exc.hints) or None)]
    return []


def _exporters(environ: Mapping[str, str]) -> list[Finding]:
    findings = []
    for signal in SIGNALS:
        try:
            exporter_factories(signal, environ)
        except ConfigError as exc:
            findings.append(found("exporter_missing", exc.message, hint="; ".join(exc.hints) or None))
        if all(name.lower() == "none" for name in exporter_names(signal, environ)):
            findings.append(found("exporter_none", f"OTEL_{signal.upper()}_EXPORTER=none"))
    return findings


def _temporality(environ: Mapping[str, str]) -> list[Finding]:
    if not deltas(environ):
        return []
    endpoint = setting("metrics", "ENDPOINT", environ) or ""
    prometheus = any(path in endpoint for path in _PROMETHEUS_PATHS)
    detail = f"{TEMPORALITY}={environ[TEMPORALITY]}{', and the endpoint is Prometheus or Mimir' if prometheus else ''}"
    return [found("temporality_delta", detail, severity="problem" if prometheus else "warning")]


def _live(environ: Mapping[str, str]) -> list[Finding]:
    if not is_on("BEASTMODE_LIVE", environ):
        return []
    slow = [name for name, wanted in LIVE.items() if _number(environ.get(name)) > wanted]
    return [found("live_slowed", f"{name}={environ[name]} (live: {LIVE[name]:g})") for name in slow]


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
