"""What the doctor says about one thing it looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["ok", "info", "warning", "problem"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """code: its name in docs/doctor.md. detail: what was seen here, without secrets. hint: what to do; empty for ok."""

    code: str
    severity: Severity
    title: str
    detail: str = ""
    hint: str = ""


def worst(findings: Iterable[Finding]) -> Severity:
    """The highest severity; ok when there are none."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="ok")
