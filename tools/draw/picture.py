"""Draws the pictures of the README: real traffic into real stores, drawn with Grafana's npm components.

    python tools/draw/picture.py [--seconds 150] [--out docs/img]

Needs Node.js, Chromium and the programs of `make stack-build`. Writes overview.png, models.png, cache.png and
errors.png, and ends with status 1, telling what is wrong, when a panel has an error or no data.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DRAW = ROOT / "tools" / "draw"
BOARDS = ("overview", "models", "cache", "errors")
QUIET = 4.0  # seconds at either end of the load that no picture shows: rates rise and fall there
STARTING = 120.0  # seconds that the stack may take


def ready() -> None:
    """npm's packages, as the lock file has them."""
    if not shutil.which("npm"):
        raise SystemExit("Node.js is missing: install it (apt-get install nodejs npm)")
    if not (DRAW / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--no-progress", "--loglevel=error"], cwd=DRAW, check=True)


@contextlib.contextmanager
def stack() -> Iterator[dict[str, str]]:
    """The stack's URLs by name, from here to the end of the block."""
    with tempfile.TemporaryDirectory() as folder:
        ports = Path(folder) / "ports.json"
        command = [sys.executable, str(ROOT / "tools" / "stack"), "up", "--ports-file", str(ports)]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield _urls(ports, running)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(timeout=60)


def _urls(ports: Path, running: subprocess.Popen[bytes]) -> dict[str, str]:
    until = time.monotonic() + STARTING
    while not ports.exists():
        if running.poll() is not None or time.monotonic() > until:
            raise SystemExit("the stack did not start: see `python tools/stack up`")
        time.sleep(0.2)
    urls: dict[str, str] = json.loads(ports.read_text("utf-8"))
    return urls


def load(otlp: str, seconds: float) -> tuple[float, float]:
    """When the load began and ended, in seconds since the epoch."""
    began = time.time()
    command = [sys.executable, str(ROOT / "tests" / "stack" / "load.py"), "--otlp", otlp, "--seconds", str(seconds)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    # What it prints on purpose (somebody's span processor raises) is of no interest here.
    subprocess.run(command, check=True, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return began, began + seconds


def draw(urls: dict[str, str], span: tuple[float, float], out: Path) -> int:
    """The exit status of draw.mjs."""
    out.mkdir(parents=True, exist_ok=True)
    command = ["node", str(DRAW / "draw.mjs"), "--prometheus", urls["prometheus"]]
    command += ["--victorialogs", urls["victorialogs"]]
    command += ["--from", str(int(span[0] + QUIET)), "--to", str(int(span[1] - QUIET))]
    for name in BOARDS:
        board = ROOT / "dashboards" / "json" / "victorialogs" / f"beastmode-{name}.json"
        command += ["--dashboard", str(board), "--out", str(out / f"{name}.png")]
    return subprocess.run(command, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description="The pictures of the README.")
    parser.add_argument("--seconds", type=float, default=150.0, metavar="N", help="how long the load lasts")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img", metavar="DIR")
    given = parser.parse_args()
    ready()
    with stack() as urls:
        print(f"{given.seconds:.0f} seconds of load", flush=True)
        return draw(urls, load(urls["otlp_http"], given.seconds), given.out)


if __name__ == "__main__":
    raise SystemExit(main())
