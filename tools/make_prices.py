"""Write or check src/beastmode_otel/data/prices.json, our snapshot of list prices.

    python tools/make_prices.py                   write it, dated today
    python tools/make_prices.py --date 2026-01-31 write the prices of that day
    python tools/make_prices.py --check           compare it with the installed genai-prices; exit 1 on disagreement

Needs genai-prices (dependency group `prices`; MIT, the notice is in the file). The same package and date give the same
bytes. Prices that depend on the date or the time of day are those of noon UTC on the snapshot's date: the off-peak
price where a provider has peak hours. A model without a price per token (audio by the hour, pages, nothing known) is
kept with the price null, so that no later rule claims its name.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

from genai_prices import types
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src/beastmode_otel/data/prices.json"

# The values of gen_ai.provider.name come first, then what else people call them.
NAMES = {
    "aws": ("aws.bedrock", "bedrock", "amazon_bedrock"),
    "azure": ("azure.ai.openai", "azure.ai.inference", "azure_openai", "azure_ai"),
    "deepseek": ("deepseek", "deepseek_ai"),
    "fireworks": ("fireworks", "fireworks_ai"),
    "github-copilot": ("github_copilot",),
    "google": ("gcp.gemini", "gcp.vertex_ai", "gcp.gen_ai", "gemini", "vertex_ai", "google_genai", "google_vertexai"),
    "mistral": ("mistral_ai", "mistralai"),
    "moonshotai": ("moonshot_ai", "moonshot"),
    "perplexity": ("perplexity", "perplexity_ai"),
    "together": ("together", "together_ai", "togetherai"),
    "voyageai": ("voyageai", "voyage", "voyage_ai"),
    "x-ai": ("x_ai", "xai"),
    "zai": ("zai", "z_ai"),
}
# Who makes models, as opposed to who sells those of others: the likely owner of a name that comes without a provider.
VENDORS = (
    "openai", "anthropic", "google", "mistral", "deepseek", "x-ai", "cohere", "perplexity", "moonshotai", "minimax",
    "meta", "zai", "voyageai",
)  # fmt: skip
RATES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "reasoning": "output_reasoning_mtok",
}
RULES = {
    types.ClauseStartsWith: ("prefix", "starts_with"),
    types.ClauseEndsWith: ("suffix", "ends_with"),
    types.ClauseContains: ("contains", "contains"),
    types.ClauseEquals: ("exact", "equals"),
    types.ClauseRegex: ("regex", "regex"),
    types.ClauseOr: ("any", "or_"),
    types.ClauseAnd: ("all", "and_"),
}


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


def number(value: Decimal) -> float | int:
    return int(value) if value == int(value) else float(value)


def rates(price: types.ModelPrice, input_tokens: int) -> dict[str, Any]:
    """What each kind of token costs in a call of that many input tokens."""
    found: dict[str, Any] = {}
    for ours, theirs in RATES.items():
        value = getattr(price, theirs)
        if isinstance(value, types.TieredPrices):
            reached = [tier.price for tier in value.tiers if input_tokens > tier.start]
            value = reached[-1] if reached else value.base
        if value is not None:
            found[ours] = number(value)
    return found


def encode_price(price: types.ModelPrice) -> dict[str, Any] | None:
    base = rates(price, 0)
    if "input" not in base:
        return None
    tiered = [value for key in RATES.values() if isinstance(value := getattr(price, key), types.TieredPrices)]
    starts = sorted({tier.start for value in tiered for tier in value.tiers})
    if starts:
        base["tiers"] = [[start, rates(price, start + 1)] for start in starts]
    if isinstance(price.requests_kcount, Decimal):
        base["per_request"] = number(price.requests_kcount / Decimal(1000))
    return base


def encode_rule(clause: Any) -> list[Any]:
    kind, attribute = RULES[type(clause)]
    value = getattr(clause, attribute)
    if kind in ("any", "all"):
        return [kind, [encode_rule(each) for each in value]]
    return [kind, value if kind == "regex" else value.lower()]


def encode_model(model: types.ModelInfo, moment: datetime, *, own: bool) -> list[Any]:
    """[names, rules, price]: the alternatives of the match, those that are plain names apart.

    own: the provider is the model's vendor. Its rule `prefix claude-haiku-4-5` then names claude-haiku-4-5 itself:
    where the provider of a call is unknown, names outrank rules.
    """
    rule = encode_rule(model.match)
    alternatives = rule[1] if rule[0] == "any" else [rule]
    stems = {each.lower() for each in prefixes(model.match) if own and model.is_match(each)}
    names = sorted(stems | {value for kind, value in alternatives if kind == "exact"})
    others = [each for each in alternatives if each[0] != "exact"]
    return [names, others, encode_price(model.get_prices(moment))]


def prefixes(clause: Any) -> Iterator[str]:
    for each in getattr(clause, "or_", None) or getattr(clause, "and_", None) or ():
        yield from prefixes(each)
    if isinstance(clause, types.ClauseStartsWith):
        yield clause.starts_with


def encode(day: date) -> str:
    """The file: one model per line. Providers are sorted; the order of models decides matches and is the source's."""
    head = {
        "about": "List prices in USD per million tokens (per_request: per call). Written by tools/make_prices.py.",
        "source": {
            "package": "genai-prices",
            "version": version("genai-prices"),
            "license": (distribution("genai-prices").read_text("licenses/LICENSE") or "MIT").split("\n"),
        },
        "date": day.isoformat(),
        "vendors": list(VENDORS),
    }
    blocks = (block(each, noon(day)) for each in sorted(providers, key=lambda each: each.id))
    text = json.dumps(head, indent=1)[:-2] + ',\n "providers": {\n' + ",\n".join(blocks) + "\n}}\n"
    json.loads(text)
    return text


