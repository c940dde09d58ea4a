"""The report as one JSON value: the fields of `Report` by their names, times in seconds, money in USD."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from beastmode_otel.cli.report import Report

_DIGITS = 6  # of a second, of a dollar: more would be noise


def json_of(report: Report) -> dict[str, Any]:
    """What `json.dumps` takes."""
    told: dict[str, Any] = rounded(asdict(report))
    return {"law_holds": report.law_holds, **told}


def rounded(value: Any) -> Any:
    """Plain values without digits that mean nothing."""
    match value:
        case float():
            return round(value, _DIGITS)
        case dict():
            return {key: rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [rounded(each) for each in value]
    return value
