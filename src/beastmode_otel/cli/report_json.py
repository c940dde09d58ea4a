"""The report as one JSON value: the fields of `Report` by their names, times in seconds, money in USD."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from beastmode_otel.cli.report import Report

_DIGITS = 6  # of a second, of a dollar: more would be noise


def json_of(report: Report) -> dict[str, Any]:
    """What `json.dumps` takes."""
    rounded: dict[str, Any] = _round(asdict(report))
    return {"law_holds": report.law_holds, **rounded}


def _round(value: Any) -> Any:
    match value:
        case float():
            return round(value, _DIGITS)
        case dict():
            return {key: _round(each) for key, each in value.items()}
        case list() | tuple():
            return [_round(each) for each in value]
    return value
