"""A dashboard round its panels: variables, links, annotations, the grid."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from beastmode_otel import semconv
from beastmode_otel.semconv import Attribute, Metric
from dashboards.flavours import Flavour
from dashboards.prometheus_names import SERVICE, base, count, label
from dashboards.promql import VARIABLES, now
from dashboards.queries import PROMETHEUS, line

TAG: Final = "beastmode"
REFRESH: Final = "250ms"
INTERVALS: Final = ["250ms", "500ms", "1s", "5s", "10s", "30s", "1m", "5m", "15m", "1h"]
JUST_NOW: Final = "5s"
SCHEMA: Final = 42
WIDTH: Final = 24
_KNOWN_BY: Final[dict[Attribute, Metric]] = {  # the metric that knows all values of a variable
    semconv.MODEL: semconv.REQUESTS_STARTED,
    semconv.DEPLOYMENT: semconv.DEPLOYMENT_STATE,
    semconv.CACHE_TIER: semconv.CACHE_LOOKUP_DURATION,
}
_FOLLOWED: Final = ("service", *VARIABLES.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Panels side by side, with their widths, which add up to 24. title: of a new row of the dashboard."""

    height: int
    panels: tuple[tuple[int, Any], ...]
    title: str = ""
    folded: bool = False


def board(
    *, uid: str, title: str, about: str, bands: Sequence[Band], marks: Sequence[Opening], flavour: Flavour
) -> dict[str, Any]:
    """The dashboard as JSON that Grafana imports: v1, schema 42. marks: shown from the start; readers choose others."""
    made = dashboard.Dashboard(title).uid(uid).description(about).tags([TAG]).timezone("browser").editable()
    made = made.time("now-15m", "now").refresh(REFRESH).tooltip(model.DashboardCursorSync.CROSSHAIR)
    made = made.timepicker(dashboard.TimePicker().refresh_intervals(INTERVALS)).version(1)
    for variable in _variables(flavour):
        made = made.with_variable(variable)
    for opening in (DEPLOYMENT_OPENS, TIER_OPENS):
        made = made.annotation(_annotation(opening, shown=opening in marks))
    made = made.link(_link_to_the_others())
    told: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    return told | {"panels": _laid_out(bands), "schemaVersion": SCHEMA}


# Variables, links, annotations.


def _variables(flavour: Flavour) -> list[Any]:
    sources = [
        dashboard.DatasourceVariable(name).label(title).type(kind)
        for name, title, kind in (
            ("datasource", "Metrics", "prometheus"),
            (flavour.logs[0], "Logs", flavour.logs[1]),
            (flavour.traces[0], "Traces", flavour.traces[1]),
        )
    ]
    service = _choice("service", "Service", f"label_values({base(semconv.REQUESTS_STARTED)}, {SERVICE})")
    return [*sources, service, *(_of_label(attribute, name) for attribute, name in VARIABLES.items())]


def _of_label(attribute: Attribute, name: str) -> dashboard.QueryVariable:
    metric = _KNOWN_BY[attribute]
    series = count(metric) if metric.kind == "histogram" else base(metric)
    query = f'label_values({series}{{{SERVICE}=~"$service"}}, {label(attribute)})'
    return _choice(name, name.capitalize(), query)


def _choice(name: str, title: str, query: str) -> dashboard.QueryVariable:
    """Any number of values. All is `.*`, which also holds for series that lack the label."""
    everything = model.VariableOption(selected=True, text="All", value="$__all")
    made = dashboard.QueryVariable(name).label(title).datasource(PROMETHEUS).definition(query)
    made = made.query({"query": query, "refId": f"variable-{name}"}).multi(True).include_all(True).all_value(".*")
    made = made.current(everything).refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return made.sort(model.VariableSort.NATURAL_ASC)


def _link_to_the_others() -> dashboard.DashboardLink:
    link = dashboard.DashboardLink("beastmode").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.include_vars(True).keep_time(True).as_dropdown(False).icon("external link")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An annotation: when a breaker opened."""

    name: str
    metric: Metric
    attribute: Attribute
    colour: str


DEPLOYMENT_OPENS: Final = Opening(
    name="Deployment opens", metric=semconv.DEPLOYMENT_STATE, attribute=semconv.DEPLOYMENT, colour="red"
)
TIER_OPENS: Final = Opening(
    name="Cache tier opens", metric=semconv.CACHE_TIER_STATE, attribute=semconv.CACHE_TIER, colour="orange"
)


def _annotation(opening: Opening, *, shown: bool) -> dashboard.AnnotationQuery:
    """The moment, not the time it stayed open, which the timelines show: it would cover the charts."""
    is_open = f"{now(opening.metric, opening.attribute, how='max')} == 2"
    was_open = f"{now(opening.metric, opening.attribute, how='max', ago=JUST_NOW)} == 2"
    expr = f"{is_open} unless {was_open}"
    made = dashboard.AnnotationQuery().name(opening.name).datasource(PROMETHEUS).enable(shown).hide(False)
    made = made.icon_color(opening.colour).expr(expr).target(line(expr).build("Anno")).step(JUST_NOW)
    return made.title_format(opening.name).text_format(f"{{{{{label(opening.attribute)}}}}}")


# The grid.


def _laid_out(bands: Sequence[Band]) -> list[dict[str, Any]]:
    """Panels with their places and ids; what is in a folded row stands inside of it."""
    top = 0
    placed: list[dict[str, Any]] = []
    for band in bands:
        inside = placed
        if band.title:
            row = {"type": "row", "title": band.title, "collapsed": band.folded, "panels": []}
            placed.append(row | {"gridPos": {"x": 0, "y": top, "w": WIDTH, "h": 1}})
            top += 1
        if placed and placed[-1].get("collapsed"):
            inside = placed[-1]["panels"]
        inside += _placed(band, top)
        top += band.height
    _number(placed)
    return placed


def _placed(band: Band, top: int) -> list[dict[str, Any]]:
    left, placed = 0, []
    for width, panel in band.panels:
        told = json.loads(JSONEncoder(sort_keys=True).encode(panel.build()))
        told["gridPos"] = {"x": left, "y": top, "w": width, "h": band.height}
        told["description"] = f"{told['description']} {_follows(told)}".strip()
        told.get("options", {}).pop("footer", None)  # Grafana 13 has none any more
        placed.append(told)
        left += width
    if left != WIDTH:
        raise ValueError(f"the panels at {top} are {left} wide")
    return placed


def _follows(panel: dict[str, Any]) -> str:
    """Which variables a panel follows: none that its metrics have no label for."""
    text = " ".join(target["expr"] for target in panel["targets"])
    names = [name for name in _FOLLOWED if re.search(rf"\$\{{?{name}\b", text)]
    return f"Filters: {', '.join(names)}." if names else ""


def _number(panels: list[dict[str, Any]], first: int = 1) -> int:
    for panel in panels:
        panel["id"] = first
        first = _number(panel.get("panels", []), first + 1)
    return first
