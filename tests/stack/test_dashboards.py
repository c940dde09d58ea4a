"""Every query of every panel, variable and annotation, against the real programs after real traffic.

The dashboards are those for VictoriaLogs, whose log queries run for real. Loki is not run here (it is AGPL): LogQL is
checked by its grammar in test_logql.py, and both come from one description.
"""

from __future__ import annotations

import json
import math
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from beastmode_otel import semconv
from dashboards import measures
from dashboards.prometheus_names import base, count, every
from dashboards.promql import many, many_long, quantile
from support.panels import Asked, asks_for, boards, put_in, queries, variables
from support.stack import Stack, eventually, get, logsql, logsql_stats, number, program, promql, trace

LOAD: Final = Path(__file__).with_name("load.py")
SERVICE: Final = "dashboards-test"
SECONDS: Final = 40.0
# What this load cannot bring about, with the reason. Each must be empty indeed.
EMPTY: Final[dict[str, str]] = {}
LOGS: Final = "victoriametrics-logs-datasource"
QUERIES: Final = queries("victorialogs")
CHOICES: Final = [(uid, name) for uid, board in boards("victorialogs").items() for name in variables(board)]


@dataclass(frozen=True)
class Loaded:
    """A load that is over. calls: see load.drive. began, ended: epoch seconds, just outside of it."""

    stack: Stack
    service: str
    calls: int
    began: int
    ended: int

    @property
    def seconds(self) -> int:
        return self.ended - self.began

    def put_in(self, expr: str) -> str:
        return put_in(expr, seconds=self.seconds, service=self.service)


def load(stack: Stack, service: str, seconds: float, **environ: str) -> Loaded:
    """Send it from a process of its own, and wait until all of it can be asked for."""
    began = time.time()
    arguments = [str(LOAD), "--otlp", stack.otlp_http, "--seconds", str(seconds), "--service", service]
    with program(*arguments, environ=environ) as running:
        out, errors = running.communicate(timeout=seconds + 120)
    assert running.returncode == 0, errors
    told = json.loads(out)
    started = f'sum({base(semconv.REQUESTS_STARTED)}{{service_name="{service}"}})'
    seen = eventually(lambda: number(stack.prometheus, started), lambda found: found == told["calls"])
    assert seen == told["calls"], sys.version
    errors_counted = f'sum({base(semconv.ERRORS)}{{service_name="{service}"}})'
    wanted = number(stack.prometheus, errors_counted)
    assert eventually(lambda: logged(stack, service), lambda found: found == wanted) == wanted
    return Loaded(stack, service, told["calls"], math.floor(began), math.ceil(time.time()))


def logged(stack: Stack, service: str) -> float | None:
    """How many failed requests of a service have their record."""
    query = f'{{service.name="{service}"}} {semconv.ERROR_TYPE.key}:* | stats count() as requests'
    now = time.time()
    result = logsql_stats(stack.victorialogs, query, start=now - 600, end=now + 60)
    return float(result[0]["value"][1]) if result else None


@pytest.fixture(scope="module")
def loaded(stack: Stack) -> Loaded:
    return load(stack, SERVICE, SECONDS)


# The queries.


def values(loaded: Loaded, asked: Asked) -> list[float | str]:
    """Numbers, or log lines. Raises LookupError with the server's words when it refuses the query."""
    if asked.source == LOGS and not asked.instant:
        return [record["_msg"] for record in records(loaded, asked)]
    found = result(loaded, asked)
    points = [point for series in found for point in series.get("values", [series.get("value")])]
    return [value for value in (float(text) for _, text in points) if not math.isnan(value)]


def records(loaded: Loaded, asked: Asked) -> list[dict[str, str]]:
    return logsql(loaded.stack.victorialogs, loaded.put_in(asked.expr), seconds=time.time() - loaded.began)


def result(loaded: Loaded, asked: Asked) -> Any:
    query = loaded.put_in(asked.expr)
    if asked.source == LOGS:
        return logsql_stats(loaded.stack.victorialogs, query, start=loaded.began, end=loaded.ended)
    address = loaded.stack.prometheus
    if asked.instant:
        return get(address, "/api/v1/query", query=query, time=str(loaded.ended))["result"]
    start, end = str(loaded.began), str(loaded.ended)
    return get(address, "/api/v1/query_range", query=query, start=start, end=end, step="1")["result"]


