"""What every scope records to: one tracer, one logger, one set of instruments, and the rules of this router."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry._logs import Logger
from opentelemetry.trace import Tracer

from beastmode_otel.errors import Redactor
from beastmode_otel.telemetry.content import Capture
from beastmode_otel.telemetry.instruments import Instruments


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """labels: the allow-list of the team's own labels. per_chunk: record the time between chunks."""

    tracer: Tracer
    logger: Logger
    instruments: Instruments
    redact: Redactor
    capture: Capture
    labels: tuple[str, ...] = ()
    per_chunk: bool = False
