"""What a call costs: offline, from a dated snapshot of list prices and the prices of the configuration.

`PriceBook.price` resolves a model name to a `Price`, `Price.cost` turns token counts into USD. Both answer None for
what is not known: the caller counts that as unknown, it is never $0.

The snapshot (data/prices.json, written by tools/make_prices.py) is read when a router or a door is made, never at
import, never from a network. Prices that depend on time are those of noon UTC on the snapshot's date. Not in it, and so
not in any cost: surcharges for web searches and audio or image tokens that are dearer than text (charged as text).
Service tiers and one-hour cache writes are ratios to the list price, in `_TIERS`.
"""

from __future__ import annotations

import json
import logging
import math
import pkgutil
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple, Protocol

from beastmode_otel.errors.tree import ConfigError
from beastmode_otel.providers import BY_NAME, CUSTOM, LOCAL

_log = logging.getLogger("beastmode_otel")

MAX_NAME = 256
"""Longer model and provider names are junk: they match no table and are never remembered."""
MAX_REMEMBERED = 1024
"""Resolved (provider, model) pairs that a book keeps, misses included."""
SELF_HOSTED = frozenset(
    {LOCAL, CUSTOM, "localhost", "ollama", "vllm", "sglang", "tgi", "llama_cpp", "llamafile", "lm_studio", "lmstudio"}
    | {"localai"}
)
"""Providers without a list price: what they serve is priced where the configuration says so, and unknown elsewhere."""


