"""What an attempt used and cost, as far as it came. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.prices import PriceBook
from beastmode_otel.wire import Ask, Reply, Usage, estimate, prompt_text


def tokens_of(reply: Reply, body: Mapping[str, Any], *, whole: bool) -> Usage:
    """The provider's own count where there is one; what it leaves out is estimated from the texts, and marked so.

    whole: the answer was read to its end. A stream that ended early is billed for what was generated, but most
    providers report usage only at the end.
    """
    said = reply.usage
    if said is not None and said.input_tokens is not None and (whole or said.output_tokens):
        return said
    return Usage(
        input_tokens=said.input_tokens if said and said.input_tokens is not None else estimate(prompt_text(body)),
        output_tokens=estimate(reply.text),
        estimated=True,
    )


def cost_of(prices: PriceBook, reply: Reply, ask: Ask, provider: str, usage: Usage) -> float | None:
    """USD; None when nobody knows the price of the model. The requested name goes first: it is what prices list."""
    for model in (ask.model, reply.model):
        if model:
            cost = prices.cost(model, provider, usage)
            if cost is not None:
                return cost
    return None
