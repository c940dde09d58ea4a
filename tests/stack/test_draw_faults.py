"""tools/draw finds what is wrong with a dashboard: each fault is planted in a panel that is right without it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from stack.loaded import Loaded
from support.drawing import Drawn, Pencil, absent, command
from support.panels import Json, boards, panels

WHY = absent()
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))

BOARDS = boards("victorialogs")
Plant = Callable[[Json], None]


def good(uid: str, title: str) -> Json:
    [panel] = [panel for panel in panels(BOARDS[uid]) if panel["title"] == title]
    return copy.deepcopy(panel)


def stat() -> Json:
    return good("beastmode-overview", "Requests")


def series() -> Json:
    return good("beastmode-overview", "Requests by outcome")


def table() -> Json:
    return good("beastmode-overview", "Models")


def log_table() -> Json:
    return good("beastmode-errors", "Latest failed requests")


# Faults: how each is planted.


def put(*path: Any, value: Any) -> Plant:
    """Into the panel, at this path."""

    def plant(panel: Json) -> None:
        at: Any = panel
        for key in path[:-1]:
            at = at.setdefault(key, {}) if isinstance(at, dict) else at[key]
        at[path[-1]] = value

    return plant


def override(matcher: str, options: str, property_id: str, value: Any) -> Plant:
    rule = {"matcher": {"id": matcher, "options": options}, "properties": [{"id": property_id, "value": value}]}

    def plant(panel: Json) -> None:
        panel["fieldConfig"].setdefault("overrides", []).append(rule)

    return plant


def expression(expr: str) -> Plant:
    def plant(panel: Json) -> None:
        panel["targets"] = [{**panel["targets"][0], "expr": expr}]

    return plant


def elsewhere(panel: Json) -> None:
    source = {"type": "prometheus", "uid": "nowhere"}
    panel["datasource"] = source
    for target in panel["targets"]:
        target["datasource"] = source


def rename(panel: Json) -> None:
    [organize] = [t for t in panel["transformations"] if t["id"] == "organize"]
    organize["options"]["renameByName"]["beastmode_modle"] = "Which model"


def silent(panel: Json) -> None:
    expression("sum(metric_that_is_not_there)")(panel)
    panel["fieldConfig"]["defaults"].pop("noValue", None)


RED = {"mode": "absolute", "steps": [{"color": "gren", "value": None}]}
LINK = [{"title": "t", "url": "/explore?trace=${__data.fields.trase}"}]
FAULTS: dict[str, tuple[Callable[[], Json], Plant, str]] = {
    "unit": (stat, put("fieldConfig", "defaults", "unit", value="secs"), 'unknown unit "secs"'),
    "color": (stat, put("fieldConfig", "defaults", "thresholds", value=RED), 'unknown color "gren"'),
    "reducer": (stat, put("options", "reduceOptions", "calcs", value=["lst"]), 'unknown reducer "lst"'),
    "legend": (series, put("options", "legend", "calcs", value=["maen"]), 'unknown reducer "maen" in the legend'),
    "field option": (series, put("fieldConfig", "defaults", "custom", "lineWidht", value=2), "custom.lineWidht"),
    "no such field": (table, override("byName", "Modle", "unit", "s"), 'override matches no field: byName "Modle"'),
    "property": (table, override("byName", "Model", "units", "s"), 'unknown override property "units"'),
    "matcher": (table, override("byNaem", "Model", "unit", "s"), 'unknown matcher "byNaem"'),
    "transformation": (table, put("transformations", 0, "id", value="murge"), 'unknown transformation "murge"'),
    "renamed field": (table, rename, 'names the field "beastmode_modle", which is not there'),
    "sorting": (table, put("options", "sortBy", value=[{"displayName": "Modle"}]), 'sorted by the column "Modle"'),
    "link": (log_table, override("byName", "Trace", "links", LINK), 'uses the field "trase"'),
    "panel type": (stat, put("type", value="stats"), 'Panel type "stats" is not known'),
    "data source": (stat, elsewhere, 'Data source "nowhere" was not found'),
    "promql": (stat, expression("rate(beastmode_requests_started_total)"), "expected type range vector"),
    "logsql": (log_table, expression("error.type:in("), "cannot parse"),
    "empty": (series, silent, "no data"),
    "nothing but NaN": (stat, expression("vector(0) / 0"), "no data"),
}
CONTROLS = {"a stat": stat, "a time series": series, "a table": table, "a table of log records": log_table}


def grid(cells: dict[str, Json]) -> list[Json]:
    """One below the other, with these titles."""
    placed = []
    for i, (title, panel) in enumerate(cells.items()):
        where = {"x": 0, "y": 9 * i, "w": 24, "h": 9}
        placed.append({**panel, "id": i + 1, "title": title, "gridPos": where})
    return placed


def planted() -> Json:
    cells = {title: make() for title, make in CONTROLS.items()}
    for name, (make, plant, _) in FAULTS.items():
        cells[name] = make()
        plant(cells[name])
    board = copy.deepcopy(BOARDS["beastmode-overview"])
    return {**board, "uid": "planted", "title": "Planted", "panels": grid(cells)}


@pytest.fixture(scope="module")
def pencil(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Pencil:
    folder = tmp_path_factory.mktemp("faults")
    return Pencil(
        loaded.stack.prometheus, loaded.stack.victorialogs, loaded.steady, folder, {"service": loaded.service}
    )


@pytest.fixture(scope="module")
def drawn(pencil: Pencil) -> Drawn:
    return pencil.draw([planted()])


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(drawn: Drawn, name: str) -> None:
    told = drawn.of(name)
    assert any(FAULTS[name][2] in text for text in told), told


@pytest.mark.parametrize("title", CONTROLS)
def test_the_same_panel_without_it_has_none(drawn: Drawn, title: str) -> None:
    assert drawn.of(title) == []


def test_findings_end_the_program_with_status_1(drawn: Drawn) -> None:
    assert drawn.status == 1
    assert 'Planted / unit: unknown unit "secs"' in drawn.output


def test_an_empty_panel_may_be_allowed_when_it_says_why(pencil: Pencil) -> None:
    one, other = series(), series()
    for panel in (one, other):
        silent(panel)
    one["fieldConfig"]["defaults"]["noValue"] = "Nothing was asked"
    board = {**BOARDS["beastmode-overview"], "uid": "empty", "panels": grid({"says why": one, "does not": other})}
    drawn = pencil.draw([board], "--allow-empty=says why", "--allow-empty=empty/does not")
    assert drawn.of("says why") == []
    assert drawn.of("does not") == ["is empty and does not say why (no noValue text)"]


def test_panels_that_overlap_are_found(pencil: Pencil) -> None:
    cells = grid({"upper": stat(), "lower": stat()})
    cells[1]["gridPos"]["y"] = 8
    drawn = pencil.draw([{**BOARDS["beastmode-overview"], "uid": "overlap", "panels": cells}])
    assert drawn.findings == ['beastmode / Overview / None: panels "upper" and "lower" overlap']


@pytest.mark.parametrize("given", [[], ["--dashboard=x.json"], ["--dashboards=x.json"], ["--dashboard=x", "--from=a"]])
def test_wrong_use_ends_with_status_2_and_says_how(given: list[str]) -> None:
    done = command(*given)
    assert done.returncode == 2
    assert "usage: node draw.mjs" in done.stderr