class Counted(Protocol):
    """Token counts of one call: input includes cached and cache-write tokens, output includes reasoning."""

    @property
    def input_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...
    @property
    def cached_input_tokens(self) -> int | None: ...
    @property
    def cache_write_tokens(self) -> int | None: ...
    @property
    def reasoning_tokens(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD per million tokens; per_request is USD per call.

    output: None for models that write nothing (embeddings). cached_input, cache_write: None means the input price,
    reasoning: None means the output price. tiers: ascending (above, price); once a call has more than `above` input
    tokens, that price holds for all of its tokens.
    """

    input: float
    output: float | None = None
    cached_input: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None
    per_request: float = 0.0
    tiers: tuple[tuple[int, Price], ...] = ()

    def long_writes(self, usage: Counted, tokens: int) -> float:
        """What so many of the written tokens cost more because they are kept for an hour: Anthropic's price for that is
        twice the input's (all 22 models of litellm 1.110.2's snapshot, `…_above_1hr`)."""
        rates = self._rates(_count(usage.input_tokens))
        dearer = _LONG_WRITE * rates.input - _or(rates.cache_write, rates.input)
        return max(dearer, 0.0) * min(tokens, _count(usage.cache_write_tokens)) / 1_000_000

    def cost(self, usage: Counted) -> float | None:
        """USD for one call, never negative. A missing count is 0.

        None when input and output are both missing, or when there is output and no price for it.
        """
        if usage.input_tokens is None and usage.output_tokens is None:
            return None
        rates = self._rates(_count(usage.input_tokens))
        if rates.output is None and _count(usage.output_tokens):
            return None
        return self.per_request + (rates._input_cost(usage) + rates._output_cost(usage)) / 1_000_000

    def _rates(self, input_tokens: int) -> Price:
        reached = [price for above, price in self.tiers if input_tokens > above]
        return reached[-1] if reached else self

    def _input_cost(self, usage: Counted) -> float:
        cached, written = _count(usage.cached_input_tokens), _count(usage.cache_write_tokens)
        plain = max(_count(usage.input_tokens) - cached - written, 0)
        cached_cost = cached * _or(self.cached_input, self.input)
        return plain * self.input + cached_cost + written * _or(self.cache_write, self.input)

    def _output_cost(self, usage: Counted) -> float:
        output = _or(self.output, 0.0)
        reasoning = min(_count(usage.reasoning_tokens), _count(usage.output_tokens))
        return (_count(usage.output_tokens) - reasoning) * output + reasoning * _or(self.reasoning, output)


def _count(tokens: int | None) -> int:
    return max(tokens or 0, 0)


def _or(price: float | None, fallback: float) -> float:
    return fallback if price is None else price


_LONG_WRITE: Final = 2.0
_DATED: Final = re.compile(r"-20\d\d-?\d\d-?\d\d$")
_GPT: Final = (
    *("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5.1", "gpt-5.2", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano"),
    *("gpt-5.4-pro", "gpt-5.5", "gpt-5.5-pro", "gpt-5.6", "gpt-5.6-luna", "gpt-5.6-sol", "gpt-5.6-terra"),
    *("gpt-6-astra", "gpt-6-luna", "gpt-6-sol", "gpt-6.1-sol", "gpt-6.1-terra", "o3", "o4-mini"),
)
_TWICE: Final = (
    *("gpt-4.1-nano", "gpt-5", "gpt-5.1", "gpt-5.2", "gpt-5.3-codex", "gpt-5.4", "gpt-5.4-mini"),
    *("gpt-5.6", "gpt-5.6-luna", "gpt-5.6-sol", "gpt-5.6-terra"),
    *("gpt-6-astra", "gpt-6-luna", "gpt-6-sol", "gpt-6.1-sol", "gpt-6.1-terra"),
)
_ANY: Final = "*"
# By provider and tier: what a model's list price is multiplied with. All from litellm 1.110.2's snapshot (its
# `…_flex`, `…_priority` and `…_batches` prices beside the plain ones), looked at on 2026-12-01. Dated ids count as the
# model unless they stand here. A model that is not here has a price in that tier that we do not know.
_TIERS: Final[Mapping[tuple[str, str], Mapping[str, float]]] = {
    ("openai", "flex"): dict.fromkeys(_GPT, 0.5),
    ("openai", "priority"): {
        **dict.fromkeys(_TWICE, 2.0),
        **dict.fromkeys(("gpt-4.1", "gpt-4.1-mini", "o3", "gpt-4o-2024-05-13"), 1.75),
        "gpt-5.5": 2.5,
        "gpt-5-mini": 1.8,
        "gpt-4o": 1.7,
        "gpt-4o-mini": 0.25 / 0.15,
        "o4-mini": 2.0 / 1.1,
    },
    ("openai", "batch"): {_ANY: 0.5},
    ("anthropic", "batch"): {_ANY: 0.5},
    ("x_ai", "batch"): {_ANY: 0.8},
    ("azure.ai.openai", "flex"): {_ANY: 0.5},
    ("gcp.gemini", "flex"): {_ANY: 0.5},
    ("gcp.gemini", "priority"): {_ANY: 1.8},
    ("gcp.vertex_ai", "flex"): {_ANY: 0.5},
    ("gcp.vertex_ai", "priority"): {_ANY: 1.8},
    ("aws.bedrock", "flex"): {_ANY: 0.5},
    ("aws.bedrock", "priority"): {_ANY: 1.75},
}


def tier_ratio(provider: str | None, model: str, tier: str) -> float | None:
    """What a service tier multiplies the list price with; None when that is not known."""
    ratios = _TIERS.get((provider or "", tier), {})
    name = model.lower()
    return ratios.get(name, ratios.get(_DATED.sub("", name), ratios.get(_ANY)))


class Charge(NamedTuple):
    """USD for one call. exact: False where a part of it has a price that we do not know, and the plain one stood in."""

    usd: float
    exact: bool


_CONFIG_KEYS = ("input", "output", "cached_input", "cache_write", "per_request")


def price_from_config(mapping: Mapping[str, object], *, where: str = "price") -> Price:
    """A `Price` from a table of the configuration: USD per million tokens, and `per_request` in USD.

    `input` is required (0 when it is free). where: names the table in messages. Raises ConfigError.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{where}: must be a table, not {type(mapping).__name__}", hints=("input = 2.5",))
    unknown = sorted(str(key) for key in mapping if key not in _CONFIG_KEYS)
    if unknown:
        raise ConfigError(f"{where}: unknown key {', '.join(unknown)}", hints=(f"known: {', '.join(_CONFIG_KEYS)}",))
    if "input" not in mapping:
        raise ConfigError(f"{where}: input is missing", hints=("input = 0 when input is free",))
    amounts: dict[str, Any] = {key: _amount(value, f"{where}.{key}") for key, value in mapping.items()}
    return Price(**amounts)


