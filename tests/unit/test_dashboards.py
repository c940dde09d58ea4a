"""The generated dashboards hold to the rules of tests/support/panel_rules.py, and show every metric that there is."""

from __future__ import annotations

import ast
import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from beastmode_otel import semconv
from beastmode_otel.semconv import Metric
from dashboards.prometheus_names import every
from support import panel_rules
from support.panels import Json, boards, names_in, panels, put_in, queries, variables

ROOT = Path(__file__).resolve().parents[2]
FLAVOURS: Final = ("loki", "victorialogs")
BOARDS = boards()
EVERY_BOARD = [(logs, uid, board) for logs in FLAVOURS for uid, board in boards(logs).items()]
EVERY_PANEL = [(uid, panel) for uid, board in BOARDS.items() for panel in panels(board)]
PANELS_OF_LOGS = [(f"{logs}: {uid}", panel) for logs, uid, board in EVERY_BOARD if logs != "loki"
                  for panel in panels(board) if "prometheus" not in panel["datasource"]["type"]]  # fmt: skip
NOT_SHOWN: Final[dict[Metric, str]] = {}  # our metrics that no panel shows, each with its reason; gen_ai.*: never shown


def named(given: tuple[str, Json]) -> str:
    return f"{given[0]}: {given[1]['title']}"


def test_there_are_four() -> None:
    assert set(BOARDS) == {"beastmode-overview", "beastmode-models", "beastmode-cache", "beastmode-errors"}


