"""The benchmark of the README's figure runs, and what it waits for becomes visible. No time is asserted."""

from __future__ import annotations

import json
from pathlib import Path

from support.stack import Stack, program

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "visible.py"


def test_every_moment_becomes_visible_in_prometheus_and_victorialogs(stack: Stack, tmp_path: Path) -> None:
    urls = tmp_path / "urls.json"
    urls.write_text(json.dumps(stack.urls()), encoding="utf-8")
    running = program(str(BENCHMARK), "--moments", "5", "--json", "--stack", str(urls))
    printed, problems = running.communicate(timeout=240)
    assert running.returncode == 0, problems
    found = json.loads(printed)
    assert found["export_interval"] == 0.5
    assert len(found["waits"]) == 3
    for name, waits in found["waits"].items():
        assert len(waits) == 5, name
        assert all(wait is not None and wait > 0 for wait in waits), (name, waits)
