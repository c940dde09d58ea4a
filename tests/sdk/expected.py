"""What a cell of the matrix must have recorded, worked out from the specification and not from the code."""

from __future__ import annotations

from typing import Any

from sdk.adapters import Sdk
from sdk.matrix import Cell, Dialect, Try

# How one leaves a stream of which one event was read.
AFTER_THE_FIRST = ("bare_break", "with_break", "close", "abandon", "raise_inside")
Series = dict[str, dict[frozenset[tuple[str, Any]], float]]
_TOLD = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cached_input": "gen_ai.usage.cache_read.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}


def category(attempt: Try, dialect: Dialect) -> str | None:
    return dialect.event if attempt.category == "event" else attempt.category


def code(attempt: Try, dialect: Dialect) -> str | None:
    if attempt.code is False or attempt.status is None:
        return None
    return dialect.codes[attempt.status]


def span(cell: Cell, number: int, sdk: Sdk, dialect: Dialect, host: str, port: int, outcome: str) -> dict[str, Any]:
    """The span's attributes, without its hint, what was estimated, and what a response says of itself."""
    attempt = cell.tries[number - 1]
    found: dict[str, Any] = {
        "gen_ai.operation.name": sdk.operation,
        "gen_ai.provider.name": "custom" if host.endswith(".invalid") else "local",
        "gen_ai.request.model": sdk.model,
        "gen_ai.request.max_tokens": 64,
        "server.address": host,
        "server.port": port,
        "beastmode.model": sdk.model,
        "beastmode.stream": cell.stream,
        "beastmode.attempt": number if dialect.counts else 1,
        "beastmode.attempts": 1,
        "beastmode.attempt.sent": attempt.sent,
        "beastmode.deployment": f"{host}:{port}" if port not in (80, 443) else host,
        "beastmode.cache.status": "off",
        "beastmode.outcome": outcome,
        "error.type": category(attempt, dialect),
        "http.response.status_code": attempt.status,
        "beastmode.error.code": code(attempt, dialect),
        "exception.type": attempt.exception,
    }
    if attempt.tokens == "provider":
        found |= {_TOLD[kind]: count for kind, count in dialect.tokens.items()}
        found |= {"gen_ai.response.finish_reasons": (dialect.finish,)}
        found |= {"gen_ai.response.model": sdk.model} if dialect.names_model else {}
    return {key: value for key, value in found.items() if value is not None}


def metrics(cell: Cell, sdk: Sdk, dialect: Dialect, deployment: str, outcomes: list[str]) -> Series:
    """Every beastmode.* series, by count or value, but for the tokens that were estimated."""
    model = {"beastmode.model": sdk.model}
    door = {"beastmode.door": "hook"}
    calls = len(cell.tries)
    entries: list[tuple[str, dict[str, Any], float]] = [
        ("beastmode.requests.started", model | door | {"beastmode.stream": str(cell.stream).lower()}, calls),
        ("beastmode.llm.calls", door, calls),
        ("beastmode.requests.active", door, 0),
        ("beastmode.requests.oldest", door, 0),
    ]
    for attempt, outcome in zip(cell.tries, outcomes, strict=True):
        entries += _request(attempt, outcome, model, dialect)
        came = attempt.token_came or (dialect.begins and cell.action in AFTER_THE_FIRST)
        entries += _attempt(attempt, came, outcome, model, {"beastmode.deployment": deployment}, dialect)
    found: Series = {}
    for name, labels, value in entries:
        series, key = found.setdefault(name, {}), frozenset(labels.items())
        series[key] = series.get(key, 0) + value
    return found


def _request(attempt: Try, outcome: str, model: dict[str, str], dialect: Dialect) -> list[Any]:
    cache = {"beastmode.cache.status": "off"}
    found = [("beastmode.request.duration", model | cache | {"beastmode.outcome": outcome}, 1)]
    wrong = category(attempt, dialect)
    if wrong is not None:
        found.append(("beastmode.errors", model | {"error.type": wrong}, 1))
    return found


def _attempt(
    attempt: Try, token_came: bool, outcome: str, model: dict[str, str], deployment: dict[str, str], dialect: Dialect
) -> list[Any]:
    wrong = category(attempt, dialect)
    labels = deployment | {"beastmode.outcome": outcome} | ({"error.type": wrong} if wrong else {})
    found: list[Any] = [("beastmode.attempt.duration", labels, 1)]
    if attempt.status is not None:
        found.append(("beastmode.responses", deployment | {"http.response.status_code": attempt.status}, 1))
    if token_came:
        found.append(("beastmode.time_to_first_token", model | deployment, 1))
    if attempt.tokens == "provider":
        for kind, count in dialect.tokens.items():
            source = {"beastmode.token.type": kind, "beastmode.token.source": "provider"}
            found.append(("beastmode.tokens", model | source, count))
        found.append(("beastmode.cost.unknown", model, 1))  # nobody knows the price of a model on this machine
    return found
