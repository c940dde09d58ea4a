"""Tables of the overview: a row for each model, a row for each of the team's own labels."""

from __future__ import annotations

from typing import Any

from beastmode_otel import semconv
from dashboards import measures, texts
from dashboards.colours import NEUTRAL, RED, YELLOW
from dashboards.measures import ENDED, FAILED, OK
from dashboards.promql import many, quantile_of_all
from dashboards.tables import Column, Rows, grid

ERROR_STEPS = ((None, NEUTRAL), (0.01, YELLOW), (0.05, RED))


def models_table() -> Any:
    model = semconv.MODEL
    return grid(
        "Models",
        "Each model in the time range. P95 is the wait for a whole answer; the hit rate is of what the cache was "
        "asked; unpriced calls used tokens whose price is not known.",
        Rows(labels=(model,), widths={"Model": 170}),
        Column(title="Requests", expr=many(ENDED, model), unit="locale", decimals=0),
        Column(title="Errors", expr=measures.error_rate(model), unit="percentunit", decimals=1, steps=ERROR_STEPS),
        Column(title="P95", expr=quantile_of_all(0.95, ENDED, model, where=OK), unit="s"),
        Column(title="Hit rate", expr=measures.hit_rate(model), unit="percentunit", decimals=1),
        Column(title="Spent", expr=measures.money(measures.SPENT, model), unit="currencyUSD"),
        Column(title="Saved", expr=measures.money(measures.SAVED, model), unit="currencyUSD"),
        Column(title="Unpriced calls", expr=many(semconv.COST_UNKNOWN, model), unit="locale", decimals=0),
        empty=texts.NO_REQUESTS_LONG,
    )


def labels_table() -> Any:
    by = (semconv.LABEL, semconv.LABEL_VALUE)
    asked, cost = semconv.LABEL_REQUESTS, semconv.LABEL_COST
    return grid(
        "By your own labels",
        "Requests and money by the labels that your configuration allows, such as the team.",
        Rows(labels=by),
        Column(title="Requests", expr=many(asked, *by), unit="locale", decimals=0),
        Column(title="Failed", expr=many(asked, *by, where=FAILED), unit="locale", decimals=0),
        Column(title="Spent", expr=many(cost, *by, where=measures.SPENT), unit="currencyUSD"),
        Column(title="Saved", expr=many(cost, *by, where=measures.SAVED), unit="currencyUSD"),
        empty=texts.NO_LABELS,
    )
