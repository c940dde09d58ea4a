"""What no message about an export may show."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from beastmode_otel.doctor.targets import SIGNALS


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Passwords and queries of the OTLP endpoints, values of their headers."""
    found = []
    for prefix in ("OTEL_EXPORTER_OTLP", *(f"OTEL_EXPORTER_OTLP_{signal.upper()}" for signal in SIGNALS)):
        parts = urlsplit(environ.get(f"{prefix}_ENDPOINT", ""))
        pairs = environ.get(f"{prefix}_HEADERS", "").split(",")
        found += [parts.query, parts.netloc.rpartition("@")[0].partition(":")[2]]
        found += [unquote(pair.partition("=")[2]).strip() for pair in pairs]
    return [secret for secret in found if secret]
