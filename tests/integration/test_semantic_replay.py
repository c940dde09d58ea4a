"""The replayed trace of benchmarks/semantic/replay.py, short: similar questions add hits, and none of them is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("beastmode_otel_minilm", reason="the README calls the extra `semantic` optional")

REPLAY = Path(__file__).parents[2] / "benchmarks" / "semantic" / "replay.py"


def test_similar_questions_add_hits_where_traffic_repeats_itself_and_nothing_where_it_does_not() -> None:
    arguments = ["--requests", "240", "--intents", "20", "--lives", "3", "--json"]
    done = subprocess.run(
        [sys.executable, "-P", str(REPLAY), *arguments], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    repetitive, slots = told["repetitive"], told["slots"]
    for arms in (repetitive, slots):
        assert {name: arm["wrong"] for name, arm in arms.items()} == dict.fromkeys(arms, 0)
    exact = repetitive["exact, all tiers"]["exact"]
    assert repetitive["exact, L1 alone"]["exact"] < exact
    for profile in ("strict", "balanced", "loose"):
        arm = repetitive[f"semantic, {profile}"]
        assert arm["semantic"] >= 24  # a tenth of the requests
        assert arm["exact"] + arm["semantic"] > exact
        assert "semantic" not in slots[f"semantic, {profile}"]
