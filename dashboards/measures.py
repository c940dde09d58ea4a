"""What several panels measure, defined once."""

from __future__ import annotations

from typing import Final

from beastmode_otel import semconv
from beastmode_otel.semconv import Attribute
from dashboards.promql import Not, Where, many, many_long, or_zero, rate, seconds, share

OK: Final[Where] = {semconv.OUTCOME: "ok"}
FAILED: Final[Where] = {semconv.OUTCOME: "error"}
ANSWERED_OR_FAILED: Final[Where] = {semconv.OUTCOME: ("ok", "error")}  # who leaves early does not fail
ASKED: Final[Where] = {semconv.CACHE_STATUS: ("hit", "miss", "stale")}  # the cache was asked
HITS: Final[Where] = {semconv.CACHE_STATUS: "hit"}
UPSTREAM: Final[Where] = {semconv.CACHE_STATUS: ("miss", "bypass", "off")}
SPENT: Final[Where] = {semconv.COST_KIND: "spent"}
SAVED: Final[Where] = {semconv.COST_KIND: "saved"}
OUTPUT: Final[Where] = {semconv.TOKEN_TYPE: "output"}
ENDED: Final = semconv.REQUEST_DURATION  # its count is that of ended requests


def error_rate(*by: Attribute) -> str:
    """Failed requests of those that were answered or failed."""
    return share(many(ENDED, *by, where=FAILED), many(ENDED, *by, where=ANSWERED_OR_FAILED))


def error_rate_over_time(*by: Attribute) -> str:
    return share(rate(ENDED, *by, where=FAILED), rate(ENDED, *by, where=ANSWERED_OR_FAILED))


def hit_rate(*by: Attribute) -> str:
    """Hits of those requests for which the cache was asked."""
    return share(many(ENDED, *by, where=HITS), many(ENDED, *by, where=ASKED))


def hit_rate_of_tier(tier: str) -> str:
    """A tier's part of the hit rate; nothing for a tier that never had a hit."""
    return f"{many(ENDED, where={**HITS, semconv.CACHE_TIER: tier})} / ({many(ENDED, where=ASKED)} > 0)"


def hit_rate_of_tiers_over_time() -> str:
    """These add up to the hit rate."""
    return f"{rate(ENDED, semconv.CACHE_TIER, where=HITS)} / scalar({rate(ENDED, where=ASKED)} > 0)"


def money(kind: Where, *by: Attribute) -> str:
    return many(semconv.COST_TOTAL, *by, where=kind)


def saved_share(*by: Attribute) -> str:
    """Of what everything would have cost."""
    return share(money(SAVED, *by), many(semconv.COST_TOTAL, *by))


def wrong_share(*by: Attribute) -> str:
    """Of the semantic matches that were judged within the time range."""
    return share(_judged(*by, wrong=True), _judged(*by))


def wrong_bound(*by: Attribute, upper: bool) -> str:
    """The end of the 95 % interval of that share (Wilson's, which holds for few judgements and for none that is wrong,
    too)."""
    part, whole, z = wrong_share(*by), f"({_judged(*by)})", _Z
    middle = f"(({part}) + {z**2 / 2:.4f} / {whole})"
    spread = f"{z} * sqrt((({part}) * (1 - ({part})) + {z**2 / 4:.4f} / {whole}) / {whole})"
    return f"({middle} {'+' if upper else '-'} {spread}) / (1 + {z**2:.4f} / {whole})"


_Z: Final = 1.96


def _judged(*by: Attribute, wrong: bool = False) -> str:
    where: Where = {semconv.JUDGEMENT: "disagree"} if wrong else {}
    return many(semconv.CACHE_JUDGEMENTS, *by, where=where)


def managed() -> str:
    """LLM calls that went through us, of all that were seen."""
    return share(many(semconv.LLM_CALLS, where={semconv.DOOR: Not("none")}), many(semconv.LLM_CALLS))


def lost_telemetry() -> str:
    return or_zero(many(semconv.TELEMETRY_DROPPED))


def output_speed(*by: Attribute) -> str:
    """Output tokens for each second in which a caller waited for a provider."""
    waited = seconds(ENDED, *by, where=UPSTREAM)
    return f"{rate(semconv.TOKEN_COUNT, *by, where=OUTPUT)} / ({waited} > 0)"


def over_days(window: str, step: str) -> list[tuple[str, str, str]]:
    """Name, expression and unit of the totals that a team lead reports."""

    def long(where: Where) -> str:
        return many_long(ENDED, where=where, window=window, step=step)

    spent, saved = (many_long(semconv.COST_TOTAL, where=kind, window=window, step=step) for kind in (SPENT, SAVED))
    return [
        ("Requests", many_long(ENDED, window=window, step=step), "locale"),
        ("Error rate", share(long(FAILED), long(ANSWERED_OR_FAILED)), "percentunit"),
        ("Hit rate", share(long(HITS), long(ASKED)), "percentunit"),
        ("Spent", spent, "currencyUSD"),
        ("Saved", saved, "currencyUSD"),
    ]