def test_the_generated_files_are_up_to_date() -> None:
    tool = [sys.executable, "-P", str(ROOT / "tools" / "make_dashboards.py"), "--check"]
    checked = subprocess.run(tool, capture_output=True, timeout=120, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


# The rules.


@pytest.mark.parametrize("panel", [*EVERY_PANEL, *PANELS_OF_LOGS], ids=named)
def test_a_panel_holds_to_the_rules(panel: tuple[str, Json]) -> None:
    assert [finding for rule in panel_rules.RULES for finding in rule(panel[1])] == []


@pytest.mark.parametrize(
    ("logs", "uid", "board"), EVERY_BOARD, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_dashboard_holds_to_the_rules(logs: str, uid: str, board: Json) -> None:
    assert list(panel_rules.of_board(board)) == []


def test_the_flavours_differ_in_logs_and_traces_only() -> None:
    """One description: the same panels in the same places, and every question to Prometheus word for word the same."""
    one, other = ({uid: board for logs, uid, board in EVERY_BOARD if logs == name} for name in FLAVOURS)
    for uid, board in one.items():
        both = [
            [(panel["title"], panel["type"], panel["gridPos"]) for panel in panels(each)]
            for each in (board, other[uid])
        ]
        assert both[0] == both[1]
    asked = [[query for query in queries(logs) if query.source == "prometheus"] for logs in FLAVOURS]
    assert asked[0] == asked[1]
    assert len(asked[0]) > 100


def target(panel: Json) -> Json:
    found: Json = panel["targets"][0]
    return found


FAULTS: Final[dict[str, Callable[[Json], Any]]] = {
    "no title": lambda panel: panel.update(title=""),
    "no description": lambda panel: panel.update(description="Requests."),
    "unit percent": lambda panel: panel["fieldConfig"]["defaults"].update(unit="percent"),
    "unit sec": lambda panel: panel["fieldConfig"]["overrides"].append(
        {"matcher": {}, "properties": [{"id": "unit", "value": "sec"}]}
    ),
    "does not say why": lambda panel: panel["fieldConfig"]["defaults"].pop("noValue"),
    "kind gauge": lambda panel: panel.update(type="gauge"),
    "default thresholds": lambda panel: panel["fieldConfig"]["defaults"].pop("thresholds"),
    "no legend": lambda panel: panel["options"]["legend"].update(showLegend=False),
    "without last and max": lambda panel: panel["options"]["legend"].update(calcs=["mean"]),
    "no query": lambda panel: panel.update(targets=[]),
    "A asks": lambda panel: target(panel).update(datasource={"type": "prometheus", "uid": "prom"}),
    "refs ['A', 'A']": lambda panel: panel["targets"].append(target(panel)),
    "does not follow the service": lambda panel: target(panel).update(expr="vector(1)"),
    "nothing emits beastmode_request_total": lambda panel: target(panel).update(
        expr='rate(beastmode_request_total{service_name=~"$service"}[$__rate_interval])'
    ),
    "no label modell": lambda panel: target(panel).update(expr='sum by (modell) (x{service_name=~"$service"})'),
    "no label beastmode_tier": lambda panel: target(panel).update(
        expr='x{service_name=~"$service",beastmode_tier="l1"}'
    ),
    "window 5m": lambda panel: target(panel).update(expr='rate(x{service_name=~"$service"}[5m])'),
    "raw counter beastmode_errors_total": lambda panel: target(panel).update(
        expr='sum(beastmode_errors_total{service_name=~"$service"})'
    ),
}


@pytest.mark.parametrize("finding", FAULTS)
def test_the_rules_find_a_planted_fault(finding: str) -> None:
    panel = copy.deepcopy(next(panel for _, panel in EVERY_PANEL if panel["title"] == "Requests by outcome"))
    FAULTS[finding](panel)
    found = [told for rule in panel_rules.RULES for told in rule(panel)]
    assert any(finding in told for told in found), found


BOARD_FAULTS: Final[dict[str, Callable[[Json], Any]]] = {
    "schema 41": lambda board: board.update(schemaVersion=41),
    "does not refresh": lambda board: board.update(refresh="1m"),
    "no links": lambda board: board.update(links=[]),
    "lies on": lambda board: board["panels"][1]["gridPos"].update(x=0),
    "ids": lambda board: board["panels"][1].update(id=board["panels"][0]["id"]),
    "two panels are called": lambda board: board["panels"][1].update(title=board["panels"][0]["title"]),
    "data sources": lambda board: variables(board)["loki"].update(query="prometheus"),
    "model: any number": lambda board: variables(board)["model"].update(allValue=None),
    "choices": lambda board: board["templating"]["list"].pop(),
    "$modle is no variable": lambda board: target(board["panels"][0]).update(expr='x{a="$modle"}'),
}


@pytest.mark.parametrize("finding", BOARD_FAULTS)
def test_the_rules_find_a_fault_planted_in_a_dashboard(finding: str) -> None:
    board = copy.deepcopy(BOARDS["beastmode-overview"])
    BOARD_FAULTS[finding](board)
    found = list(panel_rules.of_board(board))
    assert any(finding in told for told in found), found


# What is shown.


def test_every_metric_of_ours_is_shown() -> None:
    asked = {name for query in queries() for name in names_in(query.expr)}
    hidden = {metric for metric in semconv.METRICS if not asked & set(every(metric))}
    assert hidden == set(NOT_SHOWN), [metric.name for metric in hidden ^ set(NOT_SHOWN)]


def test_no_panel_asks_for_a_metric_of_the_convention() -> None:
    """Those will be renamed, and then a panel would be empty."""
    assert not [query for query in queries() if "gen_ai" in query.expr]


def test_the_first_screen_of_the_overview_answers_the_questions() -> None:
    """Without scrolling: 24 units are about a screen of 1,080 lines."""
    first = {panel["title"] for panel in panels(BOARDS["beastmode-overview"]) if panel["gridPos"]["y"] < 20}
    assert first >= {
        "Requests", "Error rate", "Latency", "Cost", "Active now", "Oldest active", "Cache hit rate", "Coverage",
        "Requests by outcome", "Latency over time", "Health of deployments and tiers", "Recent errors",
    }  # fmt: skip
    bottom = max(
        panel["gridPos"]["y"] + panel["gridPos"]["h"]
        for panel in panels(BOARDS["beastmode-overview"])
        if panel["title"] in first
    )
    assert bottom <= 24


def test_a_number_that_is_live_does_not_depend_on_rate_alone() -> None:
    """rate() and increase() know nothing of a series before its second sample."""
    for uid, panel in EVERY_PANEL:
        if panel["type"] == "stat":
            for one in panel["targets"]:
                assert "max_over_time" in one["expr"] or "[" not in one["expr"], (uid, panel["title"])


def test_a_description_says_which_variables_its_panel_follows() -> None:
    [panel] = [panel for _, panel in EVERY_PANEL if panel["title"] == "Breakers"]
    assert panel["description"].endswith("Filters: service, deployment.")


# No name is typed.


def typed_names(source: str) -> list[str]:
    """Texts in code that look like a metric or a label of ours."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    documented = {id(node.body[0].value) for node in nodes
                  if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and node.body
                  and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in documented]
    texts = [node.value for node in constants if isinstance(node.value, str)]
    known = {one.key for one in vars(semconv).values() if isinstance(one, semconv.Attribute)}
    known |= {panel_rules.label(key) for key in known} | {metric.name for metric in semconv.METRICS}
    known |= panel_rules.NAMES
    return [text for text in texts if any(name in text for name in known)]


@pytest.mark.parametrize("path", sorted((ROOT / "dashboards").glob("*.py")), ids=lambda path: path.stem)
def test_no_metric_or_label_is_typed_as_text(path: Path) -> None:
    assert typed_names(path.read_text("utf-8")) == []


@pytest.mark.parametrize("text", ["rate(beastmode_errors_total[5m])", "by (beastmode_model)", "error_type"])
def test_a_typed_name_would_be_found(text: str) -> None:
    assert typed_names(f'"""error_type may stand in words."""\nEXPR = "{text}"') == [text]


# The reader of queries itself.


def test_names_are_read_without_labels_and_values() -> None:
    expr = 'sum by (beastmode_model) (rate(beastmode_errors_total{beastmode_model="beastmode_x"}[$__rate_interval]))'
    assert names_in(expr) == {"beastmode_errors_total"}


def test_variables_are_put_in() -> None:
    expr = 'x{a=~"$service",b=~"$model"}[$__rate_interval] offset $__range'
    assert put_in(expr, seconds=60, model="m") == 'x{a=~".*",b=~"m"}[4s] offset 60s'
    assert put_in("$__rate_interval $__interval", seconds=60, step=15) == "16s 15s"
