"""What an exporter's answer means. The exporters only log it: status code, gRPC code or words."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.doctor.probe import SECONDS, ProbeResult
from beastmode_otel.errors import Redactor

_BY_STATUS: Final = {
    401: "export_unauthorized",
    403: "export_forbidden",
    **dict.fromkeys((404, 405, 415), "export_no_such_path"),
    **dict.fromkeys((429, 502, 503, 504), "export_busy"),
}
_BY_GRPC: Final = {
    "UNAUTHENTICATED": "export_unauthorized",
    "PERMISSION_DENIED": "export_forbidden",
    "UNIMPLEMENTED": "export_no_such_path",
    "UNAVAILABLE": "export_busy",
    "RESOURCE_EXHAUSTED": "export_busy",
    "DEADLINE_EXCEEDED": "export_timeout",
}
_PHRASES: Final = {status.phrase: status.value for status in HTTPStatus}
_LONGEST: Final = 300
TEMPORALITY: Final = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"


def export_finding(signal: str, tried: ProbeResult | None, environ: Mapping[str, str], redact: Redactor) -> Finding:
    """tried: None when it was not done in time."""
    if tried is None:
        return found("export_timeout", f"{signal}: nothing within the time allowed")
    if tried.accepted:
        return found("export_accepted", signal)
    codes = [code for record in tried.said for code in _codes(record)]
    words = redact(_words(tried.said))
    code = next((code for code in codes if code != "export_rejected"), "export_rejected" if codes else _wordless(words))
    if signal == "metrics" and code in ("export_rejected", "export_timeout") and deltas(environ):
        code = "export_temporality"
    return found(code, f"{signal}: {words or f'no answer within {SECONDS:g} s'}")


def deltas(environ: Mapping[str, str]) -> bool:
    return environ.get(TEMPORALITY, "").strip().lower() in ("delta", "lowmemory")


def _codes(record: logging.LogRecord) -> list[str]:
    values = record.args if isinstance(record.args, tuple) else ()
    return [code for value in values for code in _code(value)]


def _code(value: object) -> list[str]:
    status = _PHRASES.get(value) if isinstance(value, str) else value
    if isinstance(status, int) and 400 <= status <= 599:
        return [_BY_STATUS.get(status, "export_rejected")]
    name = getattr(value, "name", None)  # grpc.StatusCode
    return [_BY_GRPC.get(name, "export_rejected")] if isinstance(name, str) and name.isupper() else []


def _wordless(words: str) -> str:
    late = any(part in words.lower() for part in ("timeout", "timed out"))
    return "export_timeout" if late or not words else "export_rejected"


def _words(said: list[logging.LogRecord]) -> str:
    """The first complaint has the reason; the last, after the retries, often only says that they were in vain."""
    texts = [record.getMessage() for record in said if record.levelno >= logging.WARNING]
    return " ".join((texts[0] if texts else "").split())[:_LONGEST]
