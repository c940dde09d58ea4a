"""All examinations in their order."""

from __future__ import annotations

from collections.abc import Mapping

from beastmode_otel.doctor.catalog import Finding
from beastmode_otel.doctor.network import network_findings
from beastmode_otel.doctor.process import process_findings
from beastmode_otel.doctor.settings import is_off, settings_findings


def outside(environ: Mapping[str, str], *, command: tuple[str, ...] = (), config: str | None = None) -> list[Finding]:
    """What can be told without being the process. environ: os.environ (the exporters read that), or a copy."""
    settings = settings_findings(environ, command=command, config=config)
    return settings if is_off(environ) else [*settings, *network_findings(environ)]


def everything(environ: Mapping[str, str]) -> list[Finding]:
    return [*outside(environ), *process_findings(environ)]
