"""Where something of the machine or the installation is missing, calls are answered, and one line says what."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import beastmode_otel
from beastmode_otel.simulator import Simulator

PACKAGE = Path(beastmode_otel.__file__).parent
# A container's user: HOME is not set, and no passwd entry has its uid.
HOMELESS = """
import os, pwd
os.environ.pop("HOME", None)
def nobody(uid): raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = nobody
"""
ASK = """
import asyncio, logging, sys
logging.basicConfig(format="%(message)s")
url, door, world = sys.argv[1:]
body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}], "temperature": 0}
import beastmode_otel
config = {"deployments": {"a": {"base_url": url, "model": "gpt-4o-mini", "provider": "openai"}},
          "routes": {"chat": {"deployments": ["a"]}}, "cache": {"mode": "on"}}
def blocking():
    if door == "router":
        with beastmode_otel.ModelRouter(config) as router:
            return [router.route("chat", body) for _ in range(2)]
    import httpx
    with httpx.Client() as client:
        return [client.post(url + "/chat/completions", json=body) for _ in range(2)]
async def tasks():
    if door == "router":
        async with beastmode_otel.AsyncModelRouter(config) as router:
            return [await router.route("chat", body) for _ in range(2)]
    import httpx
    async with httpx.AsyncClient() as client:
        return [await client.post(url + "/chat/completions", json=body) for _ in range(2)]
if door == "hook":
    beastmode_otel.instrument(cache=True)
answers = blocking() if world == "sync" else asyncio.run(tasks())
for answer in answers:
    print(answer.cost is not None if door == "router" else answer.status_code)
"""


def run(program: str, *words: str, path: Path = PACKAGE.parent, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "BEASTMODE_"))}
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        env={**kept, "PYTHONPATH": str(path), "NO_PROXY": "*", **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(params=["router-sync", "router-async", "hook-sync", "hook-async"])
def door(request: Any) -> list[str]:
    found: list[str] = request.param.split("-")
    return found


def test_user_without_a_home(door: list[str], simulator: Simulator) -> None:
    """The cache works in memory."""
    done = run(HOMELESS + ASK, simulator.url("ok"), *door)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == (["True"] * 2 if door[0] == "router" else ["200"] * 2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("the cache works without its L3: ")
    assert "HOME" in line
    assert simulator.received == 1


@pytest.mark.parametrize("url", ["", "sqlite:///~/cache.db"])
def test_command_line_without_a_home(url: str) -> None:
    """A message, not a traceback."""
    program = HOMELESS + "import sys; from beastmode_otel.cli import main; sys.exit(main(['cache', 'stats']))"
    done = run(program, **({"BEASTMODE_L3_URL": url} if url else {}))
    assert done.returncode == 2
    assert "HOME" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("state", ["missing", "truncated"])
def test_prices_that_are_not_there(state: str, door: list[str], simulator: Simulator, tmp_path: Path) -> None:
    """As in a bundle without data files: the answer is given, what it cost is unknown; a hit costs nothing."""
    package = shutil.copytree(PACKAGE, tmp_path / "beastmode_otel")
    prices = package / "data" / "prices.json"
    if state == "missing":
        shutil.rmtree(prices.parent)
    else:
        prices.write_bytes(prices.read_bytes()[:1000])
    done = run(ASK, simulator.url("ok"), *door, path=tmp_path, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == (["False", "True"] if door[0] == "router" else ["200"] * 2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("list prices cannot be read, and are unknown: ")


def test_pyinstaller_finds_our_hook() -> None:
    """The hook itself was run with a real PyInstaller: see docs/decisions.md."""
    (point,) = [each for each in entry_points(group="pyinstaller40") if each.value.startswith("beastmode_otel.")]
    assert [[name.name for name in Path(folder).glob("hook-*.py")] for folder in point.load()()] == [
        ["hook-beastmode_otel.py"]
    ]
