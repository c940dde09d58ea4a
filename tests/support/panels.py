"""Dashboards as Grafana sees them: their panels, and each query with its variables put in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "dashboards" / "json"
Json = dict[str, Any]
# The kinds of query that have one value: Loki's instant ones; VictoriaLogs' plugin calls those for log lines so.
_AT_ONCE = {"prometheus": (), "loki": ("instant",), "victoriametrics-logs-datasource": ("stats",)}


@dataclass(frozen=True)
class Asked:
    """A query as it stands in a dashboard. where: of what, for people. source: the data source's type."""

    where: str
    source: str
    expr: str
    instant: bool = False

    def __str__(self) -> str:
        return self.where


def boards(logs: str = "loki") -> dict[str, Json]:
    """By uid, in that flavour of the logs."""
    told = [json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / logs).glob("*.json"))]
    return {board["uid"]: board for board in told}


def panels(board: Json) -> Iterator[Json]:
    """All but rows, those in folded rows included."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panels(panel)
        else:
            yield panel


def of_panel(uid: str, panel: Json) -> Iterator[Asked]:
    for target in panel.get("targets", []):
        source = (target.get("datasource") or panel["datasource"])["type"]
        where = f"{uid}: {panel['title']} {target['refId']}"
        instant = bool(target.get("instant")) or target.get("queryType") in _AT_ONCE[source]
        yield Asked(where=where, source=source, expr=target["expr"], instant=instant)


def of_annotations(uid: str, board: Json) -> Iterator[Asked]:
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            yield Asked(where=f"{uid}: annotation {annotation['name']}", source="prometheus", expr=annotation["expr"])


def queries(logs: str = "loki") -> list[Asked]:
    """Of all panels and annotations."""
    found: list[Asked] = []
    for uid, board in boards(logs).items():
        for panel in panels(board):
            found += of_panel(uid, panel)
        found += of_annotations(uid, board)
    return found


def variables(board: Json) -> dict[str, Json]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def asks_for(variable: Json) -> tuple[str, str]:
    """Of a variable made of label values: the selector, and the label."""
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"])
    assert found, variable["definition"]
    return found[1], found[2]


def put_in(expr: str, *, seconds: int, step: float = 1.0, **chosen: str) -> str:
    """Interpolated: time range, intervals, and each variable as chosen, else All (`.*`).

    The rate interval is four scrapes of 1 s, or the step and one more, as Grafana's Prometheus data source has it.
    """
    rate = max(4.0, step + 1.0)
    own = {"__range": f"{seconds}s", "__rate_interval": f"{rate:g}s", "__interval": f"{step:g}s"}
    every = dict.fromkeys(("service", "model", "deployment", "tier"), ".*")
    known = every | chosen | own
    return re.sub(r"\$(?:(\w+)|\{(\w+):regex\})", lambda found: known[found[1] or found[2]], expr)


def names_in(expr: str) -> set[str]:
    """The metrics that a PromQL expression asks for; ours all begin with the same word."""
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', expr)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    bare = re.sub(r"\{[^}]*\}", "{}", bare)
    return set(re.findall(r"\b(?:beastmode|gen_ai)[a-z0-9_:]*", bare))