@pytest.mark.parametrize("asked", QUERIES, ids=str)
def test_a_query_finds_data(loaded: Loaded, asked: Asked) -> None:
    found = values(loaded, asked)
    assert bool(found) is (asked.where not in EMPTY), (asked.expr, EMPTY.get(asked.where))


# Panels that tell tiers apart, and which must be there after a load on all three.
ALL_TIERS: Final = {"l1", "l2", "l3"}
BY_TIER: Final = {
    "State of the tiers A": {"l2", "l3"},  # memory has no breaker
    "Hit rate by tier A": ALL_TIERS,
    "Lookups per minute, by tier and result A": ALL_TIERS,
    "Latency of lookups A": ALL_TIERS,
    "Latency of lookups B": ALL_TIERS,
    "Promotions per minute A": {"l1", "l2"},  # nothing is slower than L3
    "Writes per minute, by tier and result A": {"l2", "l3"},
    "Latency of writes A": {"l2", "l3"},
    "Entries A": ALL_TIERS,
    "Size A": ALL_TIERS,
}


@pytest.mark.parametrize("panel", BY_TIER)
def test_every_tier_is_in_a_panel_that_tells_them_apart(loaded: Loaded, panel: str) -> None:
    [asked] = [one for one in QUERIES if one.where == f"beastmode-cache: {panel}"]
    found = [series for series in result(loaded, asked) if any(float(value) for _, value in series["values"])]
    told = {series["metric"][semconv.CACHE_TIER.key.replace(".", "_")] for series in found}
    if "State" in panel:  # 0 is a closed breaker, and all is well
        told = {series["metric"][semconv.CACHE_TIER.key.replace(".", "_")] for series in result(loaded, asked)}
    assert told == BY_TIER[panel]


@pytest.mark.parametrize("asked", [one for one in QUERIES if one.source == "prometheus"], ids=str)
def test_prometheus_can_parse_a_query(stack: Stack, asked: Asked) -> None:
    """Its parser knows types, which a grammar does not."""
    assert get(stack.prometheus, "/api/v1/parse_query", query=put_in(asked.expr, seconds=900))


@pytest.mark.parametrize("broken", ["rate(x)", "sum by (a x", "x[5m] offset", "histogram_quantile(x)"])
def test_prometheus_would_refuse_a_broken_query(stack: Stack, broken: str) -> None:
    with pytest.raises(LookupError):
        get(stack.prometheus, "/api/v1/parse_query", query=broken)


@pytest.mark.parametrize(("uid", "name"), CHOICES)
def test_a_variable_offers_values(loaded: Loaded, uid: str, name: str) -> None:
    variable = variables(boards("victorialogs")[uid])[name]
    if variable["type"] == "datasource":
        return  # of Grafana itself; tests/unit/test_dashboards.py looks at their kinds
    selector, label = asks_for(variable)
    path = f"/api/v1/label/{label}/values"
    found = get(loaded.stack.prometheus, path, **{"match[]": put_in(selector, seconds=1, service=SERVICE)})
    assert found


# What is emitted, and whether the numbers are true.


@pytest.mark.parametrize("metric", semconv.METRICS, ids=lambda metric: metric.name)
def test_a_metric_arrives_under_its_translated_name(loaded: Loaded, metric: semconv.Metric) -> None:
    names = [name for name in every(metric) if promql(loaded.stack.prometheus, f'{name}{{service_name="{SERVICE}"}}')]
    assert names == list(every(metric)[:3])  # an explicit histogram is three; there is no exponential one


def at_its_end(loaded: Loaded, expr: str) -> float | None:
    """The one value of an expression over the time of the load."""
    found = result(loaded, Asked(where="", source="prometheus", expr=expr, instant=True))
    return float(found[0]["value"][1]) if found else None


@pytest.fixture(params=["loaded", "exponential"])
def either(request: pytest.FixtureRequest) -> Loaded:
    """Either kind of histogram."""
    found: Loaded = request.getfixturevalue(request.param)
    return found


