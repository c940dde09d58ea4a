"""What a cell of the matrix must have recorded, worked out from the specification and not from the code."""

from __future__ import annotations

from typing import Any

from telemetry.matrix import TOKENS, Cell, Try

COST = ((110 - 30) * 0.15 + 30 * 0.075 + 40 * 0.6) / 1e6  # gpt-4o-mini, USD
Series = dict[str, dict[frozenset[tuple[str, Any]], float]]


def label(value: Any) -> str:
    return value if isinstance(value, str) and value else "_OTHER"


def series(*entries: tuple[str, dict[str, Any], float]) -> Series:
    found: Series = {}
    for name, labels, value in entries:
        key = frozenset(labels.items())
        found.setdefault(name, {})
        found[name][key] = found[name].get(key, 0) + value
    return found


def metrics(cell: Cell, provider_port: int | None) -> Series:
    """Every beastmode.* series of the request, by count or value, except those whose value is a guess or a duration."""
    model = {"beastmode.model": label(cell.model)}
    outcome = {"beastmode.outcome": cell.outcome, "beastmode.cache.status": "off"}
    entries: list[tuple[str, dict[str, Any], float]] = [
        (
            "beastmode.requests.started",
            model | {"beastmode.door": "router", "beastmode.stream": "true" if cell.stream else "false"},
            1,
        ),
        ("beastmode.llm.calls", {"beastmode.door": "router"}, 1),
        ("beastmode.requests.active", {"beastmode.door": "router"}, 0),
        ("beastmode.requests.oldest", {"beastmode.door": "router"}, 0),
        ("beastmode.request.duration", model | outcome, 1),
    ]
    if cell.category is not None:
        entries.append(("beastmode.errors", model | {"error.type": cell.category}, 1))
    for attempt in cell.tries:
        entries += _attempt(attempt, model)
    for (deployment, category), count in cell.retries.items():
        entries.append(("beastmode.retries", {"beastmode.deployment": deployment, "error.type": category}, count))
    for (source, target), count in cell.fallbacks.items():
        labels = {"beastmode.fallback.from": source, "beastmode.fallback.to": target}
        entries.append(("beastmode.fallbacks", labels, count))
    for deployment, state in cell.states.items():
        entries.append(("beastmode.deployment.state", {"beastmode.deployment": deployment}, state))
    return series(*entries)


def _attempt(
    attempt: Try, model: dict[str, str], *, provider: str = "openai"
) -> list[tuple[str, dict[str, Any], float]]:
    deployment = {"beastmode.deployment": attempt.deployment}
    error = {"error.type": attempt.category} if attempt.category else {}
    found: list[tuple[str, dict[str, Any], float]] = [
        ("beastmode.attempt.duration", deployment | error | {"beastmode.outcome": attempt.outcome}, 1)
    ]
    if attempt.status is not None:
        found.append(("beastmode.responses", deployment | {"http.response.status_code": attempt.status}, 1))
    if attempt.token_came:
        found.append(("beastmode.time_to_first_token", model | deployment, 1))
    if attempt.tokens == "provider":
        for kind, name in (
            ("input", "input_tokens"),
            ("output", "output_tokens"),
            ("cached_input", "cached_tokens"),
            ("reasoning", "reasoning_tokens"),
        ):
            labels = {"beastmode.token.type": kind, "beastmode.token.source": "provider"}
            found.append(("beastmode.tokens", model | labels, TOKENS[name]))
        labels = {"beastmode.provider": provider, "beastmode.cost.kind": "spent", "beastmode.cost.source": "local"}
        found.append(("beastmode.cost", model | labels, COST))
    return found


def route_span(cell: Cell) -> dict[str, Any]:
    """The route span's attributes, without its hint."""
    found: dict[str, Any] = {
        "beastmode.model": label(cell.model),
        "beastmode.stream": cell.stream,
        "beastmode.outcome": cell.outcome,
        "beastmode.cache.status": "off",
        "beastmode.attempts": len(cell.tries),
        "beastmode.route": cell.route,
        "beastmode.deployment": cell.deployment,
        "error.type": cell.category,
    }
    last = cell.tries[-1] if cell.tries else None
    if cell.outcome == "error" and last is not None:
        found |= {"http.response.status_code": last.status, "beastmode.error.code": last.code}
    if last is not None and last.tokens == "provider":
        found["beastmode.cost.usd"] = COST
    return {key: value for key, value in found.items() if value is not None}


def attempt_span(cell: Cell, number: int, host: str, port: int) -> dict[str, Any]:
    """The attempt span's attributes, without what a response or an estimate says."""
    attempt = cell.tries[number - 1]
    found = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.max_tokens": 64,
        "server.address": host,
        "server.port": port,
        "beastmode.attempt": number,
        "beastmode.attempt.sent": attempt.sent,
        "beastmode.deployment": attempt.deployment,
        "beastmode.model": cell.model,
        "beastmode.outcome": attempt.outcome,
        "http.response.status_code": attempt.status,
        "error.type": attempt.category,
        "beastmode.error.code": attempt.code,
        "exception.type": attempt.exception,
    }
    return {key: value for key, value in found.items() if value is not None}


def response_attributes(attempt: Try) -> dict[str, Any]:
    """What a whole answer adds to its attempt's span."""
    if attempt.tokens != "provider":
        return {}
    return {
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 110,
        "gen_ai.usage.output_tokens": 40,
        "gen_ai.usage.cache_read.input_tokens": 30,
        "gen_ai.usage.reasoning.output_tokens": 8,
        "beastmode.cost.usd": COST,
    }
