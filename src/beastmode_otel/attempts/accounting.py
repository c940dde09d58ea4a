"""What an attempt used and cost, as far as it came. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from beastmode_otel.errors import AttemptRecord, BeastModeError
from beastmode_otel.observer import AttemptOutcome, OutcomeKind
from beastmode_otel.prices import PriceBook
from beastmode_otel.wire import Ask, Format, Reply, Usage, estimate


def record_of(
    deployment: str,
    kind: OutcomeKind,
    error: BeastModeError | None,
    *,
    status: int | None,
    sent: bool,
    duration: float,
) -> AttemptRecord:
    """error: None unless it failed. duration: seconds."""
    return AttemptRecord(
        deployment=deployment,
        outcome=kind,
        category=error.category.name if error else None,
        status=status,
        sent=sent,
        duration=duration,
    )


def outcome_of(
    ended: AttemptRecord,
    kind: OutcomeKind,
    error: BeastModeError | None,
    *,
    reply: Reply | None,
    tokens: Usage | None,
    cost: float | None,
) -> AttemptOutcome:
    """reply: as far as it came. tokens, cost: what it used, in USD; None when nothing is known of it."""
    return AttemptOutcome(
        kind=kind,
        sent=ended.sent,
        status=ended.status,
        category=error.category if error else None,
        provider_code=error.provider_code if error else None,
        exception=type(error.__cause__).__name__ if error and error.__cause__ else None,
        reply=reply,
        tokens=tokens,
        cost=cost,
    )


def tokens_of(reply: Reply, form: Format, body: Mapping[str, Any], *, whole: bool) -> Usage:
    """The provider's own count where there is one; what it leaves out is estimated from the texts, and marked so.

    whole: the answer was read to its end. A stream that ended early is billed for what was generated, but most
    providers report usage only at the end; what Anthropic says at the start counts one token or two of the answer.
    """
    said = reply.usage
    if whole and said is not None and said.input_tokens is not None:
        return said
    seen = estimate(reply.text)
    if said is None or said.input_tokens is None:
        return Usage(input_tokens=estimate(form.prompt_text(body)), output_tokens=seen, estimated=True)
    if said.output_tokens and said.output_tokens >= seen:
        return said
    return replace(said, output_tokens=seen, estimated=True)


def is_billed(reply: Reply, *, whole: bool) -> bool:
    """Not what failed before it generated anything, nor a receipt for an answer that is still to be made."""
    return not reply.pending and bool(whole or reply.text or reply.usage)


def cost_of(prices: PriceBook, reply: Reply, ask: Ask, provider: str, usage: Usage) -> float | None:
    """USD; None when nobody knows the price of the model. The requested name goes first: it is what prices list."""
    for model in (ask.model, reply.model):
        if model:
            cost = prices.cost(model, provider, usage)
            if cost is not None:
                return cost
    return None
