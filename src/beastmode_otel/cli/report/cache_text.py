"""The report's section on the cache as text for people, in 80 columns. Computes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from beastmode_otel.cli.report.cache_figures import CacheFigures, ModelSavings, TierFigures
from beastmode_otel.cli.report.matching_figures import AnsweredFrom, MatchingFigures
from beastmode_otel.cli.terminal import Cell, Column, Style, facts, table, wrapped
from beastmode_otel.cli.units import counted, dollars, fine, percent, size, whole
from beastmode_otel.observer import CacheStatus

_NAMES: Final[Mapping[CacheStatus, str]] = {
    "hit": "hits",
    "miss": "misses",
    "stale": "stale",
    "bypass": "bypassed",
    "off": "not asked",
}
_MATCHES: Final = ("exact", "share", "similar", "share")
_RULES_SHOWN: Final = 3


def cache_lines(cache: CacheFigures, style: Style) -> Iterator[str]:
    """The section without its title."""
    if not cache.used:
        yield style.paint("  off", "dim")
        return
    yield from _answers(cache, style)
    yield ""
    yield from _tiers(cache, style)
    yield ""
    if cache.matching.used:
        yield from _matching(cache.matching, sum(one.requests for one in cache.answers), style)
        yield ""
    yield from _models(cache, style)
    yield ""
    yield from _savings(cache, style)


def _answers(cache: CacheFigures, style: Style) -> Iterator[str]:
    total = sum(one.requests for one in cache.answers)
    columns = [
        Column(title="answered by", right=False),
        *(Column(title=t) for t in ("requests", "share", "P50", "P95")),
    ]
    rows = [
        [
            Cell(_NAMES[one.status], "good" if one.status == "hit" else None),
            Cell(whole(one.requests)),
            Cell(percent(one.requests / total)),
            Cell(fine(one.latency.p50)),
            Cell(fine(one.latency.p95)),
        ]
        for one in cache.answers
        if one.requests
    ]
    yield from table(columns, rows, style)
    yield from _note("not asked: refused before the cache (unknown model, no key, no access).", style)


def _tiers(cache: CacheFigures, style: Style) -> Iterator[str]:
    titles = ("lookups", "hits", "rate", "P50", "P95", "up", "evicted", "entries", "size")
    columns = [Column(title="tier", right=False), *(Column(title=title) for title in titles)]
    yield from table(columns, [_tier(one) for one in cache.tiers], style)
    yield from _note(
        "up: copied up into this tier because a slower one had it. L1 is the sum over the routers; a store that "
        "they share is counted once.",
        style,
    )


def _tier(one: TierFigures) -> list[Cell]:
    counts = [Cell(whole(one.lookups)), Cell(whole(one.hits)), Cell(percent(one.hit_share))]
    times = [Cell(fine(one.latency.p50)), Cell(fine(one.latency.p95))]
    moves = [Cell(whole(one.promotions)), Cell(whole(one.evictions))]
    return [Cell(one.tier.upper()), *counts, *times, *moves, Cell(whole(one.entries)), Cell(size(one.size))]


def _matching(matching: MatchingFigures, requests: int, style: Style) -> Iterator[str]:
    columns = [Column(title="answered from", right=False), *(Column(title=title) for title in _MATCHES)]
    whole_of_it = AnsweredFrom(tier="all", exact=matching.exact, semantic=matching.semantic)
    yield from table(columns, [_answered_from(one, requests) for one in (*matching.tiers, whole_of_it)], style)
    rules = sorted(matching.guards, key=lambda rule: (-matching.guards[rule], rule))[:_RULES_SHOWN]
    refused = f"{counted(matching.refused, 'look-alike', 'look-alikes')} by the rules"
    rows: list[tuple[str, Cell | str]] = [
        ("similar", f"P50 {fine(matching.latency.p50)}, P95 {fine(matching.latency.p95)}; {_threshold(matching)}"),
        ("refused", refused + (f", most by {', '.join(rules)}" if rules else "")),
        ("wrong", Cell(counted(matching.wrong, "similar hit", "similar hits"), "bad" if matching.wrong else "good")),
    ]
    yield from facts(rows, style)


def _threshold(matching: MatchingFigures) -> str:
    return "similarity unknown" if matching.threshold is None else f"from a similarity of {matching.threshold:g} on"


def _answered_from(one: AnsweredFrom, requests: int) -> list[Cell]:
    tier = one.tier if one.tier == "all" else one.tier.upper()
    shares = [Cell(percent(count / requests)) for count in (one.exact, one.semantic)]
    return [Cell(tier), Cell(whole(one.exact)), shares[0], Cell(whole(one.semantic)), shares[1]]


def _models(cache: CacheFigures, style: Style) -> Iterator[str]:
    titles = ("asked", "hits", "rate", "collapsed", "tokens saved", "saved")
    columns = [Column(title="model", right=False, elastic=True), *(Column(title=title) for title in titles)]
    yield from table(columns, [_model(one) for one in cache.models], style)


def _model(one: ModelSavings) -> list[Cell]:
    counts = [Cell(whole(one.asked)), Cell(whole(one.hits)), Cell(percent(one.hit_share)), Cell(whole(one.collapsed))]
    saved = Cell("unknown", "warn") if one.tokens and not one.saved else Cell(dollars(one.saved) if one.saved else ".")
    return [Cell(one.model), *counts, Cell(whole(one.tokens)), saved]


def _savings(cache: CacheFigures, style: Style) -> Iterator[str]:
    tokens = cache.tokens_saved
    hit, miss = cache.answered("hit").latency, cache.answered("miss").latency
    saved = f"{dollars(cache.saved)}, {percent(cache.saved_share)} of the {dollars(cache.saved + cache.spent)} that"
    rows: list[tuple[str, Cell | str]] = [
        ("hit rate", f"{percent(cache.hit_share)} of the requests that looked"),
        ("saved", Cell(f"{saved} it would have cost", "good" if cache.saved else None)),
        ("tokens", f"{tokens['input']:,} input and {tokens['output']:,} output tokens not used"),
        (
            "latency",
            f"hits P50 {fine(hit.p50)}, P95 {fine(hit.p95)}; misses P50 {fine(miss.p50)}, P95 {fine(miss.p95)}",
        ),
    ]
    if cache.collapsed:
        told = counted(cache.collapsed, "miss", "misses")
        rows.append(("collapsed", f"{told} shared an identical request's answer and cost nothing"))
    yield from facts(rows, style)


def _note(text: str, style: Style) -> list[str]:
    return [style.paint(line, "dim") for line in wrapped(text, style, indent=2)]
