"""Tables: one query for each column, joined on the labels that name the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any, Final

from grafana_foundation_sdk.builders import common, table
from grafana_foundation_sdk.models import common as shape
from grafana_foundation_sdk.models import dashboard as model

from beastmode_otel import semconv
from beastmode_otel.semconv import Attribute
from dashboards.common import PLAIN, STATES, Steps, basics, property_of
from dashboards.flavours import Flavour
from dashboards.prometheus_names import label
from dashboards.queries import Query, records, rows

_TITLES: Final[Mapping[Attribute, str]] = {  # where the last word of the key is none
    semconv.FALLBACK_FROM: "From",
    semconv.FALLBACK_TO: "To",
    semconv.ERROR_TYPE: "Category",
    semconv.STATUS_CODE: "Status",
    semconv.EVICTION_REASON: "Reason",
    semconv.INVALIDATION: "By",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """steps: thresholds that colour its text. states: its numbers are a breaker's."""

    title: str
    expr: str
    unit: str = "short"
    decimals: int | None = None
    steps: Steps = PLAIN
    states: bool = False

    def properties(self) -> list[model.DynamicConfigValue]:
        """Of the field's override."""
        made = [property_of("unit", self.unit)]
        if self.decimals is not None:
            made.append(property_of("decimals", self.decimals))
        if self.steps is not PLAIN:
            made += [_coloured(), _stepped(self.steps)]
        if self.states:
            made += [_coloured(), _stepped([(None, "green"), (1, "orange"), (2, "red")]), _mapped()]
        return made


def _coloured() -> model.DynamicConfigValue:
    return property_of("custom.cellOptions", {"type": "color-text"})


def _stepped(steps: Steps) -> model.DynamicConfigValue:
    told = [{"value": value, "color": colour} for value, colour in steps]
    return property_of("thresholds", {"mode": "absolute", "steps": told})


def _mapped() -> model.DynamicConfigValue:
    options = {
        number: {"text": text, "color": colour, "index": int(number)} for number, (text, colour) in STATES.items()
    }
    return property_of("mappings", [{"type": "value", "options": options}])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a row is: its labels, in order. widths, wrapped: see `wide`."""

    labels: tuple[Attribute, ...]
    widths: Mapping[str, int] = field(default_factory=dict)
    wrapped: str = ""


def title_of(attribute: Attribute) -> str:
    return _TITLES.get(attribute) or attribute.key.rpartition(".")[2].replace("_", " ").capitalize()


def grid(title: str, about: str, of: Rows, *columns: Column, empty: str, logs: Flavour | None = None) -> table.Panel:
    """A table, sorted by its first column with numbers. logs: its columns count log records."""
    queries = [_query(column, logs) for column in columns]
    panel = basics(table.Panel(), title, about, "short", empty, queries).show_header(True)
    panel = _calm(panel).sort_by(_sorted(columns[0]))
    for name, options in _transformed(of, columns, logs):
        panel = panel.with_transformation(model.DataTransformerConfig(id_val=name, options=options))
    for column in columns:
        panel = panel.override_by_name(column.title, column.properties())
    return wide(panel, of.widths, of.wrapped)


def _calm(panel: table.Panel) -> table.Panel:
    """Small rows and columns. A value that is missing in one row is a dash: the panel's own text is for no rows."""
    panel = panel.cell_height(shape.TableCellHeight.SM).filterable(False).min_width(60)
    return panel.override_by_regexp(".*", [property_of("noValue", "–")])


def wide(panel: table.Panel, widths: Mapping[str, int], wrapped: str = "") -> table.Panel:
    """widths: of columns, in pixels, by title. wrapped: the column whose text goes on below."""
    for name, width in widths.items():
        panel = panel.override_by_name(name, [property_of("custom.width", width)])
    if wrapped:
        cell = {"type": "auto", "wrapText": True}
        panel = panel.override_by_name(wrapped, [property_of("custom.cellOptions", cell)])
    return panel


def _query(column: Column, logs: Flavour | None) -> Query:
    return rows(column.expr) if logs is None else Query(expr=column.expr, table=True, logs=logs)


def _transformed(of: Rows, columns: Sequence[Column], logs: Flavour | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Series become rows where the source gives series; the columns of several queries one table; names, order."""
    apart = logs is not None and logs.series
    if apart:
        yield "labelsToFields", {"mode": "columns"}
    if apart or len(columns) > 1:
        yield "merge", {}
    yield "organize", _organised(of, columns, logs)


def _sorted(column: Column) -> Sequence[Any]:
    return [common.TableSortByFieldState().display_name(column.title).desc(True)]


def _organised(of: Rows, columns: Sequence[Column], logs: Flavour | None) -> dict[str, Any]:
    field_of = label if logs is None else logs.field
    names = {field_of(attribute): title_of(attribute) for attribute in of.labels}
    names |= {f"Value #{ascii_uppercase[number]}": column.title for number, column in enumerate(columns)}
    if len(columns) == 1:
        names["Value"] = columns[0].title  # as Prometheus' data source calls the value of a single query
    order = {name: number for number, name in enumerate(names)}
    hidden = {"Time": True} | ({"__name__": True} if logs is not None and logs.series else {})
    return {"excludeByName": hidden, "indexByName": order, "renameByName": names}


def failures_table(title: str, about: str, shown: Mapping[str, str], *, empty: str, flavour: Flavour) -> table.Panel:
    """A row for each record of a failed request. shown: titles by the names of its fields; Trace links to its trace."""
    query = records(flavour.failures(), flavour)
    panel = basics(table.Panel(), title, about, "none", empty, [query]).show_header(True)
    panel = _calm(panel)
    extract = {"source": "labels", "format": "json", "replace": False, "keepTime": True}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="extractFields", options=extract))
    wanted = {"include": {"names": list(shown)}}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="filterFieldsByName", options=wanted))
    order = {name: number for number, name in enumerate(shown)}
    organised = {"excludeByName": {}, "indexByName": order, "renameByName": dict(shown)}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=organised))
    links = [{"title": "Open the trace", "url": flavour.trace_link(), "targetBlank": True}]
    return panel.override_by_name("Trace", [property_of("links", links)])
