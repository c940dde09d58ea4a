"""Start-up does the start-up work: the first request of a process imports nothing and reads no file of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.simulator import Behaviour, Simulator

HERE = Path(__file__).parent
DOORS = ("sync", "async", "hook")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made:
        made.define("good", Behaviour(text="fine"))
        made.define("bad", Behaviour(status=500))
        yield made


def run(program: str, *words: str) -> str:
    command = [sys.executable, "-P", str(HERE / program), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def first_requests(simulator: Simulator, door: str, folder: Path, *more: str) -> dict[str, Any]:
    said = run("first_requests.py", door, simulator.url("good"), simulator.url("bad"), str(folder), *more)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


@pytest.mark.parametrize("door", DOORS)
def test_it_imports_nothing_and_opens_no_file_of_ours(door, simulator, tmp_path):
    found = first_requests(simulator, door, tmp_path)
    assert found["texts"][:4] == ["fine"] * 4
    assert len(found["texts"]) == 5, "the error was seen too"
    assert found["imported"] == []
    assert found["opened"] == []


@pytest.mark.parametrize("door", DOORS)
def test_a_paid_answer_is_returned_where_no_descriptor_is_free(door, simulator, tmp_path):
    found = first_requests(simulator, door, tmp_path, "exhausted")
    assert found["texts"] == ["fine"]


@pytest.mark.skipif(not hasattr(sys, "getswitchinterval") or sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("door", ["sync", "async"])
def test_no_child_of_a_fork_in_the_first_request_hangs(door, simulator):
    assert run("first_forks.py", simulator.url("good"), "60", door).split() == ["60", "0", "0"]
