"""What hits and cheaper routes saved, in money and tokens."""

from __future__ import annotations

from typing import Final

from beastmode_otel import semconv
from beastmode_otel.observer import Saving
from beastmode_otel.telemetry.instruments import Instruments

_COUNTS: Final = (
    ("input", "input_tokens"),
    ("output", "output_tokens"),
    ("cached_input", "cached_input_tokens"),
    ("reasoning", "reasoning_tokens"),
)


def tally_saving(own: Instruments, model: str, saving: Saving) -> None:
    """Money whose amount is known, and tokens that were not used (none are saved by routing)."""
    if saving.cost is not None:
        own.add(
            semconv.COST_TOTAL, saving.cost, model, own.labels.provider(saving.provider), "saved", "local", saving.by
        )
    if saving.tokens is not None:
        for kind, count in token_counts(saving.tokens).items():
            own.saved.add(count, model, kind)


def token_counts(tokens: object) -> dict[str, int]:
    """Counts above zero by `beastmode.token.type`; input includes cached_input, output includes reasoning."""
    return {kind: count for kind, name in _COUNTS if (count := getattr(tokens, name, None))}
