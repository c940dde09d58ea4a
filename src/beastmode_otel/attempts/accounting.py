"""What an attempt used and cost, as far as it came. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from beastmode_otel.errors import AttemptRecord, BeastModeError
from beastmode_otel.observer import AttemptOutcome, CostSource, OutcomeKind
from beastmode_otel.prices import Charge, PriceBook
from beastmode_otel.wire import (
    Ask,
    Billing,
    Format,
    Reply,
    Usage,
    billing_of,
    error_in,
    estimate,
    generated_text,
    prompt_text,
)

_SILENT: Final = Usage()


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
    bill: Bill,
    redact: Callable[[str], str],
) -> AttemptOutcome:
    """reply: as far as it came. tokens, bill: what it used and cost. redact: a provider may echo a key in any name."""
    return AttemptOutcome(
        kind=kind,
        sent=ended.sent,
        status=ended.status,
        category=error.category if error else None,
        provider_code=error.provider_code if error else None,
        exception=type(error.__cause__).__name__ if error and error.__cause__ else None,
        reply=None if reply is None else _without_secrets(reply, redact),
        tokens=tokens,
        cost=bill.cost,
        cost_source=bill.source,
    )


def _without_secrets(reply: Reply, redact: Callable[[str], str]) -> Reply:
    """With names that can be told. One look at all of them, since mostly there is nothing."""
    said = "\n".join((reply.model or "", reply.id or "", *reply.finish_reasons))
    if redact(said) == said:
        return reply
    model, name = redact(reply.model or "") or None, redact(reply.id or "") or None
    return replace(reply, model=model, id=name, finish_reasons=tuple(map(redact, reply.finish_reasons)))


def tokens_of(reply: Reply, form: Format, body: Mapping[str, Any], *, whole: bool) -> Usage | None:
    """The provider's own count where there is one; what it leaves out is estimated from the texts, and marked so.

    whole: the answer was read to its end. A stream that ended early is billed for what was generated, but most
    providers report usage only at the end; what Anthropic says at the start counts one token or two of the answer. A
    zero beside a text that is there is no count. None: it is not billed, since it failed before it generated anything,
    or is a receipt for an answer that is still to be made.
    """
    if reply.pending:
        return None
    said = reply.usage or _SILENT
    if whole and said.input_tokens and (said.output_tokens or form.operation == "embeddings"):
        return said
    # An error alone holds no answer; beside one (Cohere's end of a message) stands what was generated before it.
    is_answer = reply.parsed and (reply.error is None or not reply.empty or error_in(reply.body) is None)
    seen = max(estimate(generated_text(reply.body)), estimate(reply.text)) if is_answer else 0
    if not (whole or seen or said.input_tokens or said.output_tokens):
        return None
    asked, answered = said.input_tokens or estimate(prompt_text(body)), said.output_tokens
    if seen > (answered or 0) and not (answered and (whole or reply.finish_reasons)):
        answered = seen
    begun = form.counts_ahead and not (whole or reply.finish_reasons)  # what it says is from before the answer
    if reply.usage is not None and not begun and (asked, answered) == (said.input_tokens, said.output_tokens):
        return said
    return replace(said, input_tokens=asked, output_tokens=answered or 0, estimated=True)


class Bill(NamedTuple):
    """What an attempt cost: USD, None when nobody knows. source: who says so."""

    cost: float | None = None
    source: CostSource = "local"


UNPAID: Final = Bill()


def bill_of(
    prices: PriceBook, reply: Reply, ask: Ask, provider: str, usage: Usage,
    *, body: Mapping[str, Any], headers: Mapping[str, str],
) -> Bill:  # fmt: skip
    """What the provider says it charges, else what the price list says; `approximate` where that price is another's.

    The requested name of the model goes first: it is what prices list. body: the request's. headers: the response's.
    """
    billing = billing_of(reply.body, body, headers)
    if billing.told is not None and not (billing.told == 0 and usage.estimated):  # zeros of one who counts nothing
        return Bill(billing.told, "provider")
    for model in filter(None, (ask.model, reply.model)):
        charge = _charge(prices, model, provider, usage, billing)
        if charge is not None:
            return Bill(charge.usd, "local" if charge.exact and not billing.uncertain else "approximate")
    return UNPAID


def _charge(prices: PriceBook, model: str, provider: str, usage: Usage, billing: Billing) -> Charge | None:
    whole = prices.charge(model, provider, usage, tier=billing.tier, long_cache_writes=billing.long_cache_writes)
    if whole is None or not billing.calls or usage.estimated:
        return whole
    usd, exact = 0.0, True
    for call in billing.calls:  # each at its model's price, and each by itself: long prompts are dearer
        kept = call.long_cache_writes
        own = prices.charge(call.model or model, provider, call.usage, tier=billing.tier, long_cache_writes=kept)
        charge = own or prices.charge(model, provider, call.usage, tier=billing.tier, long_cache_writes=kept)
        if charge is not None:
            usd += charge.usd
        exact = exact and own is not None and own.exact
    return Charge(usd, exact)
