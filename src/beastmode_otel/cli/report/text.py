"""The report as text for people: sections that stand on their own, in 80 columns. Computes nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cli.report.cache_text import cache_lines
from beastmode_otel.cli.report.coverage import Check, RecordedFailure
from beastmode_otel.cli.report.figures import OUTCOMES, DeploymentFigures, ErrorFigures, ModelFigures, Report
from beastmode_otel.cli.report.reading import Quantiles
from beastmode_otel.cli.terminal import Cell, Column, Style, Tone, short, table, wrapped
from beastmode_otel.cli.units import dollars, percent, seconds, whole

_MODEL: Final = Column(title="model", right=False, elastic=True)
_TONES: Final[dict[str, Tone]] = {"error": "bad", "cancelled": "warn", "abandoned": "warn"}
_BREAKERS: Final[dict[str, Tone]] = {"closed": "good", "half_open": "warn", "open": "bad"}
_MODEL_WIDTH: Final = 30
_LEAST_MODEL: Final = 8
_DEPLOYMENT_WIDTH: Final = 13  # with the longest category and both notes the line just fits
_UNHEALTHY: Final = 0.05  # of a deployment's attempts


def text_of(report: Report, style: Style) -> list[str]:
    """Everything but the verdict."""
    sections = (
        ("REQUESTS", _requests(report, style)),
        ("FIRST TOKEN, TOKENS AND COST", _usage(report, style)),
        ("CACHE", cache_lines(report.cache, style)),
        ("DEPLOYMENTS", _deployments(report, style)),
        ("ERRORS BY CATEGORY", _errors(report, style)),
        ("LAST FAILURES", _recent(report, style)),
        ("COVERAGE", (_check(check, style) for check in report.coverage)),
    )
    lines: list[str] = []
    for title, body in sections:
        lines += ["", style.paint(title, "bold"), *body]
    return lines


def _requests(report: Report, style: Style) -> Iterator[str]:
    titles = ("total", "ok", "error", "canc.", "aband.", "P50", "P95", "P99")
    yield from table([_MODEL, *(Column(title=title) for title in titles)], list(map(_request_row, _all(report))), style)
    hits = "hits of the cache, " if report.cache.used else ""
    note = f"Latency is interpolated from histogram buckets, without {hits}cancelled and abandoned requests."
    yield from _note(note, style)


def _all(report: Report) -> tuple[ModelFigures, ...]:
    return (report.all, *report.models)


def _request_row(model: ModelFigures) -> list[Cell]:
    counts = [
        Cell(whole(model.outcomes[kind]), _TONES.get(kind) if model.outcomes[kind] else None) for kind in OUTCOMES
    ]
    return [_name(model), Cell(whole(model.requests)), *counts, *_times(model.latency, p99=True)]


def _name(model: ModelFigures) -> Cell:
    return Cell(model.model, "bold" if model.model == "all" else None)


def _times(of: Quantiles, *, p99: bool = False) -> list[Cell]:
    return [Cell(seconds(value)) for value in (of.p50, of.p95, *([of.p99] if p99 else []))]


def _usage(report: Report, style: Style) -> Iterator[str]:
    titles = ("1st P50", "1st P95", "input", "cached", "output", "est.", "cost")
    columns = [_MODEL, *(Column(title=title) for title in titles)]
    used = [model for model in _all(report) if any(model.tokens.values()) or model.first_token.p50 is not None]
    if not used:
        yield "  none"
        return
    yield from table(columns, list(map(_usage_row, used)), style)
    unknown = report.all.cost_unknown
    if unknown:
        yield from _note(
            f"{unknown} calls used a model whose price is not known: not in the cost, and not free.", style
        )
    yield from _note("1st: time to the first token of streams. est.: tokens nobody reported, estimated by us.", style)


def _usage_row(model: ModelFigures) -> list[Cell]:
    tokens = [Cell(whole(model.tokens[kind])) for kind in ("input", "cached_input", "output")]
    return [_name(model), *_times(model.first_token), *tokens, Cell(whole(model.estimated)), _cost(model)]


def _cost(model: ModelFigures) -> Cell:
    if model.cost is None:
        return Cell("unknown", "warn") if model.cost_unknown else Cell("-")
    return Cell(dollars(model.cost) + ("+?" if model.cost_unknown else ""))


def _deployments(report: Report, style: Style) -> Iterator[str]:
    columns = [
        Column(title="deployment", right=False, elastic=True),
        *(Column(title=title) for title in ("tries", "failed", "rate", "P50", "P95", "retries", "away")),
        Column(title="breaker", right=False),
    ]
    yield from table(columns, list(map(_deployment_row, report.deployments)), style)
    yield from _note("away: requests that fell back to another deployment.", style)


def _deployment_row(one: DeploymentFigures) -> list[Cell]:
    tone: Tone | None = "bad" if (one.error_share or 0.0) > _UNHEALTHY else None
    counts = [Cell(whole(one.attempts)), Cell(whole(one.errors)), Cell(percent(one.error_share), tone)]
    changes = [Cell(whole(one.retries)), Cell(whole(one.away))]
    breaker = one.breaker or "-"
    state = Cell(breaker.replace("_", "-"), _BREAKERS.get(breaker))
    return [Cell(one.deployment), *counts, *_times(one.latency), *changes, state]


def _errors(report: Report, style: Style) -> Iterator[str]:
    if not report.errors:
        yield style.paint("  none", "good")
        return
    columns = [
        Column(title="category", right=False),
        Column(title="requests"),
        Column(title="attempts"),
        Column(title="failed at", right=False, elastic=True),
    ]
    yield from table(columns, list(map(_error_row, report.errors)), style)


def _error_row(error: ErrorFigures) -> list[Cell]:
    requests = Cell(whole(error.requests), "bad" if error.requests else None)
    where = ", ".join(error.deployments) or "(before any attempt)"
    return [Cell(error.category), requests, Cell(whole(error.attempts)), Cell(where, "dim")]


def _recent(report: Report, style: Style) -> Iterator[str]:
    if not report.recent:
        yield style.paint("  none", "good")
    told: set[str] = set()
    for failure in report.recent:
        yield _failure(failure, style)
        hint = failure.hint or ""
        if hint not in told:  # the same advice eight times is noise
            yield from (style.paint(line, "dim") for line in wrapped(hint, style, indent=11))
        told.add(hint)


def _failure(failure: RecordedFailure, style: Style) -> str:
    clock = time.strftime("%H:%M:%S", time.localtime(failure.at))
    status = f" (HTTP {failure.status})" if failure.status else ""
    where = f" at {short(failure.deployment, _DEPLOYMENT_WIDTH)}" if failure.deployment else ""
    tries = f", {failure.attempts} tries" if (failure.attempts or 0) > 1 else ""
    category = failure.category or "-"
    left = style.width - len(f"  {clock}  {category}{where}{status}{tries}")
    asked = short(failure.model, max(_LEAST_MODEL, min(_MODEL_WIDTH, left)))
    return f"  {style.paint(clock, 'dim')} {asked} {style.paint(category, 'bad')}{where}{status}{tries}"


def _check(check: Check, style: Style) -> str:
    mark = style.paint(" ok", "good") if check.holds else style.paint(" NO", "bad")
    facts = ", ".join(f"{name.replace('_', ' ')} {_number(value)}" for name, value in check.facts.items())
    return f" {mark}  {check.name.ljust(9)}  {facts}"


def _number(value: float) -> str:
    return f"{value:,.3g}" if value != int(value) else f"{int(value):,}"


def verdict_of(report: Report, style: Style) -> str:
    """One line; it belongs at the end, where the eye is."""
    verdict = style.paint("yes", "good") if report.law_holds else style.paint("NO", "bad")
    return f"{style.paint('Every request ended exactly once:', 'bold')} {verdict}"


def _note(text: str, style: Style) -> list[str]:
    return [style.paint(line, "dim") for line in wrapped(text, style, indent=2)]
