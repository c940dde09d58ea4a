"""Where logs and traces are kept, from one description: Loki with Tempo, or VictoriaLogs with Jaeger.

Panels say what they want of the records of failed requests (`failures`, `told`, `counted`); a flavour says it in the
language of its log store, with the names that the store gives to our attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from grafana_foundation_sdk.builders import loki as loki_builder
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models.common import DataSourceRef

from beastmode_otel import semconv
from beastmode_otel.semconv import Attribute
from dashboards.prometheus_names import SCOPE, SERVICE, label

Shape = Literal["records", "counts"]
_LINE: Final = (
    (semconv.ERROR_TYPE, "{}"),
    (semconv.MODEL, " · {}"),
    (semconv.DEPLOYMENT, " at {}"),
    (semconv.STATUS_CODE, " · HTTP {}"),
    (semconv.HINT, " · {}"),
)
_CHOSEN: Final = ((semconv.MODEL, "model"), (semconv.DEPLOYMENT, "deployment"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """name: as people choose it. logs, traces: what Grafana calls the kind of data source; each is a variable too.

    field: what the log store calls an attribute. failures: the record of each failed request that the variables choose.
    told: one readable line for each: category, model, deployment, status, hint; what a record lacks is left out.
    counted: how many of them there were in the time range. A hint names no moment, so one cause is one row.
    target: a query as its data source wants it. series: whether a count comes as a series each, not as a table.
    trace_query: of the page of one trace, with the id in place of {}.
    """

    name: str
    logs: tuple[str, str]
    traces: tuple[str, str]
    field: Callable[[Attribute], str]
    failures: Callable[[], str]
    told: Callable[[], str]
    counted: Callable[[Sequence[Attribute]], str]
    target: Callable[[str, str, Shape, DataSourceRef], Any]
    series: bool
    trace_query: str

    @property
    def source(self) -> DataSourceRef:
        """The log store that the reader chose."""
        variable, kind = self.logs
        return DataSourceRef(type_val=kind, uid=f"${{{variable}}}")

    def trace_link(self) -> str:
        """From a trace's id to its trace. Grafana replaces ${…} in a link; everything else must be a URL already."""
        before, after = self.trace_query.split("{}")
        return (
            "/explore?schemaVersion=1&orgId=${__org.id}&panes="
            + quote('{"t":{"datasource":"')
            + f"${{{self.traces[0]}}}"
            + quote('","queries":[{"refId":"A",' + before)
            + "${__value.raw}"
            + quote(after + '}],"range":{"from":"now-6h","to":"now"}}}')
        )


# Loki.

# It asks for one matcher that an absent label does not fulfil: hence the second.
_STREAMS: Final = f'{{{SERVICE}=~"$service", {SERVICE}!=""}}'


def _logql_failures() -> str:
    chosen = [f'{label(attribute)}=~"${variable}"' for attribute, variable in _CHOSEN]
    return " | ".join(
        (_STREAMS, f'{SCOPE}="{semconv.SCOPE}"', f'{label(semconv.ERROR_TYPE)}!=""', *chosen),
    )


def _logql_told() -> str:
    first, *rest = _LINE
    line = f"{{{{.{label(first[0])}}}}}" + "".join(_if_there(label(attribute), text) for attribute, text in rest)
    return f"{_logql_failures()} | line_format `{line}`"


def _if_there(name: str, text: str) -> str:
    return f"{{{{if .{name}}}}}{text.format(f'{{{{.{name}}}}}')}{{{{end}}}}"


def _logql_counted(by: Sequence[Attribute]) -> str:
    names = ", ".join(label(one) for one in by)
    return f"sum by ({names}) (count_over_time({_logql_failures()} [$__range]))"


def _loki_target(expr: str, ref: str, shape: Shape, source: DataSourceRef) -> loki_builder.Dataquery:
    query = loki_builder.Dataquery().expr(expr).ref_id(ref).datasource(source)
    return query.query_type("instant" if shape == "counts" else "range")


# VictoriaLogs. It keeps our attributes under their own names. Several chosen values become one regular expression,
# which Grafana escapes with backslashes: between back-quotes they mean themselves.

_SCOPE_NAME: Final = "scope.name"
_SERVICE_NAME: Final = "service.name"


def _logsql_failures() -> str:
    chosen = [f"{attribute.key}:~`^(${{{variable}:regex}})$`" for attribute, variable in _CHOSEN]
    return " ".join(
        (
            f"{{{_SERVICE_NAME}=~`^(${{service:regex}})$`}}",
            f'{_SCOPE_NAME}:="{semconv.SCOPE}"',
            f"{semconv.ERROR_TYPE.key}:*",
            *chosen,
        )
    )


def _logsql_told() -> str:
    first, *rest = _LINE
    pipes = [f'format "<{first[0].key}>" as _msg']
    pipes += [f'format if ({one.key}:*) "<_msg>{text.format(f"<{one.key}>")}" as _msg' for one, text in rest]
    return " | ".join((_logsql_failures(), *pipes))


def _logsql_counted(by: Sequence[Attribute]) -> str:
    return f"{_logsql_failures()} | stats by ({', '.join(one.key for one in by)}) count() as requests"


class _VictoriaLogsQuery(variants.Dataquery):
    """Its own builder: the SDK has none for this data source, which is a plugin of its own."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told

    def build(self) -> Any:
        return self

    def to_json(self) -> dict[str, Any]:
        return self._told


def _victorialogs_target(expr: str, ref: str, shape: Shape, source: DataSourceRef) -> Any:
    kind = "stats" if shape == "counts" else "instant"
    told = {"datasource": source, "editorMode": "code", "expr": expr, "queryType": kind, "refId": ref}
    return _VictoriaLogsQuery(told)


LOKI: Final = Flavour(
    name="loki",
    logs=("loki", "loki"),
    traces=("tempo", "tempo"),
    field=label,
    failures=_logql_failures,
    told=_logql_told,
    counted=_logql_counted,
    target=_loki_target,
    series=False,
    trace_query='"queryType":"traceql","query":"{}"',
)
VICTORIALOGS: Final = Flavour(
    name="victorialogs",
    logs=("victorialogs", "victoriametrics-logs-datasource"),
    traces=("jaeger", "jaeger"),
    field=lambda attribute: attribute.key,
    failures=_logsql_failures,
    told=_logsql_told,
    counted=_logsql_counted,
    target=_victorialogs_target,
    series=True,
    trace_query='"query":"{}"',
)
FLAVOURS: Final = (LOKI, VICTORIALOGS)
