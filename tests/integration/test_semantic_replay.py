"""benchmarks/semantic/replay.py in short: what semantic matching adds to the tiers, and that none of it is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it")

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "semantic"
PATIENCE = 400.0
SEMANTIC = ("+ strict", "+ balanced", "+ loose")


def replayed(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(FOLDER / "replay.py"), "--json", "--days", "1", "--lives", "2", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return replayed("--requests", "200")


def test_the_catalogue_has_many_intents_in_many_words() -> None:
    intents = {
        name: text.split("\n")[:-1] for name, text in tomllib.loads((FOLDER / "intents.toml").read_text()).items()
    }
    assert len(intents) >= 60
    assert all(len(wordings) >= 8 and all(wordings) for wordings in intents.values())
    every = [question for wordings in intents.values() for question in wordings]
    assert len({question.lower().rstrip("?.") for question in every}) == len(every)  # no two intents share a wording


@pytest.mark.parametrize("trace", ["shop", "slots"])
def test_every_request_was_answered_by_somebody(told: dict[str, Any], trace: str) -> None:
    for arm in told[trace]["arms"].values():
        calls = arm["provider_calls"] / arm["requests"]
        assert arm["hits"] + calls == pytest.approx(1.0)
        assert sum(arm["by_tier"].values()) == pytest.approx(arm["exact"])


def test_each_step_saves_more_where_people_ask_the_same(told: dict[str, Any]) -> None:
    arms = told["shop"]["arms"]
    assert list(arms) == ["exact, L1", "+ tiers", *SEMANTIC]
    saved = [arm["hits"] for arm in arms.values()]
    assert saved[0] < saved[1] < saved[2]
    assert all(less <= more for less, more in pairwise(saved[2:]))
    assert saved[1] <= 1 - told["shop"]["texts"] / told["shop"]["requests"]
    assert all(arms[name]["semantic"] >= 0.1 for name in SEMANTIC)
    assert arms["+ tiers"]["semantic"] == 0


@pytest.mark.parametrize("trace", ["shop", "slots"])
def test_nothing_is_wrong_with_the_default_profile(told: dict[str, Any], trace: str) -> None:
    for arm in ("exact, L1", "+ tiers", "+ strict"):
        assert told[trace]["arms"][arm]["wrong_pairs"] == []


def test_it_does_not_help_where_look_alikes_are_asked(told: dict[str, Any]) -> None:
    slots = told["slots"]
    possible = 1 - slots["texts"] / slots["requests"]
    assert slots["arms"]["+ strict"]["semantic"] == 0
    assert slots["arms"]["+ strict"]["hits"] <= possible


def test_other_people_s_stream_and_its_wrong_hits(tmp_path: Path) -> None:
    """Labels that say that two wordings are not the same make a hit between them wrong."""
    asked = ["How do I cancel my order?", "How can I cancel my order?", "What is the capital of France?"]
    rows = [{"question": asked[0], "intent": "a"}, {"question": asked[1], "intent": "b"}, {"t": asked[2], "g": "c"}]
    (tmp_path / "labelled.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"a": asked[0], "b": asked[1], "y": 0}) + "\n")
    told = replayed("--stream", str(tmp_path), "--lives", "1", "--processes", "1")
    assert list(told) == ["labelled.jsonl"]
    for name in SEMANTIC:
        arm = told["labelled.jsonl"]["arms"][name]
        assert (arm["requests"], arm["provider_calls"], arm["wrong"]) == (3, 2, 1)
        assert arm["wrong_pairs"] == [[asked[1], asked[0]]]


def test_other_people_s_catalogue_is_drawn_from(tmp_path: Path) -> None:
    texts = ["How do I cancel my order?", "How can I cancel my order?", "I want to cancel my order"]
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(f"{json.dumps({'question': text, 'intent': 'cancel'})}\n" for text in texts))
    told = replayed("--catalogue", str(path), "--requests", "30", "--one-off", "0", "--manner", "0")["labelled.jsonl"]
    assert (told["requests"], told["texts"], told["labels"]) == (30, 3, 1)
    strict, tiers = (told["arms"][name]["provider_calls"] for name in ("+ strict", "+ tiers"))
    assert strict <= tiers <= 10  # 3 where no read is late
