"""`cache stats`: what lies in the shared tiers, and what it is worth."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from beastmode_otel.cache import InspectableTier, ModelTotals, Totals
from beastmode_otel.cli.cache.output import NOTHING_YET, add_tenant, by_tier, note, say
from beastmode_otel.cli.cache.store import Answer, Store
from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.terminal import Cell, Column, Style, facts, table
from beastmode_otel.cli.units import dollars, lasting, size, whole

NAME: Final = "stats"
HELP: Final = "Show how much the tiers hold, by model, and what a hit saves."
_REASONS: Final = {
    "signature": "signed with another secret, or not at all: is cache.secret the one of your processes?",
    "version": "written by a newer release, which can read them",
    "encoding": "compressed with a codec that is not installed here",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """damaged: how many entries cannot be read here, by why."""

    schema: int
    totals: Totals
    models: list[ModelTotals]
    damaged: Mapping[str, int]


def add(parser: argparse.ArgumentParser) -> None:
    add_tenant(parser, "all tenants")


def run(given: argparse.Namespace, store: Store) -> int:
    now = time.time()
    found = store.each(lambda tier: _stats(tier, given.tenant, now))
    told = by_tier({}, [_told(one, now) for one in found], store)
    say(given, told, lambda style: _lines(found, now, style))
    return OK


def _stats(tier: InspectableTier, tenant: str | None, now: float) -> Stats | None:
    """None when nothing is stored there."""
    version = tier.version()
    if version is None:
        return None
    return Stats(
        schema=version,
        totals=tier.totals(tenant, now),
        models=tier.totals_by_model(tenant),
        damaged=tier.damage(tenant),
    )


def _told(answer: Answer[Stats | None], now: float) -> dict[str, Any]:
    told: dict[str, Any] = {"tier": answer.tier, "path": answer.location, "exists": answer.value is not None}
    if answer.value is None:
        return {**told, "entries": 0}
    found, totals = answer.value, answer.value.totals
    return {
        **told,
        "schema": found.schema,
        "entries": totals.entries,
        "expired": totals.expired,
        "tenants": totals.tenants,
        "size_bytes": totals.size,
        "oldest_seconds": None if totals.oldest is None else max(0.0, now - totals.oldest),
        "damaged": sum(found.damaged.values()),
        "damaged_by_reason": dict(found.damaged),
        "models": [asdict(model) for model in found.models],
    }


def _lines(found: list[Answer[Stats | None]], now: float, style: Style) -> Iterator[str]:
    yield style.paint("TIERS", "bold")
    titles = ("entries", "expired", "tenants", "size", "oldest", "damaged", "schema")
    columns = [Column(title="tier", right=False), *(Column(title=title) for title in titles)]
    yield from table(columns, [_tier(one, now) for one in found], style)
    yield ""
    yield from facts([(one.name, one.location) for one in found], style)
    for one in found:
        if one.value is None:
            yield from note(f"{one.name}: {NOTHING_YET}", style)
        elif one.value.damaged:
            yield from facts([(one.name, _damage(one.value.damaged))], style)
    models = [(one.name, model) for one in found if one.value is not None for model in one.value.models]
    if models:
        yield from ("", style.paint("BY MODEL", "bold"))
        yield from _models(models, style)


def _tier(answer: Answer[Stats | None], now: float) -> list[Cell]:
    if answer.value is None:
        return [Cell(answer.name), Cell("."), *[Cell("-")] * 6]
    totals, damaged = answer.value.totals, sum(answer.value.damaged.values())
    return [
        Cell(answer.name), Cell(whole(totals.entries)), Cell(whole(totals.expired)), Cell(whole(totals.tenants)),
        Cell(size(totals.size)), Cell("-" if totals.oldest is None else lasting(now - totals.oldest)),
        Cell(whole(damaged), "bad" if damaged else None), Cell(str(answer.value.schema)),
    ]  # fmt: skip


def _damage(damaged: Mapping[str, int]) -> Cell:
    told = (f"{count:,} {reason}" + (f" ({_REASONS[reason]})" if reason in _REASONS else "")
            for reason, count in sorted(damaged.items()))  # fmt: skip
    return Cell(f"damaged: {'; '.join(told)}", "bad")


def _models(models: list[tuple[str, ModelTotals]], style: Style) -> Iterator[str]:
    titles = ("entries", "hits", "tokens/hit", "USD/hit", "tokens saved", "saved")
    columns = [
        Column(title="model", right=False, elastic=True),
        Column(title="tier", right=False),
        *(Column(title=title) for title in titles),
    ]
    yield from table(columns, [_row(tier, model) for tier, model in models], style)
    yield from note(
        "tokens/hit, USD/hit: what a hit saves on average. hits: those that the tier answered, some seconds late; an "
        "L1 answers the next ones and they are not in here. Redis counts none: see beastmode.cache.lookup.duration, "
        "and beastmode.cost (saved) for all.",
        style,
    )


def _row(tier: str, model: ModelTotals) -> list[Cell]:
    tokens = [count for count in (model.input_tokens, model.output_tokens) if count is not None]
    price = Cell("unknown", "warn") if model.usd is None else Cell(f"${model.usd:.6f}")
    hits, tokens_saved = ("-" if one is None else whole(one) for one in (model.hits, model.saved_tokens))
    saved = "-" if model.usd is None or model.saved_usd is None else dollars(model.saved_usd)
    return [
        Cell(model.model), Cell(tier), Cell(whole(model.entries)), Cell(hits),
        Cell(whole(sum(tokens)) if tokens else "-"), price,
        Cell(tokens_saved), Cell(saved),
    ]  # fmt: skip