def block(provider: types.Provider, moment: datetime) -> str:
    names = json.dumps(NAMES.get(provider.id, (provider.id,)))
    fallback = json.dumps(provider.fallback_model_providers or [])
    rows = (encode_model(model, moment, own=provider.id in VENDORS) for model in provider.models)
    models = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    return f'{json.dumps(provider.id)}: {{"names": {names}, "fallback": {fallback}, "models": [\n{models}]}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


USAGES = (
    Usage(input_tokens=1_000, output_tokens=0),
    Usage(input_tokens=1_000, output_tokens=500),
    Usage(input_tokens=10_000, output_tokens=777, cached_input_tokens=6_000, cache_write_tokens=1_500),
    Usage(input_tokens=40_000, output_tokens=2_000, cached_input_tokens=40_000, reasoning_tokens=1_200),
    Usage(input_tokens=199_999, output_tokens=100),
    Usage(input_tokens=200_000, output_tokens=100),
    Usage(input_tokens=200_001, output_tokens=100, cached_input_tokens=50_000, cache_write_tokens=20_000),
    Usage(input_tokens=1_500_000, output_tokens=64_000, cached_input_tokens=900_000, reasoning_tokens=10_000),
)


def their_names(provider: types.Provider) -> Iterator[str]:
    """Every id and alias of a provider and of those it falls back to, and for each some dated and some wrong ones."""
    hosted = [each for each in providers if each.id in (provider.fallback_model_providers or ())]
    for model in [model for each in (provider, *hosted) for model in each.models]:
        for name in {model.id, *plain_names(model.match)}:
            yield from (name, name.upper(), f"{name}-20260131", f"{name}-2026-01-31", f"{name}-preview", f"x{name}")


def plain_names(clause: Any) -> Iterator[str]:
    for each in getattr(clause, "or_", None) or getattr(clause, "and_", None) or ():
        yield from plain_names(each)
    if not isinstance(clause, (types.ClauseOr, types.ClauseAnd, types.ClauseRegex)):
        yield getattr(clause, RULES[type(clause)][1])


def their_costs(source: DataSnapshot, name: str, provider: str, moment: datetime) -> list[float | None]:
    """What genai-prices makes of our usages; None for what we call unknown: no such model, no price per token."""
    try:
        _, model = source.find_provider_model(name, None, provider, None)
    except LookupError:
        return [None] * len(USAGES)
    price = model.get_prices(moment)
    return [their_cost(price, each) for each in USAGES]


def their_cost(price: types.ModelPrice, usage: Usage) -> float | None:
    if price.input_mtok is None or (price.output_mtok is None and usage.output_tokens):
        return None
    theirs = types.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
    )
    return float(price.calc_price(theirs)["total_price"])


def same(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return abs(left - right) <= 1e-9 * max(abs(left), abs(right), 1e-9)


def check() -> int:
    """Compare every name of every provider, and the bytes of the file. 0 when all agree."""
    sys.path.insert(0, str(ROOT / "src"))
    from beastmode_otel.prices import parse_snapshot

    text = TARGET.read_text("utf-8")
    ours, source = parse_snapshot(text), DataSnapshot(providers=providers, from_auto_update=False)
    seen: Counter[str] = Counter()
    for provider in providers:
        called = NAMES.get(provider.id, (provider.id,))[0]
        for name in dict.fromkeys(their_names(provider)):
            price = ours.find(name, called)
            theirs = their_costs(source, name, provider.id, noon(date.fromisoformat(ours.date)))
            mine = [None if price is None else price.cost(each) for each in USAGES]
            agreed = all(map(same, mine, theirs))
            seen.update(pairs=1, costs=len(USAGES), priced=price is not None, tiered=bool(price and price.tiers))
            seen.update(disagreements=not agreed)
            if not agreed:
                print(f"{called} {name}: ours {mine}, genai-prices {theirs}")
    if text != encode(date.fromisoformat(ours.date)):
        seen.update(disagreements=1)
        print(f"{TARGET} is not what this tool and genai-prices {version('genai-prices')} write for {ours.date}")
    print(dict(seen))
    return 1 if seen["disagreements"] else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date())
    arguments = parser.parse_args()
    if arguments.check:
        return check()
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(encode(arguments.date), "utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
