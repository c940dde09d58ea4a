"""One colour per meaning, on every panel. Red is for what somebody has to act on, and for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from beastmode_otel import semconv
from beastmode_otel.semconv import Attribute

RED: Final = "red"
AMBER: Final = "orange"
GREEN: Final = "green"
NEUTRAL: Final = "text"
BLUE: Final = "blue"
PALE_BLUE: Final = "light-blue"
DARK_BLUE: Final = "dark-blue"
PURPLE: Final = "purple"
GREY: Final = "#8e8e9b"
PALE_GREY: Final = "#c4c5cf"
YELLOW: Final = "yellow"

_OF: Final[Mapping[Attribute, tuple[str, ...]]] = {  # in the order of the attribute's values
    semconv.OUTCOME: (GREEN, RED, GREY, PURPLE),
    semconv.CACHE_STATUS: (GREEN, BLUE, AMBER, PALE_GREY, GREY),
    semconv.CACHE_TIER: (BLUE, PURPLE, "semi-dark-green"),
    semconv.LOOKUP_RESULT: (GREEN, BLUE, YELLOW, AMBER, RED, GREY),
    semconv.WRITE_RESULT: (GREEN, RED, AMBER),
    semconv.LEASE_RESULT: (BLUE, PURPLE, GREEN, AMBER, RED),
    semconv.MATCH_VERDICT: (  # what was served, what was refused, what could not be looked for, what is ill
        *(GREEN, PURPLE, BLUE, PALE_BLUE, YELLOW, "light-yellow", "dark-yellow"),
        *(GREY, GREY, GREY, PALE_GREY, AMBER, RED, RED),
    ),
    semconv.TOKEN_TYPE: (BLUE, GREEN, PALE_BLUE, "light-green"),
    semconv.COST_KIND: (BLUE, GREEN),
    semconv.COST_REASON: (GREEN, PURPLE),
}
QUANTILES: Final = {"P50": PALE_BLUE, "P95": BLUE, "P99": DARK_BLUE}


_TINTS: Final = ("light-", "", "dark-")  # of l1, l2, l3


def tinted(attribute: Attribute) -> dict[str, str]:
    """By `tier · value`: the value's colour, the lighter the faster the tier."""
    return {
        f"{tier} · {value}": colour if colour.startswith("#") else f"{tint}{colour}"
        for tier, tint in zip(semconv.CACHE_TIER.values, _TINTS, strict=True)
        for value, colour in colours(attribute).items()
    }


def colours(attribute: Attribute) -> dict[str, str]:
    """By value."""
    return dict(zip(attribute.values, _OF[attribute], strict=True))