def _amount(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError(f"{where}: {value!r} is not a number", hints=("USD per million tokens, such as 2.5",))
    # First the bound: isfinite raises on an int that no float can hold.
    if value > 1e12 or not math.isfinite(value) or value < 0:
        raise ConfigError(f"{where}: {value!r} is not a price", hints=("a price is finite and not negative",))
    return float(value)


Rule = Sequence[Any]
"""How the snapshot says which names a model has: ["prefix", text], suffix, contains, regex, ["any", rules] or all."""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def matches(rule: Rule, name: str) -> bool:
    """Whether a lower-case model name satisfies a rule. An unknown kind of rule matches nothing."""
    kind, value = rule
    match kind:
        case "prefix":
            return name.startswith(value)
        case "suffix":
            return name.endswith(value)
        case "contains":
            return value in name
        case "exact":
            return bool(name == value)
        case "regex":
            return _compiled(value).search(name) is not None
        case "any":
            return any(matches(each, name) for each in value)
        case "all":
            return all(matches(each, name) for each in value)
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model found in a table. exact: by name, not by a rule. price: None for models not sold by the token."""

    exact: bool
    price: Price | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """One provider's models. Order decides: the first row that matches wins, whether by name or by rule."""

    names: Mapping[str, int]
    rules: tuple[tuple[int, Rule], ...]
    rows: Sequence[Mapping[str, Any] | None]
    fallback: tuple[str, ...]

    def find(self, model: str) -> Listed | None:
        named = self.names.get(model)
        for row, rule in self.rules:
            if named is not None and row >= named:
                break
            if matches(rule, model):
                return Listed(exact=False, price=_price(self.rows[row]))
        return None if named is None else Listed(exact=True, price=_price(self.rows[named]))


def _price(row: Mapping[str, Any] | None) -> Price | None:
    if row is None:
        return None
    return Price(**{**row, "tiers": tuple((above, Price(**rates)) for above, rates in row.get("tiers", ()))})


def _table(raw: Mapping[str, Any]) -> PriceTable:
    names: dict[str, int] = {}
    rules: list[tuple[int, Rule]] = []
    for row, (exact, others, _) in enumerate(raw["models"]):
        for name in exact:
            names.setdefault(name, row)
        rules.extend((row, rule) for rule in others)
    prices = [price for _, _, price in raw["models"]]
    return PriceTable(names=names, rules=tuple(rules), rows=prices, fallback=tuple(raw["fallback"]))


_COMPACT_DATE = re.compile(r"-(20\d\d)(\d\d)(\d\d)(?=[-:]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """List prices of one day. tables: by the snapshot's id. aliases: every name of a provider, normalised, to that id.

    vendors: ids of those who make the models, the most likely owner of a name first.
    """

    date: str
    tables: Mapping[str, PriceTable]
    aliases: Mapping[str, str]
    vendors: tuple[str, ...]

    def find(self, model: str, provider: str | None) -> Price | None:
        """The list price, or None.

        A provider that we know answers for itself: one that is not in the snapshot has prices of its own, which nobody
        knows. Otherwise (no provider, or a name that the configuration has made up) the name is looked for everywhere,
        see `_anywhere`. Dates may be written -20260131 or -2026-01-31.
        """
        owner, name = self._owner(provider, model.lower())
        known = provider is not None and (provider.lower() in BY_NAME or normalised(provider) in SELF_HOSTED)
        if owner is None and known:
            return None
        for spelling in dict.fromkeys((name, _COMPACT_DATE.sub(r"-\1-\2-\3", name))):
            found = self._at(owner, spelling) if owner is not None else self._anywhere(spelling)
            if found is not None:
                return found.price
        return None

    def _owner(self, provider: str | None, model: str) -> tuple[str | None, str]:
        """Whose table it is, and the model's name there: `name:cerebras` of Hugging Face's router has a table apart."""
        if provider is None:
            return None, model
        name, _, seller = model.rpartition(":")
        apart = self.aliases.get(normalised(f"{provider}_{seller}")) if name else None
        return (apart, name) if apart else (self.aliases.get(normalised(provider)), model)

    def _at(self, owner: str, model: str) -> Listed | None:
        table = self.tables[owner]
        own = table.find(model)
        if own is not None:
            return own
        hosted = (self.tables[other].find(model) for other in table.fallback)
        return next((found for found in hosted if found is not None), None)

    def _anywhere(self, model: str) -> Listed | None:
        """Where the provider is unknown: `owner/model` in that owner's table, else the first vendor who names it.

        Else the resellers who name it and the first vendor whose rules cover it, and these must agree in price:
        `deepseek-r1-distill-llama-70b` falls under DeepSeek's rule for its own R1, but others make and sell it.
        """
        head, slash, rest = model.partition("/")
        if slash and (owner := self.aliases.get(normalised(head))) and (found := self.tables[owner].find(rest)):
            return found
        listed = [found for each in self.vendors if (found := self.tables[each].find(model))]
        named = next((found for found in listed if found.exact), None)
        if named is not None:
            return named
        others = [found for table in self.tables.values() if (found := table.find(model)) and found.exact]
        candidates = [*listed[:1], *others]
        agreed = candidates and all(each.price == candidates[0].price for each in candidates)
        return candidates[0] if agreed else None


@lru_cache(maxsize=256)
def normalised(provider: str) -> str:
    """A provider's name as aliases are kept: `Together-AI` and `azure.ai.openai` are together_ai, azure_ai_openai."""
    return re.sub(r"[-. ]", "_", provider.strip().lower())


def parse_snapshot(text: str | bytes) -> Snapshot:
    """The snapshot from the JSON that tools/make_prices.py writes."""
    raw = json.loads(text)
    providers: Mapping[str, Mapping[str, Any]] = raw["providers"]
    aliases = {normalised(name): key for key, each in providers.items() for name in (key, *each["names"])}
    tables = {key: _table(each) for key, each in providers.items()}
    return Snapshot(date=raw["date"], tables=tables, aliases=aliases, vendors=tuple(raw["vendors"]))


@cache
def bundled() -> Snapshot:
    """The snapshot that came with this package, read once."""
    data = pkgutil.get_data("beastmode_otel", "data/prices.json")
    if data is None:
        raise FileNotFoundError("beastmode_otel/data/prices.json")
    return parse_snapshot(data)


def snapshot_date() -> str:
    """The day of the bundled prices, as 2026-01-31."""
    return bundled().date


class PriceBook:
    """Prices of the configuration, then list prices.

    - overrides: by exact model name, then by `provider/model`; upper and lower case are the same.
    - Any number of threads may ask. Each pair is resolved once; memory is bounded whatever names come in.
    - Never raises on a name, however strange, nor where the snapshot is missing: its prices are unknown, told once.
    """

    def __init__(self, overrides: Mapping[str, Price] | None = None, snapshot: Snapshot | None = None) -> None:
        self._overrides = {name.lower(): price for name, price in (overrides or {}).items()}
        self._snapshot = snapshot
        self._seen: dict[tuple[str | None, str], Price | None] = {}
        self._lock = threading.Lock()
        self._told = False

    def load(self) -> None:
        """Read the snapshot, so that no answer has to wait for a file, or a free descriptor. Never raises."""
        try:
            self._snapshot = self._snapshot or bundled()
        except Exception as exc:  # noqa: BLE001  (as in `price`, which tries again)
            self._tell_missing(exc)

    def price(self, model: str, provider: str | None = None) -> Price | None:
        """The price of a model as the provider is called in `gen_ai.provider.name`; None when it is not known."""
        try:
            return self._seen[provider, model]
        except KeyError:
            pass
        found = self._override(model, provider)
        if len(model) > MAX_NAME or len(provider or "") > MAX_NAME:
            return found
        if found is None:
            try:
                found = (self._snapshot or bundled()).find(model, provider)
            except Exception as exc:  # noqa: BLE001  (an answer that was paid for is not lost for its price)
                self._tell_missing(exc)
                return None  # and not remembered: the next call may find a free file descriptor
        self._remember((provider, model), found)
        return found

    def _tell_missing(self, exc: Exception) -> None:
        if not self._told:
            self._told = True
            _log.warning(
                "list prices cannot be read, and are unknown: %s: %s (PyInstaller: --collect-data beastmode_otel)",
                type(exc).__name__, exc,
            )  # fmt: skip

    def cost(self, model: str, provider: str | None, usage: Counted) -> float | None:
        """USD for one call; None when the price or both counts are not known."""
        price = self.price(model, provider)
        return None if price is None else price.cost(usage)

    def charge(
        self, model: str, provider: str | None, usage: Counted, *, tier: str | None = None, long_cache_writes: int = 0
    ) -> Charge | None:
        """`cost` at a service tier other than the standard one (None), with cache writes that are kept for an hour."""
        price = self.price(model, provider)
        cost = None if price is None else price.cost(usage)
        if price is None or cost is None:
            return None
        exact = True
        if long_cache_writes:
            exact = "claude" in model.lower()
            cost += price.long_writes(usage, long_cache_writes) if exact else 0.0
        if tier is None:
            return Charge(cost, exact)
        ratio = tier_ratio(provider, model, tier)
        return Charge(cost, False) if ratio is None else Charge(cost * ratio, exact)

    def _override(self, model: str, provider: str | None) -> Price | None:
        specific = None if provider is None else self._overrides.get(f"{provider}/{model}".lower())
        return specific or self._overrides.get(model.lower())

    def _remember(self, pair: tuple[str | None, str], found: Price | None) -> None:
        with self._lock:
            if len(self._seen) >= MAX_REMEMBERED:
                self._seen.clear()
            self._seen[pair] = found
