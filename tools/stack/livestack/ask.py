"""Questions to Prometheus, VictoriaLogs and Jaeger over their HTTP APIs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

T = TypeVar("T")


def answers(url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> bool:
    """Whether a GET, or a POST of `data`, gets a 2xx. Raises OSError when nobody answers."""
    try:
        request = urllib.request.Request(url, data=data, headers=dict(headers or {}))
        with urllib.request.urlopen(request, timeout=2):
            return True
    except urllib.error.HTTPError as refused:
        refused.close()
        return False


def get(base: str, path: str, **parameters: str) -> Any:
    """The `data` of an answer. Raises OSError; LookupError with the server's own words when it refuses."""
    try:
        with urllib.request.urlopen(f"{base}{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as refused:
        raise LookupError(refused.read().decode(errors="replace")) from refused


def text(base: str, path: str, **parameters: str) -> list[str]:
    """The lines of an answer. Raises as `get` does."""
    try:
        with urllib.request.urlopen(f"{base}{path}?{urlencode(parameters)}", timeout=10) as answer:
            return [line for line in answer.read().decode().splitlines() if line]
    except urllib.error.HTTPError as refused:
        raise LookupError(refused.read().decode(errors="replace")) from refused


def promql(base: str, query: str) -> dict[tuple[tuple[str, str], ...], float]:
    """The instant vector of a query: value by sorted labels."""
    rows = get(base, "/api/v1/query", query=query)["result"]
    return {tuple(sorted(row["metric"].items())): float(row["value"][1]) for row in rows}


def number(base: str, query: str) -> float | None:
    """The only value of a query; None when it has none yet. Raises LookupError when it has several."""
    values = list(promql(base, query).values())
    if len(values) > 1:
        raise LookupError(f"{len(values)} series for {query}")
    return values[0] if values else None


def logsql(base: str, query: str, *, seconds: float = 3600, limit: int = 5000) -> list[dict[str, str]]:
    """The log records of the last `seconds`, newest first, as VictoriaLogs tells them: every value is text."""
    end = time.time() + 60
    parameters = {"query": query, "start": f"{end - 60 - seconds:.3f}", "end": f"{end:.3f}", "limit": str(limit)}
    records: list[dict[str, str]] = [json.loads(line) for line in text(base, "/select/logsql/query", **parameters)]
    return sorted(records, key=lambda record: record.get("_time", ""), reverse=True)


def logsql_stats(base: str, query: str, *, start: float, end: float) -> list[dict[str, Any]]:
    """The result of a query that ends in `stats`, in Prometheus' shape. The range as Grafana's plugin has it."""
    ranged = f"_time:[{start:.0f}, {end:.0f}] {query}"
    found: list[dict[str, Any]] = get(base, "/select/logsql/stats_query", query=ranged, time=f"{end:.0f}")["result"]
    return found


def trace(base: str, trace_id: str) -> dict[str, Any] | None:
    """A trace of Jaeger's; None when it has none of this id."""
    try:
        found = get(base, f"/api/traces/{trace_id}")
    except LookupError:
        return None
    return found[0] if found else None


def eventually(look: Callable[[], T], wanted: Callable[[T], bool], timeout: float = 60.0) -> T:
    """What `look` finds once `wanted` says yes; after `timeout` seconds whatever it finds then, for an assertion."""
    until = time.monotonic() + timeout
    while True:
        found = look()
        if wanted(found) or time.monotonic() > until:
            return found
        time.sleep(0.1)
