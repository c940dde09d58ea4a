"""What a run's own telemetry says about the cache, as plain figures. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, get_args

from beastmode_otel import semconv
from beastmode_otel.cli.report.matching_figures import MatchingFigures, matching_figures
from beastmode_otel.cli.report.reading import Quantiles, Reading, Where, answered, quantiles
from beastmode_otel.observer import CacheStatus

STATUSES: Final[tuple[CacheStatus, ...]] = get_args(CacheStatus)
_ASKED: Final = ("hit", "stale", "miss", "timeout", "error")  # lookups that went to the tier; `skipped` did not
_SAVED_BY_CACHE: Final[Where] = {semconv.COST_KIND: "saved", semconv.COST_REASON: "cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFigures:
    """One tier. lookups: questions to it; hit_share: of those; None without any. latency: of lookups.

    promotions: entries copied up into it. entries, size (bytes): when the metrics were collected; the slower tiers
    count theirs every ten seconds.
    """

    tier: str
    lookups: int
    hits: int
    hit_share: float | None
    latency: Quantiles
    promotions: int
    evictions: int
    entries: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFigures:
    """Requests with one cache status. latency: of those that were answered."""

    status: CacheStatus
    requests: int
    latency: Quantiles


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSavings:
    """One model id. asked: requests that looked into the cache. saved: USD."""

    model: str
    asked: int
    hits: int
    hit_share: float | None
    collapsed: int
    tokens: int
    saved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFigures:
    """used: whether any request had to do with a cache at all.

    hit_share: of the requests that looked into the cache. collapsed: misses that another caller's identical request
    answered. saved, spent: USD of the calls whose price is known; saved_share: of both together. tokens_saved: by type.
    """

    used: bool
    answers: tuple[AnswerFigures, ...]
    hit_share: float | None
    collapsed: int
    saved: float
    spent: float
    saved_share: float | None
    tokens_saved: dict[str, int]
    tiers: tuple[TierFigures, ...]
    models: tuple[ModelSavings, ...]
    matching: MatchingFigures

    def answered(self, status: CacheStatus) -> AnswerFigures:
        return next(one for one in self.answers if one.status == status)


def cache_figures(reading: Reading) -> CacheFigures:
    """Everything about the cache that these metrics tell."""
    answers = tuple(_answers(reading, status) for status in STATUSES)
    saved = reading.total(semconv.COST_TOTAL, _SAVED_BY_CACHE)
    spent = reading.total(semconv.COST_TOTAL, {semconv.COST_KIND: "spent"})
    names = reading.labels(semconv.REQUEST_DURATION, semconv.MODEL)
    models = [one for one in (_model(reading, name) for name in names) if one.asked]
    tiers = {
        *reading.labels(semconv.CACHE_LOOKUP_DURATION, semconv.CACHE_TIER),
        *reading.labels(semconv.CACHE_ENTRIES, semconv.CACHE_TIER),
    }
    return CacheFigures(
        used=any(one.requests for one in answers if one.status != "off"),
        answers=answers,
        hit_share=_share(_count(reading, "hit"), _asked(reading)),
        collapsed=reading.count(semconv.CACHE_COLLAPSES),
        saved=saved,
        spent=spent,
        saved_share=_share(saved, saved + spent),
        tokens_saved={
            kind: reading.count(semconv.TOKENS_SAVED, {semconv.TOKEN_TYPE: kind}) for kind in semconv.TOKEN_TYPE.values
        },
        tiers=tuple(_tier(reading, tier) for tier in sorted(tiers)),
        models=tuple(sorted(models, key=lambda one: (-one.asked, one.model))),
        matching=matching_figures(reading),
    )


def _answers(reading: Reading, status: CacheStatus) -> AnswerFigures:
    took = answered(reading, semconv.REQUEST_DURATION, {semconv.CACHE_STATUS: status}, hits=True)
    return AnswerFigures(status=status, requests=_count(reading, status), latency=quantiles(took))


def _count(reading: Reading, status: CacheStatus, where: Where | None = None) -> int:
    return reading.count(semconv.REQUEST_DURATION, {**(where or {}), semconv.CACHE_STATUS: status})


def _asked(reading: Reading, where: Where | None = None) -> int:
    """`refresh` is a miss that did not look, but it could have."""
    return sum(_count(reading, status, where) for status in ("hit", "stale", "miss"))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _tier(reading: Reading, tier: str) -> TierFigures:
    where = {semconv.CACHE_TIER: tier}
    counts = {
        result: reading.count(semconv.CACHE_LOOKUP_DURATION, {**where, semconv.LOOKUP_RESULT: result})
        for result in _ASKED
    }
    return TierFigures(
        tier=tier,
        lookups=sum(counts.values()),
        hits=counts["hit"],
        hit_share=_share(counts["hit"], sum(counts.values())),
        latency=quantiles(reading.histogram(semconv.CACHE_LOOKUP_DURATION, where)),
        promotions=reading.count(semconv.CACHE_PROMOTIONS, where),
        evictions=reading.count(semconv.CACHE_EVICTIONS, where),
        entries=reading.count(semconv.CACHE_ENTRIES, where),
        size=reading.count(semconv.CACHE_SIZE, where),
    )


def _model(reading: Reading, name: str) -> ModelSavings:
    where = {semconv.MODEL: name}
    hits, asked = _count(reading, "hit", where), _asked(reading, where)
    tokens = sum(
        reading.count(semconv.TOKENS_SAVED, {**where, semconv.TOKEN_TYPE: kind}) for kind in ("input", "output")
    )
    return ModelSavings(
        model=name,
        asked=asked,
        hits=hits,
        hit_share=_share(hits, asked),
        collapsed=reading.count(semconv.CACHE_COLLAPSES, where),
        tokens=tokens,
        saved=reading.total(semconv.COST_TOTAL, {**where, **_SAVED_BY_CACHE}),
    )
