"""What an answer says of its own price: the cost itself, the tier that served it, cache writes that are dearer.

Sources: OpenRouter's usage accounting (`cost`, in USD; with one's own key it is their fee, and the rest is upstream's),
Perplexity (`cost` is an object with `total_cost`), DeepInfra (`estimated_cost`), xAI's cost tracking
(`cost_in_usd_ticks`, ten billion to the dollar), LiteLLM's proxy (`x-litellm-response-cost`), the types of OpenAI's and
Anthropic's SDKs (`service_tier`, `cache_creation`, `speed`, `inference_geo`, `iterations`), Gemini (`trafficType`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.wire.facts import Billing, ModelCall
from beastmode_otel.wire.formats.anthropic import anthropic_usage
from beastmode_otel.wire.values import count, items, mapping, text, text_or_none

_PLAIN: Final = Billing()
_MOST: Final = 1e6  # no call costs a million
_TICKS: Final = 1e10
_MONEY: Final = frozenset({"cost", "total_cost", "estimated_cost", "cost_in_usd_ticks"})
_LITELLM: Final = "x-litellm-response-cost"
_STANDARD: Final = frozenset({"", "auto", "default", "standard", "standard_only", "on_demand"})
_TRAFFIC: Final = {
    "ON_DEMAND_FLEX": "flex",
    "FLEX": "flex",
    "ON_DEMAND_PRIORITY": "priority",
    "PROVISIONED_THROUGHPUT": "provisioned",
    "BATCH": "batch",
}


def billing_of(body: Any, request: Mapping[str, Any], headers: Mapping[str, str]) -> Billing:
    """body: an answer's, whole or put together; of an unknown stream the list of its events. headers: the response's,
    names in lower case or case-insensitive."""
    answer, usage = _told(body)
    told = _cost(usage)
    if told is None and _LITELLM in headers:
        told = _usd(headers[_LITELLM]) or None  # it writes 0 where it knows no price
    tier = text(answer.get("service_tier") or usage.get("service_tier")).lower()
    tier = tier or _TRAFFIC.get(text(usage.get("trafficType")), "") or text(usage.get("serviceTier")).lower()
    asked = text(request.get("service_tier", request.get("serviceTier"))).lower()
    written, iterations = _long(usage), usage.get("iterations")
    odd = usage.get("speed") == "fast" or usage.get("inference_geo") == "us"
    silent = not tier and asked not in _STANDARD  # whether it was served so nobody knows
    if told is None and tier in _STANDARD and not (written or iterations or odd or silent):
        return _PLAIN
    return Billing(
        told=told,
        tier=None if tier in _STANDARD else "priority" if tier == "fast" else tier,
        long_cache_writes=written,
        uncertain=odd or silent,
        calls=_calls(iterations),
    )


def _told(body: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The answer and its usage, wherever it is told. Of a list of events, the last that tells any."""
    usage = mapping(mapping(body).get("usage"))
    if usage:  # nearly always
        return mapping(body), usage
    for answer in map(mapping, reversed(body) if isinstance(body, list) else (body,)):
        choice = mapping(next(iter(items(answer.get("choices"))), None))
        homes = (answer, mapping(answer.get("response")), mapping(answer.get("message")), choice)
        for home in homes:
            if usage := mapping(home.get("usage") or home.get("usageMetadata")):
                return answer, usage
    return mapping(body), {}


def _cost(usage: Mapping[str, Any]) -> float | None:
    if _MONEY.isdisjoint(usage):
        return None
    said = usage.get("cost")
    if isinstance(said, Mapping):
        return _usd(said.get("total_cost"))
    told = _usd(said)
    if told is not None and usage.get("is_byok") is True:
        return told + (_usd(mapping(usage.get("cost_details")).get("upstream_inference_cost")) or 0.0)
    if told is None:
        others = (_usd(usage.get(name)) for name in ("total_cost", "estimated_cost"))
        told = next((usd for usd in others if usd is not None), None)
    ticks = _usd(usage.get("cost_in_usd_ticks"), most=_MOST * _TICKS) if told is None else None
    return told if ticks is None else ticks / _TICKS


def _usd(value: Any, *, most: float = _MOST) -> float | None:
    """A number that can be money, also written as a text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if math.isfinite(amount) and 0 <= amount <= most else None


def _long(usage: Mapping[str, Any]) -> int:
    return count(mapping(usage.get("cache_creation")).get("ephemeral_1h_input_tokens")) or 0


def _calls(iterations: Any) -> tuple[ModelCall, ...]:
    calls = map(mapping, items(iterations))
    return tuple(
        ModelCall(usage=usage, model=text_or_none(call.get("model")), long_cache_writes=_long(call))
        for call in calls
        if (usage := anthropic_usage(call)) is not None
    )
