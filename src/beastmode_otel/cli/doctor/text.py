"""The doctor's findings for people: one line each, and below it what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from beastmode_otel.cli.terminal import Style, Tone, wrapped
from beastmode_otel.doctor.catalog import SEVERITIES, Finding, Severity

_TONES: Final[Mapping[Severity, Tone]] = {"ok": "good", "info": "dim", "warning": "warn", "problem": "bad"}
_INDENT: Final = max(map(len, SEVERITIES)) + 4


def lines(findings: Sequence[Finding], style: Style) -> list[str]:
    return [*(line for finding in findings for line in _finding(finding, style)), "", _summary(findings, style)]


def _finding(finding: Finding, style: Style) -> Iterator[str]:
    text = f"{finding.title}: {finding.detail}" if finding.detail else finding.title
    first, *rest = wrapped(text, style, indent=_INDENT)
    severity = style.paint(finding.severity.ljust(_INDENT - 4), _TONES[finding.severity])
    yield f"  {severity}  {first.strip()}"
    yield from rest
    if finding.hint:
        cure = f"{finding.hint} ({finding.code})"
        yield from (style.paint(line, "dim") for line in wrapped(cure, style, indent=_INDENT))


def _summary(findings: Sequence[Finding], style: Style) -> str:
    counts = [(severity, sum(each.severity == severity for each in findings)) for severity in ("problem", "warning")]
    told = [f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts if count]
    text = ", ".join(told) + ": see docs/doctor.md" if told else "no problems"
    tone: Tone = "bad" if counts[0][1] else "warn" if counts[1][1] else "good"
    return f"  {style.paint(text, tone)}"
