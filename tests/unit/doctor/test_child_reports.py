"""What several processes report, as one list."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.doctor.child_report_reader import ChildReport, merged, read_reports


def report(pid: int, *findings: Finding, instance: str | None = None) -> ChildReport:
    return ChildReport(pid=pid, instance=instance, environ={}, findings=findings)


FINE, SLOW = found("sdk_set_up", "traces by others"), found("live_slowed", "metrics")


def test_no_report_is_a_finding() -> None:
    assert [finding.code for finding in merged([])] == ["no_report"]


def test_what_all_say_is_said_once_and_what_some_say_with_their_ids() -> None:
    told = merged([report(1, FINE, SLOW), report(2, FINE)])
    assert [(each.code, each.detail) for each in told] == [
        ("sdk_set_up", "traces by others"),
        ("live_slowed", "metrics (process 1)"),
    ]
    many = [report(number, FINE, *([SLOW] if number > 1 else [])) for number in range(1, 9)]
    assert merged(many)[1].detail == "metrics (7 of 8 processes)"


def test_one_id_in_two_processes() -> None:
    told = merged([report(1, instance="a"), report(2, instance="a"), report(3, instance="b"), report(4)])
    assert [(each.code, each.detail) for each in told] == [("instance_id_shared", "'a' was seen in 2 processes")]


def test_reports_that_were_cut_off_are_left_out(tmp_path: Path) -> None:
    whole = {"pid": 7, "instance": None, "environ": {"OTEL_X": "1"}, "findings": [asdict(FINE)]}
    (tmp_path / "7.json").write_text(json.dumps(whole))
    (tmp_path / "8.json").write_text(json.dumps(whole)[:40])
    (tmp_path / "9.json").write_text("{}")
    (tmp_path / "10.part").write_text("")
    assert read_reports(tmp_path) == [ChildReport(pid=7, instance=None, environ={"OTEL_X": "1"}, findings=(FINE,))]
