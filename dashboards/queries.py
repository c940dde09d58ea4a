"""Queries as panels hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import loki as loki_builder
from grafana_foundation_sdk.builders import prometheus as prometheus_builder
from grafana_foundation_sdk.models import prometheus
from grafana_foundation_sdk.models.common import DataSourceRef

from beastmode_otel.semconv import Attribute
from dashboards.prometheus_names import label

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${datasource}")
LOKI = DataSourceRef(type_val="loki", uid="${loki}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """expr: PromQL or LogQL. legend: a Grafana legend format; legends of closed sets are their values.

    at_once: one value, that of the end of the time range; else a line. table: as a table's rows. exemplars: with links
    to traces. logs: of Loki.
    """

    expr: str
    legend: str = ""
    at_once: bool = False
    table: bool = False
    heatmap: bool = False
    exemplars: bool = False
    logs: bool = False

    def build(self, ref: str) -> Any:
        return self._loki(ref) if self.logs else self._prometheus(ref)

    def _prometheus(self, ref: str) -> prometheus_builder.Dataquery:
        query = prometheus_builder.Dataquery().expr(self.expr).legend_format(self.legend or "__auto").ref_id(ref)
        query = query.datasource(PROMETHEUS).editor_mode(prometheus.QueryEditorMode.CODE).exemplar(self.exemplars)
        query = query.instant() if self.at_once or self.table else query.range()
        shape = prometheus.PromQueryFormat
        return query.format(shape.TABLE if self.table else shape.HEATMAP if self.heatmap else shape.TIME_SERIES)

    def _loki(self, ref: str) -> loki_builder.Dataquery:
        query = loki_builder.Dataquery().expr(self.expr).ref_id(ref).datasource(LOKI)
        return query.query_type("instant" if self.table else "range")


def line(expr: str, legend: str = "", *, exemplars: bool = False) -> Query:
    return Query(expr=expr, legend=legend, exemplars=exemplars)


def value(expr: str, legend: str = "") -> Query:
    return Query(expr=expr, legend=legend, at_once=True)


def rows(expr: str) -> Query:
    return Query(expr=expr, table=True)


def records(expr: str) -> Query:
    return Query(expr=expr, logs=True)


def each(*attributes: Attribute, between: str = " · ") -> str:
    """The legend that names a series by these labels."""
    return between.join(f"{{{{{label(attribute)}}}}}" for attribute in attributes)
