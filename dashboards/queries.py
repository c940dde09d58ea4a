"""Queries as panels hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import prometheus as prometheus_builder
from grafana_foundation_sdk.models import prometheus
from grafana_foundation_sdk.models.common import DataSourceRef

from beastmode_otel.semconv import Attribute
from dashboards.flavours import Flavour
from dashboards.prometheus_names import label

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${datasource}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """expr: PromQL, or the log store's language. legend: a Grafana legend format; legends of closed sets are values.

    at_once: one value, that of the end of the time range; else a line. table: as a table's rows. exemplars: with links
    to traces. logs: of the log store, in this flavour.
    """

    expr: str
    legend: str = ""
    at_once: bool = False
    table: bool = False
    heatmap: bool = False
    exemplars: bool = False
    logs: Flavour | None = None

    def build(self, ref: str) -> Any:
        if self.logs is not None:
            return self.logs.target(self.expr, ref, "counts" if self.table else "records", self.source)
        return self._prometheus(ref)

    @property
    def source(self) -> DataSourceRef:
        return PROMETHEUS if self.logs is None else self.logs.source

    def _prometheus(self, ref: str) -> prometheus_builder.Dataquery:
        query = prometheus_builder.Dataquery().expr(self.expr).legend_format(self.legend or "__auto").ref_id(ref)
        query = query.datasource(PROMETHEUS).editor_mode(prometheus.QueryEditorMode.CODE).exemplar(self.exemplars)
        query = query.instant() if self.at_once or self.table else query.range()
        shape = prometheus.PromQueryFormat
        return query.format(shape.TABLE if self.table else shape.HEATMAP if self.heatmap else shape.TIME_SERIES)


def line(expr: str, legend: str = "", *, exemplars: bool = False) -> Query:
    return Query(expr=expr, legend=legend, exemplars=exemplars)


def value(expr: str, legend: str = "") -> Query:
    return Query(expr=expr, legend=legend, at_once=True)


def rows(expr: str) -> Query:
    return Query(expr=expr, table=True)


def records(expr: str, flavour: Flavour) -> Query:
    return Query(expr=expr, logs=flavour)


def each(*attributes: Attribute, between: str = " · ") -> str:
    """The legend that names a series by these labels."""
    return between.join(f"{{{{{label(attribute)}}}}}" for attribute in attributes)
