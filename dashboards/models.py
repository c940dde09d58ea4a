"""Models and deployments: who answers, how fast, at what price, and who is in trouble."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel import semconv
from dashboards import measures, texts
from dashboards.colours import NEUTRAL, RED, YELLOW, colours
from dashboards.common import heatmap, state_timeline, timeseries
from dashboards.flavours import Flavour
from dashboards.frame import DEPLOYMENT_OPENS, Band, board
from dashboards.measures import ANSWERED_OR_FAILED, ENDED, FAILED, OK
from dashboards.promql import heat, many, now, per_minute, quantile, quantile_of_all, rate, share
from dashboards.queries import Query, each, line
from dashboards.tables import Column, Rows, grid

UID: Final = "beastmode-models"
MODEL, DEPLOYMENT = semconv.MODEL, semconv.DEPLOYMENT
TRIED: Final = semconv.ATTEMPT_DURATION
_STEPS: Final = ((None, NEUTRAL), (0.05, YELLOW), (0.5, RED))


def latency_by_model() -> Any:
    return timeseries(
        "P95 latency by model",
        "95 of 100 callers waited less for a whole answer. Dots lead to a trace.",
        "s",
        line(quantile(0.95, ENDED, MODEL, where=OK), each(MODEL), exemplars=True),
        empty=texts.NO_REQUESTS_LONG,
    )


def latency_heat() -> Any:
    return heatmap(
        "Latency of all answers",
        "How many answers per minute took how long: hits are the band at the bottom, providers the ones above.",
        "s",
        Query(expr=heat(ENDED, OK), legend="{{le}}", heatmap=True),
        empty=texts.NO_REQUESTS_LONG,
    )


def first_token() -> Any:
    return timeseries(
        "Time to first token",
        "P95, from the start of the attempt to the first content of its stream.",
        "s",
        line(quantile(0.95, semconv.TIME_TO_FIRST_TOKEN, MODEL), each(MODEL), exemplars=True),
        empty=texts.NO_STREAMS,
    )


def speed() -> Any:
    return timeseries(
        "Output speed in tokens per second",
        "Output tokens for each second in which a caller waited for a provider, retries included; hits are left out.",
        "short",
        line(measures.output_speed(MODEL), each(MODEL)),
        empty=texts.NO_TOKENS,
    )


def tokens_by_type() -> Any:
    return timeseries(
        "Tokens per second, by type",
        "Input includes cached input, output includes reasoning: do not add those up.",
        "short",
        line(rate(semconv.TOKEN_COUNT, semconv.TOKEN_TYPE), each(semconv.TOKEN_TYPE)),
        empty=texts.NO_TOKENS,
        colours=colours(semconv.TOKEN_TYPE),
    )


def tokens_by_model() -> Any:
    whole = {semconv.TOKEN_TYPE: ("input", "output")}
    return timeseries(
        "Tokens per second, by model",
        "Input and output tokens.",
        "short",
        line(rate(semconv.TOKEN_COUNT, MODEL, where=whole), each(MODEL)),
        empty=texts.NO_TOKENS,
        stacked=True,
    )


def cost_by_model() -> Any:
    spent = rate(semconv.COST_TOTAL, MODEL, where=measures.SPENT)
    return timeseries(
        "Cost per hour, by model",
        "At the present pace. Calls whose price is not known are not in it.",
        "currencyUSD",
        line(f"3600 * {spent}", each(MODEL)),
        empty=texts.NO_PRICE_LONG,
        stacked=True,
    )


def tokens_table() -> Any:
    def tokens(kind: str) -> str:
        return many(semconv.TOKEN_COUNT, MODEL, where={semconv.TOKEN_TYPE: kind})

    estimated = many(semconv.TOKEN_COUNT, MODEL, where={semconv.TOKEN_SOURCE: "estimated"})
    return grid(
        "Tokens and cost by model",
        "In the time range. Estimated: what we counted because the provider did not say.",
        Rows(labels=(MODEL,), widths={"Model": 160}),
        Column(title="Input", expr=tokens("input"), unit="locale", decimals=0),
        Column(title="Cached input", expr=tokens("cached_input"), unit="locale", decimals=0),
        Column(title="Output", expr=tokens("output"), unit="locale", decimals=0),
        Column(title="Reasoning", expr=tokens("reasoning"), unit="locale", decimals=0),
        Column(title="Estimated", expr=estimated, unit="locale", decimals=0),
        Column(title="Spent", expr=measures.money(measures.SPENT, MODEL), unit="currencyUSD"),
        empty=texts.NO_TOKENS,
    )


def deployments_table() -> Any:
    failed = share(
        many(TRIED, DEPLOYMENT, where=FAILED),
        many(TRIED, DEPLOYMENT, where=ANSWERED_OR_FAILED),
    )
    return grid(
        "Deployments",
        "Each deployment in the time range. A failed attempt that a retry or fallback made good fails no request.",
        Rows(labels=(DEPLOYMENT,), widths={"Deployment": 160}),
        Column(title="Attempts", expr=many(TRIED, DEPLOYMENT), unit="locale", decimals=0),
        Column(title="Failed", expr=failed, unit="percentunit", decimals=1, steps=_STEPS),
        Column(title="P95", expr=quantile_of_all(0.95, TRIED, DEPLOYMENT, where=OK), unit="s"),
        Column(title="Retries", expr=many(semconv.RETRIES, DEPLOYMENT), unit="locale", decimals=0),
        Column(title="Breaker", expr=now(semconv.DEPLOYMENT_STATE, DEPLOYMENT, how="max"), states=True),
        empty=texts.NO_ATTEMPTS,
    )


def breakers() -> Any:
    return state_timeline(
        "Breakers",
        "Open: nothing is sent there, after failures in a row. Half-open: one request finds out. The worst of all "
        "processes.",
        line(now(semconv.DEPLOYMENT_STATE, DEPLOYMENT, how="max"), each(DEPLOYMENT)),
        empty="No deployment was used yet: a breaker is known from the first request on.",
    )


def attempts() -> Any:
    return timeseries(
        "Attempts by outcome",
        "Calls to providers per minute, retries and fallbacks included.",
        "reqpm",
        line(per_minute(TRIED, semconv.OUTCOME), each(semconv.OUTCOME)),
        empty=texts.NO_ATTEMPTS,
        colours=colours(semconv.OUTCOME),
        stacked=True,
    )


def latency_by_deployment() -> Any:
    return timeseries(
        "P95 latency by deployment",
        "One successful attempt, up to the last byte. Dots lead to a trace.",
        "s",
        line(quantile(0.95, TRIED, DEPLOYMENT, where=OK), each(DEPLOYMENT), exemplars=True),
        empty=texts.NO_ATTEMPTS,
    )


def first_token_by_deployment() -> Any:
    return timeseries(
        "Time to first token by deployment",
        "P95, from the start of the attempt to the first content of its stream.",
        "s",
        line(quantile(0.95, semconv.TIME_TO_FIRST_TOKEN, DEPLOYMENT), each(DEPLOYMENT)),
        empty=texts.NO_STREAMS,
    )


def retries() -> Any:
    return timeseries(
        "Retries per minute",
        "Attempts at the same deployment once more, by what made them necessary.",
        "short",
        line(per_minute(semconv.RETRIES, DEPLOYMENT, semconv.ERROR_TYPE), each(DEPLOYMENT, semconv.ERROR_TYPE)),
        empty="No retries in this time range.",
        stacked=True,
    )


def fallbacks() -> Any:
    by = (semconv.FALLBACK_FROM, semconv.FALLBACK_TO)
    return timeseries(
        "Fallbacks per minute",
        "Requests that went on to another deployment.",
        "short",
        line(per_minute(semconv.FALLBACKS, *by), each(*by, between=" → ")),
        empty="No fallbacks in this time range: every first choice answered, or there is no second.",
        stacked=True,
    )


def rate_limits() -> Any:
    return timeseries(
        "Left of the rate limit",
        "What each provider said last. At zero it answers 429.",
        "short",
        line(
            now(semconv.RATE_LIMIT_REMAINING, DEPLOYMENT, semconv.LIMIT_KIND, how="min"),
            each(DEPLOYMENT, semconv.LIMIT_KIND),
        ),
        empty="No provider sent rate limit headers.",
    )


def models(flavour: Flavour) -> dict[str, Any]:
    bands = [
        Band(title="Models", height=9, panels=((8, latency_by_model()), (8, first_token()), (8, speed()))),
        Band(height=9, panels=((8, tokens_by_type()), (8, tokens_by_model()), (8, cost_by_model()))),
        Band(height=9, panels=((10, latency_heat()), (14, tokens_table()))),
        Band(title="Deployments", height=9, panels=((10, breakers()), (14, deployments_table()))),
        Band(height=9, panels=((8, attempts()), (8, latency_by_deployment()), (8, first_token_by_deployment()))),
        Band(height=9, panels=((8, retries()), (8, fallbacks()), (8, rate_limits()))),
    ]
    return board(
        uid=UID,
        title="beastmode / Models and deployments",
        about="Who answers, how fast, at what price, and who is in trouble.",
        bands=bands,
        marks=(DEPLOYMENT_OPENS,),
        flavour=flavour,
    )
