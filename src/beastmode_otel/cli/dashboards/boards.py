"""The dashboards as they come with the package."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from beastmode_otel.cli.shipped import files, shipped

LOGS: Final = ("loki", "victorialogs")  # the flavours: who keeps the logs, and with them who keeps the traces
_INTERVAL: Final = re.compile(r"\d+(ms|s|m|h|d)")


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard. file: its name. told: its JSON."""

    file: str
    told: dict[str, Any]

    @property
    def uid(self) -> str:
        return str(self.told["uid"])

    @property
    def title(self) -> str:
        return str(self.told["title"])

    @property
    def about(self) -> str:
        return str(self.told.get("description", ""))

    def refreshed(self, interval: str | None) -> Board:
        """The same with another refresh interval; None: its own, "" never."""
        return self if interval is None else Board(self.file, {**self.told, "refresh": interval})

    def text(self) -> str:
        return json.dumps(self.told, indent=2, ensure_ascii=False) + "\n"


def boards(logs: str = LOGS[0]) -> list[Board]:
    """All of them, for that log store. Raises Failed where the installation lacks them."""
    found = [
        Board(name, json.loads(file.read_text("utf-8")))
        for name, file in files(shipped("dashboards") / logs)
        if name.endswith(".json")
    ]
    return sorted(found, key=lambda board: board.title != "beastmode / Overview")


def add_choices(parser: argparse.ArgumentParser) -> None:
    """What may be chosen about the dashboards that are written or pushed."""
    parser.add_argument(
        "--logs",
        choices=LOGS,
        default=LOGS[0],
        help="where log records are: Loki, with Tempo for traces (default), or VictoriaLogs, with Jaeger",
    )
    parser.add_argument(
        "--refresh",
        type=interval,
        metavar="TIME",
        help="refresh so often, such as 5s, or never (default: 250ms, which Grafana limits to its own minimum)",
    )


def interval(text: str) -> str:
    """An interval as Grafana writes it; `never` is "". Raises ArgumentTypeError."""
    if text == "never":
        return ""
    if not _INTERVAL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is not an interval such as 250ms, 5s or 1m, nor never")
    return text
