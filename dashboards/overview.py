"""The overview: is it well, is it fast, what does it cost, and does the cache help."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel import semconv
from dashboards import measures, texts
from dashboards.colours import GREEN, NEUTRAL, QUANTILES, RED, YELLOW, colours
from dashboards.common import lines_of_log, property_of, stat, state_timeline, timeseries, united
from dashboards.flavours import Flavour
from dashboards.frame import DEPLOYMENT_OPENS, Band, board
from dashboards.measures import ENDED, OK
from dashboards.overview_tables import labels_table, models_table
from dashboards.promql import many, now, or_zero, per_minute, quantile, quantile_of_all, zero
from dashboards.queries import each, line, records, value

UID: Final = "beastmode-overview"
_WINDOWS: Final = (("24 hours", "24h", "5m"), ("7 days", "7d", "30m"), ("30 days", "30d", "2h"))
_QUANTILES: Final = (("P50", 0.5), ("P95", 0.95), ("P99", 0.99))


def requests() -> Any:
    return stat(
        "Requests",
        "Requests that ended in the time range, hits and failures included.",
        "locale",
        value(or_zero(many(ENDED)), "Requests"),
        empty=texts.NO_REQUESTS,
        decimals=0,
    )


def error_rate() -> Any:
    return stat(
        "Error rate",
        "Failed requests of those answered or failed. Who leaves early does not fail. Red from 5 %: open Errors.",
        "percentunit",
        value(measures.error_rate(), "Error rate"),
        empty=texts.NO_REQUESTS,
        steps=((None, NEUTRAL), (0.01, YELLOW), (0.05, RED)),
    )


def latency() -> Any:
    return stat(
        "Latency",
        "How long callers waited for a whole answer, hits included.",
        "s",
        *(value(quantile_of_all(q, ENDED, where=OK), name) for name, q in _QUANTILES),
        empty=texts.NO_REQUESTS,
    )


def cost() -> Any:
    panel = stat(
        "Cost",
        "What providers were paid, what cache and routing saved, and its share of what all would have cost.",
        "currencyUSD",
        value(measures.money(measures.SPENT), "Spent"),
        value(measures.money(measures.SAVED), "Saved"),
        value(measures.saved_share(), "Saved share"),
        empty=texts.NO_PRICE,
    )
    return united(panel, {"Saved share": "percentunit"})


def active() -> Any:
    return stat(
        "Active now",
        "Requests under way at this moment.",
        "short",
        value(now(semconv.REQUESTS_ACTIVE), "Active"),
        empty=texts.NO_TELEMETRY,
        decimals=0,
    )


def oldest() -> Any:
    return stat(
        "Oldest active",
        "Age of the oldest request under way. Red from 15 minutes, beyond every default timeout: it hangs or was lost.",
        "s",
        value(now(semconv.REQUESTS_OLDEST, how="max"), "Oldest"),
        empty=texts.NO_TELEMETRY,
        steps=((None, NEUTRAL), (180, YELLOW), (900, RED)),
    )


def hit_rate() -> Any:
    return stat(
        "Cache hit rate",
        "Hits of the requests for which the cache was asked, and each tier's part of it. Shared (collapsed) calls are "
        "misses here.",
        "percentunit",
        value(measures.hit_rate(), "All"),
        *(value(measures.hit_rate_of_tier(tier), tier) for tier in semconv.CACHE_TIER.values),
        empty=texts.NO_CACHE,
    )


def coverage() -> Any:
    panel = stat(
        "Coverage",
        "LLM calls that went through beastmode_otel of all it saw; and what was lost of its telemetry. Red: "
        "what you see is not all there is.",
        "percentunit",
        value(measures.managed(), "Calls managed"),
        value(measures.lost_telemetry(), "Telemetry lost"),
        empty=texts.NO_TELEMETRY,
        steps=((None, RED), (0.9, YELLOW), (0.99, GREEN)),
    )
    lost = {"mode": "absolute", "steps": [{"value": None, "color": GREEN}, {"value": 1, "color": RED}]}
    return united(panel, {"Telemetry lost": "locale"}).override_by_name(
        "Telemetry lost", [property_of("thresholds", lost), property_of("decimals", 0)]
    )


def outcomes() -> Any:
    return timeseries(
        "Requests by outcome",
        "Requests per minute, by how they ended.",
        "reqpm",
        line(per_minute(ENDED, semconv.OUTCOME), each(semconv.OUTCOME)),
        empty=texts.NO_REQUESTS_LONG,
        colours=colours(semconv.OUTCOME),
        stacked=True,
    )


def latency_over_time() -> Any:
    return timeseries(
        "Latency over time",
        "How long callers waited for a whole answer. Dots lead to a trace.",
        "s",
        *(line(quantile(q, ENDED, where=OK), name, exemplars=name == "P95") for name, q in _QUANTILES),
        empty=texts.NO_REQUESTS_LONG,
        colours=QUANTILES,
    )


def hits_over_time() -> Any:
    return timeseries(
        "Cache hit rate by tier",
        "Each tier's part of the hit rate; together they are the hit rate.",
        "percentunit",
        line(measures.hit_rate_of_tiers_over_time(), each(semconv.CACHE_TIER)),
        empty=texts.NO_CACHE_LONG,
        colours=colours(semconv.CACHE_TIER),
        stacked=True,
        top=1,
    )


def health() -> Any:
    return state_timeline(
        "Health of deployments and tiers",
        "Their breakers: open means that nothing is sent there, after failures in a row. The worst of all processes.",
        line(now(semconv.DEPLOYMENT_STATE, semconv.DEPLOYMENT, how="max"), each(semconv.DEPLOYMENT)),
        line(now(semconv.CACHE_TIER_STATE, semconv.CACHE_TIER, how="max"), f"cache {each(semconv.CACHE_TIER)}"),
        empty="No deployment was used yet: a breaker is known from the first request on.",
    )


def recent_errors(flavour: Flavour) -> Any:
    return lines_of_log(
        "Recent errors",
        "One line for each failed request, with what to do about it. Open a line for its trace.",
        records(flavour.told(), flavour),
        empty="No failed request in this time range.",
    )


def by_model() -> Any:
    return timeseries(
        "Requests by model",
        "Requests per minute, by the model id that callers asked for.",
        "reqpm",
        line(per_minute(ENDED, semconv.MODEL), each(semconv.MODEL)),
        empty=texts.NO_REQUESTS_LONG,
        stacked=True,
    )


def started() -> Any:
    whole, stream = (
        per_minute(semconv.REQUESTS_STARTED, semconv.DOOR, where={semconv.STREAM: kind}) for kind in ("false", "true")
    )
    return timeseries(
        "Requests that came in",
        "Per minute, by the door they came through and whether the caller reads a stream.",
        "reqpm",
        line(whole, f"{each(semconv.DOOR)} · whole"),
        line(stream, f"{each(semconv.DOOR)} · stream"),
        empty=texts.NO_REQUESTS_LONG,
        stacked=True,
    )


def active_over_time() -> Any:
    return timeseries(
        "Active requests",
        "How many were under way, by door. A line that only rises: callers forget to close streams.",
        "short",
        line(now(semconv.REQUESTS_ACTIVE, semconv.DOOR), each(semconv.DOOR)),
        empty="No telemetry yet: it begins with the first request.",
    )


def days(name: str, window: str, step: str) -> Any:
    told_of = measures.over_days(window, step)
    panel = stat(
        f"Last {name}",
        f"The {name} up to the end of the time range. Running processes count at once, ended ones each {step}.",
        "short",
        *(value(f"({expr}) or {zero()}" if title == "Requests" else expr, title) for title, expr, _ in told_of),
        empty=texts.NO_REQUESTS,
    )
    return united(panel, {title: unit for title, _, unit in told_of})


def overview(flavour: Flavour) -> dict[str, Any]:
    bands = [
        Band(height=4, panels=((4, requests()), (4, error_rate()), (8, latency()), (8, cost()))),
        Band(height=4, panels=((4, active()), (4, oldest()), (8, hit_rate()), (8, coverage()))),
        Band(height=8, panels=((8, outcomes()), (8, latency_over_time()), (8, hits_over_time()))),
        Band(height=8, panels=((10, health()), (14, recent_errors(flavour)))),
        Band(title="Models", height=9, panels=((10, by_model()), (14, models_table()))),
        Band(title="Load and teams", height=9, panels=((6, started()), (6, active_over_time()), (12, labels_table()))),
        Band(title="Totals", height=5, panels=tuple((8, days(*window)) for window in _WINDOWS)),
    ]
    return board(
        uid=UID,
        title="beastmode / Overview",
        about="Is it well, is it fast, what does it cost, does the cache help.",
        bands=bands,
        marks=(DEPLOYMENT_OPENS,),
        flavour=flavour,
    )
