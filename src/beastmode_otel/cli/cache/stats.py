"""`cache stats`: what lies in L3, and what it is worth."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from beastmode_otel.cache import ModelTotals, Totals
from beastmode_otel.cli.cache.output import NOTHING_YET, add_tenant, note, say
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.terminal import Cell, Column, Style, facts, table
from beastmode_otel.cli.units import counted, dollars, lasting, size, whole

NAME: Final = "stats"
HELP: Final = "Show how much L3 holds, by model, and what a hit saves."
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
    found = _stats(store, given.tenant, now)
    say(given, _told(store, found, now), lambda style: _lines(store, found, now, style))
    return OK


def _stats(store: Store, tenant: str | None, now: float) -> Stats | None:
    """None before anything was stored."""
    version = store.tier.version()
    if version is None:
        return None
    return Stats(
        schema=version,
        totals=store.tier.totals(tenant, now),
        models=store.tier.totals_by_model(tenant),
        damaged=store.tier.damage(tenant),
    )


def _told(store: Store, found: Stats | None, now: float) -> dict[str, Any]:
    told: dict[str, Any] = {"tier": "l3", "path": store.tier.location, "exists": found is not None}
    if found is None:
        return {**told, "entries": 0}
    totals = found.totals
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


def _lines(store: Store, found: Stats | None, now: float, style: Style) -> Iterator[str]:
    yield style.paint("L3", "bold")
    if found is None:
        yield from facts([("path", store.tier.location)], style)
        yield from note(NOTHING_YET, style)
        return
    totals = found.totals
    expired = f", {totals.expired:,} of them expired and not purged yet" if totals.expired else ""
    owners = f" of {counted(totals.tenants, 'tenant')}" if totals.tenants else ""
    about: list[tuple[str, Cell | str]] = [
        ("path", store.tier.location),
        ("schema", f"version {found.schema}"),
        ("entries", f"{counted(totals.entries, 'entry', 'entries')}{owners}{expired}"),
        ("size", size(totals.size)),
        ("oldest", "-" if totals.oldest is None else lasting(now - totals.oldest)),
        ("damaged", _damage(found.damaged)),
    ]
    yield from facts(about, style)
    if found.models:
        yield from ("", style.paint("BY MODEL", "bold"))
        yield from _models(found.models, style)


def _damage(damaged: Mapping[str, int]) -> Cell:
    if not damaged:
        return Cell("none", "good")
    told = (f"{count:,} {reason}" + (f" ({_REASONS[reason]})" if reason in _REASONS else "")
            for reason, count in sorted(damaged.items()))  # fmt: skip
    return Cell("; ".join(told), "bad")


def _models(models: list[ModelTotals], style: Style) -> Iterator[str]:
    titles = ("entries", "hits", "tokens/hit", "USD/hit", "tokens saved", "saved")
    columns = [Column(title="model", right=False, elastic=True), *(Column(title=title) for title in titles)]
    yield from table(columns, [_row(model) for model in models], style)
    yield from note(
        "tokens/hit, USD/hit: what a hit saves on average. hits: those that L3 answered, some seconds late; an L1 "
        "answers the next ones and they are not in the file. See beastmode.cost (saved) for all.",
        style,
    )


def _row(model: ModelTotals) -> list[Cell]:
    tokens = [count for count in (model.input_tokens, model.output_tokens) if count is not None]
    price = Cell("unknown", "warn") if model.usd is None else Cell(f"${model.usd:.6f}")
    saved = Cell("-") if model.usd is None else Cell(dollars(model.saved_usd))
    return [
        Cell(model.model), Cell(whole(model.entries)), Cell(whole(model.hits)),
        Cell(whole(sum(tokens)) if tokens else "-"), price, Cell(whole(model.saved_tokens)), saved,
    ]  # fmt: skip
