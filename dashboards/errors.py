"""Errors: what fails, where, why, and what to do about it."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel import semconv
from dashboards import measures, texts
from dashboards.colours import GREEN, NEUTRAL, RED, YELLOW, colours
from dashboards.common import lines_of_log, stat, timeseries
from dashboards.flavours import Flavour
from dashboards.frame import DEPLOYMENT_OPENS, Band, board
from dashboards.measures import ENDED, FAILED
from dashboards.prometheus_names import TRACE
from dashboards.promql import many, or_zero, per_minute
from dashboards.queries import each, line, records, value
from dashboards.tables import Column, Rows, failures_table, grid, wide

UID: Final = "beastmode-errors"
CATEGORY: Final = semconv.ERROR_TYPE
TRIED: Final = semconv.ATTEMPT_DURATION
_CAUSE: Final = (CATEGORY, semconv.MODEL, semconv.DEPLOYMENT, semconv.HINT)


def rate_now() -> Any:
    return stat(
        "Error rate",
        "Failed requests of those answered or failed. Who leaves early does not fail. Red from 5 %.",
        "percentunit",
        value(measures.error_rate(), "Error rate"),
        empty=texts.NO_REQUESTS,
        steps=((None, NEUTRAL), (0.01, YELLOW), (0.05, RED)),
    )


def failed() -> Any:
    return stat(
        "Failed requests and attempts",
        "In the time range. A request may fail without any attempt, and an attempt without its request: a retry or a "
        "fallback made it good.",
        "locale",
        value(or_zero(many(semconv.ERRORS)), "Requests"),
        value(or_zero(many(TRIED, where=FAILED)), "Attempts"),
        empty=texts.NO_TELEMETRY,
        decimals=0,
    )


def left() -> Any:
    return stat(
        "Left by the caller",
        "No errors: cancelled requests, and streams that were forgotten without close() (a bug of the caller).",
        "locale",
        value(or_zero(many(ENDED, where={semconv.OUTCOME: "cancelled"})), "Cancelled"),
        value(or_zero(many(ENDED, where={semconv.OUTCOME: "abandoned"})), "Abandoned"),
        empty=texts.NO_TELEMETRY,
        decimals=0,
    )


def lost() -> Any:
    return stat(
        "Telemetry lost",
        "Spans, values and records that were lost on the way. Red: what you see is not all there is.",
        "locale",
        value(measures.lost_telemetry(), "Lost"),
        empty=texts.NO_TELEMETRY,
        steps=((None, GREEN), (1, RED)),
        decimals=0,
    )


def rate_by_model() -> Any:
    return timeseries(
        "Error rate by model",
        "Failed requests of those answered or failed.",
        "percentunit",
        line(measures.error_rate_over_time(semconv.MODEL), each(semconv.MODEL)),
        empty=texts.NO_REQUESTS_LONG,
        top=1,
    )


def by_category() -> Any:
    return timeseries(
        "Failed requests per minute, by category",
        "By why they failed.",
        "short",
        line(per_minute(semconv.ERRORS, CATEGORY), each(CATEGORY)),
        empty=texts.NO_ERRORS,
        stacked=True,
    )


def by_deployment() -> Any:
    return timeseries(
        "Failed attempts per minute, by deployment",
        "Those included that a retry or a fallback made good.",
        "short",
        line(per_minute(TRIED, semconv.DEPLOYMENT, where=FAILED), each(semconv.DEPLOYMENT)),
        empty=texts.NO_ERRORS,
        stacked=True,
    )


def what_to_do(flavour: Flavour) -> Any:
    return grid(
        "What fails, and what to do",
        "Failed requests in the time range by cause, with the hint that the error carries.",
        Rows(labels=_CAUSE, widths={"Category": 180, "Model": 170, "Deployment": 150, "Requests": 90}, wrapped="Hint"),
        Column(title="Requests", expr=flavour.counted(_CAUSE), unit="locale", decimals=0),
        empty="No failed request in this time range, or its log records do not arrive.",
        logs=flavour,
    )


def attempts_table() -> Any:
    by = (semconv.DEPLOYMENT, CATEGORY)
    return grid(
        "Failed attempts by deployment and category",
        "In the time range, those included that a retry or a fallback made good.",
        Rows(labels=by, widths={"Category": 170}),
        Column(title="Attempts", expr=many(TRIED, *by, where=FAILED), unit="locale", decimals=0),
        Column(title="Retries", expr=many(semconv.RETRIES, *by), unit="locale", decimals=0),
        empty=texts.NO_ERRORS,
    )


def responses() -> Any:
    by = (semconv.DEPLOYMENT, semconv.STATUS_CODE)
    return grid(
        "Responses by status",
        "What providers answered in the time range. Attempts without a response (refused, timed out) are not in it.",
        Rows(labels=by),
        Column(title="Responses", expr=many(semconv.RESPONSES, *by), unit="locale", decimals=0),
        empty=texts.NO_ATTEMPTS,
    )


def by_model_table() -> Any:
    by = (semconv.MODEL, CATEGORY)
    return grid(
        "Failed requests by model and category",
        "In the time range.",
        Rows(labels=by, widths={"Category": 170}),
        Column(title="Requests", expr=many(semconv.ERRORS, *by), unit="locale", decimals=0),
        empty=texts.NO_ERRORS,
    )


def outcomes() -> Any:
    other = {semconv.OUTCOME: ("error", "cancelled", "abandoned")}
    return timeseries(
        "Requests that were not answered",
        "Per minute, by how they ended.",
        "reqpm",
        line(per_minute(ENDED, semconv.OUTCOME, where=other), each(semconv.OUTCOME)),
        empty="Every request in this time range was answered.",
        colours=colours(semconv.OUTCOME),
        stacked=True,
    )


def latest(flavour: Flavour) -> Any:
    field = flavour.field
    shown = {
        "Time": "Time",
        field(CATEGORY): "Category",
        field(semconv.MODEL): "Model",
        field(semconv.DEPLOYMENT): "Deployment",
        field(semconv.STATUS_CODE): "Status",
        field(semconv.ATTEMPTS): "Attempts",
        field(semconv.HINT): "Hint",
        TRACE: "Trace",
    }
    panel = failures_table(
        "Latest failed requests",
        "The newest records, each with its trace.",
        shown,
        empty="No failed request in this time range, or its log records do not arrive.",
        flavour=flavour,
    )
    widths = {"Time": 165, "Category": 165, "Model": 150, "Deployment": 130, "Status": 65, "Attempts": 80, "Trace": 290}
    return wide(panel, widths, wrapped="Hint")


def log(flavour: Flavour) -> Any:
    return lines_of_log(
        "Log",
        "One line for each failed request, with all its attributes when you open it.",
        records(flavour.told(), flavour),
        empty="No failed request in this time range, or its log records do not arrive.",
    )


def errors(flavour: Flavour) -> dict[str, Any]:
    bands = [
        Band(height=4, panels=((5, rate_now()), (7, failed()), (6, left()), (6, lost()))),
        Band(height=9, panels=((8, by_category()), (8, rate_by_model()), (8, by_deployment()))),
        Band(height=9, panels=((24, what_to_do(flavour)),)),
        Band(height=9, panels=((24, latest(flavour)),)),
        Band(title="Where", height=9, panels=((8, by_model_table()), (8, attempts_table()), (8, responses()))),
        Band(title="Records", height=9, panels=((8, outcomes()), (16, log(flavour)))),
    ]
    return board(
        uid=UID,
        title="beastmode / Errors",
        about="What fails, where, why, and what to do about it.",
        bands=bands,
        marks=(DEPLOYMENT_OPENS,),
        flavour=flavour,
    )