def test_the_requests_are_those_that_the_callers_made(either: Loaded) -> None:
    assert at_its_end(either, many(measures.ENDED)) == either.calls


def test_the_totals_of_days_are_the_same(either: Loaded) -> None:
    for window, step in (("24h", "5m"), ("7d", "30m"), ("30d", "2h")):
        expr = many_long(measures.ENDED, window=window, step=step)
        assert at_its_end(either, expr) == either.calls


def test_the_parts_of_the_hit_rate_add_up(loaded: Loaded) -> None:
    parts = [at_its_end(loaded, measures.hit_rate_of_tier(tier)) for tier in semconv.CACHE_TIER.values]
    assert sum(part or 0.0 for part in parts) == pytest.approx(at_its_end(loaded, measures.hit_rate()))


def test_a_trace_hangs_on_the_latency(loaded: Loaded) -> None:
    query = loaded.put_in(quantile(0.95, measures.ENDED, where=measures.OK))
    found = get(
        loaded.stack.prometheus,
        "/api/v1/query_exemplars",
        query=query,
        start=str(loaded.began),
        end=str(loaded.ended),
    )
    traces = [exemplar["labels"].get("trace_id") for series in found for exemplar in series["exemplars"]]
    assert traces
    assert all(traces)
    found_there = eventually(lambda: [trace(loaded.stack.jaeger, one) for one in traces[:5]], all)
    assert [one["traceID"] for one in found_there] == traces[:5]


def test_the_trace_of_a_failed_request_is_where_its_record_says(loaded: Loaded) -> None:
    [asked] = [one for one in QUERIES if one.where == "beastmode-errors: Latest failed requests A"]
    [record] = records(loaded, asked)[:1]
    found = eventually(lambda: trace(loaded.stack.jaeger, record["trace_id"]), bool)
    assert found is not None, record
    spans = {span["spanID"]: span for span in found["spans"]}
    tags = {tag["key"]: tag["value"] for tag in spans[record["span_id"]]["tags"]}
    assert tags[semconv.ERROR_TYPE.key] == record[semconv.ERROR_TYPE.key]


def test_a_choice_of_models_narrows_the_records(loaded: Loaded) -> None:
    """As Grafana puts several values in: escaped, with bars between them."""
    [asked] = [one for one in QUERIES if one.where == "beastmode-errors: Latest failed requests A"]
    every = {record[semconv.MODEL.key] for record in records(loaded, asked)}
    chosen = sorted(every)[:2]
    expr = put_in(asked.expr, seconds=60, service=SERVICE, model="|".join(map(re.escape, chosen)))
    found = logsql(loaded.stack.victorialogs, expr, seconds=time.time() - loaded.began)
    assert len(every) > 2
    assert {record[semconv.MODEL.key] for record in found} == set(chosen)


def test_an_open_breaker_is_one_row_however_long_it_stays_open(loaded: Loaded) -> None:
    [asked] = [one for one in QUERIES if one.where == "beastmode-errors: What fails, and what to do A"]
    rows = [series["metric"] for series in result(loaded, asked)]
    open_rows = [row for row in rows if row[semconv.ERROR_TYPE.key] == "circuit_open"]
    places = {(row[semconv.MODEL.key], row.get(semconv.DEPLOYMENT.key)) for row in open_rows}
    assert 1 <= len(open_rows) <= len(places)
    assert not [row[semconv.HINT.key] for row in open_rows if re.search(r"\d", row[semconv.HINT.key])]


@pytest.fixture(scope="module")
def exponential(stack: Stack) -> Loaded:
    """The same load by a service that prefers exponential histograms."""
    setting = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"
    return load(stack, f"{SERVICE}-native", 15.0, **{setting: "base2_exponential_bucket_histogram"})


@pytest.mark.parametrize(
    "asked", [one for one in QUERIES if count(measures.ENDED) in one.expr or "quantile" in one.expr], ids=str
)
def test_exponential_histograms_fill_the_panels_too(exponential: Loaded, asked: Asked) -> None:
    assert bool(values(exponential, asked)) is (asked.where not in EMPTY)
