"""What the processes of a command have reported, read by the doctor that ran it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from beastmode_otel.doctor.catalog import Finding, found


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildReport:
    """instance: its service.instance.id. environ: its OTEL_* variables."""

    pid: int
    instance: str | None
    environ: dict[str, str]
    findings: tuple[Finding, ...]


def read_reports(folder: Path) -> list[ChildReport]:
    """By process id, which is mostly the order of their starts."""
    reports = [_read(path) for path in folder.glob("*.json")]
    return sorted((report for report in reports if report is not None), key=lambda report: report.pid)


def _read(path: Path) -> ChildReport | None:
    try:
        told = json.loads(path.read_text("utf-8"))
        findings = tuple(Finding(**finding) for finding in told["findings"])
        return ChildReport(pid=told["pid"], instance=told["instance"], environ=told["environ"], findings=findings)
    except (ValueError, KeyError, TypeError):  # cut off by a signal
        return None


def merged(reports: Sequence[ChildReport]) -> list[Finding]:
    """The same finding of several processes once, with their ids; and what only all of them together show."""
    if not reports:
        return [found("no_report", "no process reported")]
    seen: dict[Finding, list[int]] = {}
    for report in reports:
        for finding in report.findings:
            seen.setdefault(finding, []).append(report.pid)
    return [*(_of(finding, pids, reports) for finding, pids in seen.items()), *_shared(reports)]


def _of(finding: Finding, pids: Sequence[int], reports: Sequence[ChildReport]) -> Finding:
    if len(pids) == len(reports):
        return finding
    which = f"process {', '.join(map(str, pids))}" if len(pids) < 4 else f"{len(pids)} of {len(reports)} processes"
    return replace(finding, detail=f"{finding.detail} ({which})")


def _shared(reports: Sequence[ChildReport]) -> list[Finding]:
    counts = Counter(report.instance for report in reports if report.instance)
    return [
        found("instance_id_shared", f"{instance!r} was seen in {count} processes")
        for instance, count in counts.items()
        if count > 1
    ]
