"""Questions to Prometheus and Loki over their HTTP APIs."""

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


def logql(base: str, query: str, *, seconds: float = 3600, limit: int = 5000) -> list[str]:
    """Log lines of the last `seconds`, newest first."""
    now = time.time()
    start, end = int((now - seconds) * 1e9), int((now + 60) * 1e9)
    found = get(
        base, "/loki/api/v1/query_range", query=query, start=str(start), end=str(end), limit=str(limit)
    )["result"]  # fmt: skip
    lines = [line for stream in found for line in stream["values"]]
    return [text for _, text in sorted(lines, reverse=True)]


def eventually(look: Callable[[], T], wanted: Callable[[T], bool], timeout: float = 60.0) -> T:
    """What `look` finds once `wanted` says yes; after `timeout` seconds whatever it finds then, for an assertion."""
    until = time.monotonic() + timeout
    while True:
        found = look()
        if wanted(found) or time.monotonic() > until:
            return found
        time.sleep(0.1)
