"""What is wrong with a dashboard's JSON: the rules that its panels must hold to, as findings in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, Final

from beastmode_otel import semconv
from beastmode_otel.semconv import Attribute
from dashboards.prometheus_names import LE, SERVICE, every, label
from dashboards.windows import LATELY, RATE, SELDOM
from support.panels import Json, asks_for, names_in, of_panel, panels, variables

KINDS: Final = {"stat", "timeseries", "bargauge", "table", "state-timeline", "heatmap", "logs", "text"}
UNITS: Final = {  # of Grafana's list
    "short", "none", "s", "bytes", "percentunit", "currencyUSD", "reqpm", "locale",
}  # fmt: skip
SOURCES: Final = {
    "prometheus": "${datasource}", "loki": "${loki}", "victoriametrics-logs-datasource": "${victorialogs}",
}  # fmt: skip
STORES: Final = (  # the data sources of each flavour
    {"datasource": "prometheus", "loki": "loki", "tempo": "tempo"},
    {"datasource": "prometheus", "victorialogs": "victoriametrics-logs-datasource", "jaeger": "jaeger"},
)
NAMES: Final = {name for metric in semconv.METRICS for name in every(metric)}
LABELS: Final = {label(one) for one in vars(semconv).values() if isinstance(one, Attribute)} | {SERVICE, LE}
WINDOWS: Final = {RATE, SELDOM, LATELY, f"{SELDOM}:30s"}  # what fits the resolution, and `promql.paced`
_LONG: Final = 24  # a number's text must fit into its panel
_DEFAULT: Final = [{"color": "green", "value": None}, {"color": "red", "value": 80}]


def of_words(panel: Json) -> Iterator[str]:
    """Title, description, unit, and what it says when it is empty."""
    defaults = panel["fieldConfig"]["defaults"]
    if len(panel.get("title", "")) < 3:
        yield "no title"
    if len(panel.get("description", "").split()) < 4:
        yield "no description"
    if defaults.get("unit") not in UNITS:
        yield f"unit {defaults.get('unit')}"
    empty = defaults.get("noValue", "")
    if not empty:
        yield "does not say why it may be empty"
    if panel["type"] == "stat" and len(empty) > _LONG:
        yield f"too long for a number: {empty}"
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "unit" and one["value"] not in UNITS:
                yield f"unit {one['value']}"


def of_look(panel: Json) -> Iterator[str]:
    """Kinds that we draw, legends, thresholds of our own."""
    if panel["type"] not in KINDS:
        yield f"kind {panel['type']}"
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps")
    if not steps or steps == _DEFAULT:
        yield "Grafana's default thresholds"
    legend = panel.get("options", {}).get("legend")
    if panel["type"] in ("timeseries", "state-timeline") and not (legend and legend["showLegend"]):
        yield "no legend"
    if panel["type"] == "timeseries" and legend and not {"lastNotNull", "max"} <= set(legend["calcs"]):
        yield "a legend without last and max"


def of_sources(panel: Json) -> Iterator[str]:
    """Every query asks a data source that the reader chose."""
    if not panel.get("targets"):
        yield "no query"
    for target in panel.get("targets", []):
        source = target.get("datasource") or {}
        if SOURCES.get(source.get("type")) != source.get("uid") or not source:
            yield f"{target['refId']} asks {source}"
    letters = [target["refId"] for target in panel.get("targets", [])]
    if len(letters) != len(set(letters)):
        yield f"refs {letters}"


def of_queries(panel: Json) -> Iterator[str]:
    """PromQL that follows the service, never shows a raw counter, and fits every resolution."""
    for asked in of_panel("", panel):
        if not re.search(r"\$\{?service\b", asked.expr):
            yield f"{asked} does not follow the service"
        if asked.source != "prometheus":
            continue
        yield from (f"{asked}: nothing emits {name}" for name in sorted(names_in(asked.expr) - NAMES))
        yield from (f"{asked}: no label {name}" for name in sorted(labels_in(asked.expr) - LABELS))
        if not asked.instant:
            yield from (f"{asked}: window {one}" for one in windows_in(asked.expr) if one not in WINDOWS)
            yield from (f"{asked}: raw counter {one}" for one in raw_counters_in(asked.expr))


def labels_in(expr: str) -> set[str]:
    matched = {name for inside in re.findall(r"\{([^}]*)\}", expr) for name in re.findall(r"(\w+)\s*[=!]", inside)}
    grouped = {name.strip() for inside in re.findall(r"\bby \(([^)]*)\)", expr) for name in inside.split(",")}
    return matched | grouped


def windows_in(expr: str) -> list[str]:
    return re.findall(r"\[([^\]]+)\]", expr)


def raw_counters_in(expr: str) -> list[str]:
    counters = r"(beastmode\w+_(?:total|count|sum|bucket))\b(?:\{[^}]*\})?"
    return [
        found[1]
        for found in re.finditer(counters + r"(?!\{)(?!\[)", expr)
        if expr[found.end() : found.end() + 1] != "["
    ]


RULES: Final[tuple[Callable[[Json], Iterator[str]], ...]] = (of_words, of_look, of_sources, of_queries)


def of_board(board: Json) -> Iterator[str]:
    """What holds for the dashboard as a whole."""
    ids = [panel["id"] for panel in (*board["panels"], *panels(board))]
    if len(set(ids)) != len({id(panel) for panel in (*board["panels"], *panels(board))}):
        yield f"ids {sorted(ids)}"
    if board["schemaVersion"] != 42:
        yield f"schema {board['schemaVersion']}"
    if board["refresh"] != "250ms" or "250ms" not in board["timepicker"]["refresh_intervals"]:
        yield "does not refresh each 250 ms"
    if not any(link["type"] == "dashboards" and link["includeVars"] and link["keepTime"] for link in board["links"]):
        yield "no links to the others"
    titles = [panel["title"] for panel in panels(board)]
    yield from (f"two panels are called {title}" for title in sorted({one for one in titles if titles.count(one) > 1}))
    yield from of_grid(board)
    yield from of_variables(board)


def of_grid(board: Json) -> Iterator[str]:
    for one, other in combinations(panels(board), 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']} lies on {other['title']}"
    for panel in panels(board):
        place = panel["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > 24 or place["w"] < 4:
            yield f"{panel['title']} is at {place}"


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not beside and not below


def of_variables(board: Json) -> Iterator[str]:
    found = variables(board)
    kinds = {name: one.get("query") for name, one in found.items() if one["type"] == "datasource"}
    if kinds not in STORES:
        yield f"data sources {kinds}"
    choices = {name: one for name, one in found.items() if one["type"] == "query"}
    if set(choices) != {"service", "model", "deployment", "tier"}:
        yield f"choices {sorted(choices)}"
    for name, one in choices.items():
        if not (one["multi"] and one["includeAll"] and one["allValue"] == ".*" and one["refresh"] == 2):
            yield f"{name}: any number of values, All is .*, and it follows the time range"
        yield from (f"{name}: nothing emits {metric}" for metric in sorted(names_in(asks_for(one)[0]) - NAMES))
        if asks_for(one)[1] not in LABELS:
            yield f"{name}: no label {asks_for(one)[1]}"
    used = set(re.findall(r"\$\{?(\w+)", str(list(panels(board)))))
    unknown = {name for name in used if not name.startswith("__")} - set(found)
    yield from (f"${name} is no variable" for name in sorted(unknown))
