"""tools/draw as tests use it: dashboards in, report out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support.panels import Json

DRAW = Path(__file__).resolve().parents[2] / "tools" / "draw"
SECONDS = 300.0  # for one run: mostly Chromium's start and the queries, on a machine with other work


def absent() -> str | None:
    """Why nothing can be drawn here; None when it can."""
    if not shutil.which("node"):
        return "Node.js is not installed (apt-get install nodejs npm)"
    if not (os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")):
        return "Chromium is not installed (apt-get install chromium)"
    if not (DRAW / "node_modules").is_dir():
        return "npm's packages are not installed (cd tools/draw && npm ci)"
    return None


@dataclass(frozen=True)
class Drawn:
    """One run. status: the exit status. findings: what it complains about, as "panel: text"."""

    status: int
    report: Json = field(repr=False)
    output: str = field(repr=False)

    @property
    def findings(self) -> list[str]:
        return [f"{found['dashboard']} / {found['panel']}: {found['text']}" for found in self.report["findings"]]

    def of(self, panel: str) -> list[str]:
        return [found["text"] for found in self.report["findings"] if found["panel"] == panel]

    @property
    def panels(self) -> list[Json]:
        return [panel for board in self.report["dashboards"] for panel in board["panels"]]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", str(DRAW / "draw.mjs"), *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )


@dataclass(frozen=True)
class Pencil:
    """Draws from one Prometheus and VictoriaLogs, one span of time (epoch seconds) and one choice of variables."""

    prometheus: str
    victorialogs: str
    span: tuple[float, float]
    folder: Path
    chosen: Mapping[str, str] = field(default_factory=dict)

    def draw(self, boards: Iterable[Json], *more: str, picture: Path | None = None) -> Drawn:
        """picture: of one dashboard."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        given = [f"--dashboard={self._file(board)}" for board in boards]
        given += [f"--set={name}={value}" for name, value in self.chosen.items()]
        given += ["--out", str(picture)] if picture else []
        span = ["--from", str(int(self.span[0])), "--to", str(int(self.span[1]))]
        done = command(
            *given,
            *span,
            "--prometheus",
            self.prometheus,
            "--victorialogs",
            self.victorialogs,
            "--report",
            str(report),
            *more,
        )
        if not report.exists():
            raise AssertionError(f"nothing was drawn (status {done.returncode}):\n{done.stdout}{done.stderr}")
        return Drawn(done.returncode, json.loads(report.read_text("utf-8")), done.stdout)

    def _file(self, board: Json) -> Path:
        path = self.folder / f"{board['uid']}.json"
        path.write_text(json.dumps(board), encoding="utf-8")
        return path


def pixels(picture: Path) -> NDArray[Any]:
    """Height x width x 3, of a PNG with a palette and no filters, as tools/draw writes them."""
    data, chunks, at = picture.read_bytes(), {}, 8
    while at < len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        chunks[name] = data[at + 8 : at + 8 + length]
        at += length + 12
    width, height = (int.from_bytes(chunks[b"IHDR"][i : i + 4], "big") for i in (0, 4))
    palette = np.frombuffer(chunks[b"PLTE"], dtype=np.uint8).reshape(-1, 3)
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(height, width + 1)
    return palette[rows[:, 1:]]
