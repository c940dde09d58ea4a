"""LogQL over the records of failed requests, put together from semconv."""

from __future__ import annotations

from typing import Final

from beastmode_otel import semconv
from beastmode_otel.semconv import Attribute
from dashboards.prometheus_names import SCOPE, SERVICE, label

# Loki asks for one matcher that an absent label does not fulfil: hence the second.
_STREAMS: Final = f'{{{SERVICE}=~"$service", {SERVICE}!=""}}'
_FILTERS: Final = (
    f'{SCOPE}="{semconv.SCOPE}"',
    f'{label(semconv.ERROR_TYPE)}!=""',
    f'{label(semconv.MODEL)}=~"$model"',
    f'{label(semconv.DEPLOYMENT)}=~"$deployment"',
)
_LINE: Final = (
    (semconv.ERROR_TYPE, " · {}"),
    (semconv.MODEL, " · {}"),
    (semconv.DEPLOYMENT, " at {}"),
    (semconv.STATUS_CODE, " · HTTP {}"),
    (semconv.HINT, " · {}"),
)


def failures() -> str:
    """The record of each failed request that the variables choose."""
    return " | ".join((_STREAMS, *_FILTERS))


def told() -> str:
    """One readable line each: category, model, deployment, status, hint; what a record lacks is left out."""
    first, *rest = _LINE
    line = f"{{{{.{label(first[0])}}}}}" + "".join(_optional(label(attribute), text) for attribute, text in rest)
    return f"{failures()} | line_format `{line}`"


def _optional(name: str, text: str) -> str:
    return f"{{{{if .{name}}}}}{text.format(f'{{{{.{name}}}}}')}{{{{end}}}}"


def counted(*by: Attribute) -> str:
    """How many of them there were in the time range. A hint names no moment, so one cause is one row."""
    names = ", ".join(label(one) for one in by)
    return f"sum by ({names}) (count_over_time({failures()} [$__range]))"
