"""House defaults of every kind of panel: each has a title, what it tells, a unit, and why it may be empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, logs, statetimeline
from grafana_foundation_sdk.builders import heatmap as heatmaps
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import timeseries as series
from grafana_foundation_sdk.models import common as shape
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heat

from dashboards.colours import AMBER, GREEN, NEUTRAL, RED
from dashboards.queries import Query

Steps = Sequence[tuple[float | None, str]]
PLAIN: Final[Steps] = ((None, NEUTRAL),)
STATES: Final = {"0": ("closed", GREEN), "1": ("half-open", AMBER), "2": ("open", RED)}
CALCS: Final = ["lastNotNull", "max"]


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [model.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


def basics(panel: Any, title: str, about: str, unit: str, empty: str, queries: Sequence[Query]) -> Any:
    """What every panel has. empty: what it says when there is nothing to show, and why that is so."""
    targets = [query.build(ascii_uppercase[number]) for number, query in enumerate(queries)]
    panel = panel.title(title).description(about).datasource(queries[0].source).targets(targets)
    return panel.unit(unit).no_value(empty).thresholds(thresholds(PLAIN))


def property_of(name: str, value: object) -> model.DynamicConfigValue:
    return model.DynamicConfigValue(id_val=name, value=value)


def painted(panel: Any, colours: Mapping[str, str]) -> Any:
    """Series with these names in these colours."""
    for name, colour in colours.items():
        panel = panel.override_by_name(name, [property_of("color", {"mode": "fixed", "fixedColor": colour})])
    return panel


def united(panel: Any, units: Mapping[str, str]) -> Any:
    """Series with these names in these units."""
    for name, unit in units.items():
        panel = panel.override_by_name(name, [property_of("unit", unit)])
    return panel


def reduced() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def stat(
    title: str, about: str, unit: str, *queries: Query, empty: str, steps: Steps = PLAIN, decimals: int | None = None
) -> stats.Panel:
    """One or a few numbers, side by side."""
    panel = basics(stats.Panel(), title, about, unit, empty, queries).reduce_options(reduced())
    panel = panel.graph_mode(shape.BigValueGraphMode.NONE).color_mode(shape.BigValueColorMode.VALUE)
    panel = panel.text_mode(shape.BigValueTextMode.AUTO).justify_mode(shape.BigValueJustifyMode.CENTER)
    panel = panel.orientation(shape.VizOrientation.VERTICAL).thresholds(thresholds(steps))
    panel = panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    return panel if decimals is None else panel.decimals(decimals)


def by_name() -> dashboard.FieldColor:
    """A model keeps its colour on every panel."""
    return dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def timeseries(
    title: str,
    about: str,
    unit: str,
    *queries: Query,
    empty: str,
    colours: Mapping[str, str] | None = None,
    stacked: bool = False,
    top: float | None = None,
) -> series.Panel:
    """Lines over time, or areas that add up. colours: of closed sets. top: of the scale, for shares."""
    panel = basics(series.Panel(), title, about, unit, empty, queries).min(0)
    panel = panel.line_width(1.5).fill_opacity(_fill(stacked, colours)).show_points(shape.VisibilityMode.AUTO)
    panel = panel.point_size(4).span_nulls(False).axis_border_show(False).color_scheme(by_name())
    panel = panel.legend(_legend()).tooltip(_tooltip())
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(shape.StackingMode.NORMAL).group("A"))
    if top is not None:
        panel = panel.max(top)
    return painted(panel, colours or {})


def _fill(stacked: bool, colours: Mapping[str, str] | None) -> int:
    """Large areas only in colours that mean something: the palette has a red, too."""
    if not stacked:
        return 6 if colours else 0
    return 35 if colours else 12


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().show_legend(True).display_mode(shape.LegendDisplayMode.TABLE)
    return legend.placement(shape.LegendPlacement.BOTTOM).calcs(CALCS).sort_by("Last *").sort_desc(True)


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(shape.TooltipDisplayMode.MULTI).sort(shape.SortOrder.DESCENDING)


def state_timeline(title: str, about: str, *queries: Query, empty: str) -> statetimeline.Panel:
    """Breakers over time: closed, half-open, open."""
    panel = basics(statetimeline.Panel(), title, about, "none", empty, queries)
    results = {
        number: model.ValueMappingResult(text=text, color=colour, index=int(number))
        for number, (text, colour) in STATES.items()
    }
    panel = panel.mappings([model.ValueMap(options=results)]).merge_values(True).row_height(0.75).fill_opacity(70)
    panel = panel.show_value(shape.VisibilityMode.NEVER).line_width(0).tooltip(_tooltip())
    legend = common.VizLegendOptions().show_legend(True).display_mode(shape.LegendDisplayMode.LIST)
    return panel.legend(legend.placement(shape.LegendPlacement.BOTTOM).calcs([]))


def bar_gauge(
    title: str, about: str, unit: str, query: Query, *, empty: str, colours: Mapping[str, str] | None = None
) -> bargauge.Panel:
    """A bar for each series, for how much there was."""
    panel = basics(bargauge.Panel(), title, about, unit, empty, [query]).min(0).reduce_options(reduced())
    panel = panel.display_mode(shape.BarGaugeDisplayMode.BASIC).orientation(shape.VizOrientation.HORIZONTAL)
    return painted(panel.show_unfilled(False).color_scheme(by_name()), colours or {})


def heatmap(title: str, about: str, unit: str, query: Query, *, empty: str) -> heatmaps.Panel:
    """Buckets of a histogram over time."""
    panel = basics(heatmaps.Panel(), title, about, unit, empty, [query]).calculate(False)
    colour = heatmaps.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
    panel = panel.color(colour.exponent(0.5).fill("dark-blue")).y_axis(heatmaps.YAxisConfig().unit(unit))
    return panel.show_legend()


def lines_of_log(title: str, about: str, query: Query, *, empty: str) -> logs.Panel:
    """Log lines, the newest first."""
    panel = basics(logs.Panel(), title, about, "none", empty, [query]).show_time(True).wrap_log_message(True)
    panel = panel.sort_order(shape.LogsSortOrder.DESCENDING).enable_log_details(True).show_labels(False)
    return panel.dedup_strategy(shape.LogsDedupStrategy.NONE)
