"""What hits and cheaper routes saved, in money and tokens."""

from __future__ import annotations

from beastmode_otel import semconv
from beastmode_otel.observer import Saving
from beastmode_otel.telemetry.instruments import Instruments


def tally_saving(own: Instruments, model: str, saving: Saving) -> None:
    """Money whose amount is known, and tokens that were not used (none are saved by routing)."""
    if saving.cost is not None:
        own.add(
            semconv.COST_TOTAL, saving.cost, model, own.labels.provider(saving.provider), "saved", "local", saving.by
        )
    if saving.tokens is not None:
        for kind, count in token_counts(saving.tokens).items():
            own.add(semconv.TOKENS_SAVED, count, model, kind)


def token_counts(tokens: object) -> dict[str, int]:
    """Counts above zero by `beastmode.token.type`; input includes cached_input, output includes reasoning."""
    names = {
        "input": "input_tokens",
        "output": "output_tokens",
        "cached_input": "cached_input_tokens",
        "reasoning": "reasoning_tokens",
    }
    counts = {kind: getattr(tokens, name, None) for kind, name in names.items()}
    return {kind: count for kind, count in counts.items() if count}
