"""What a run's own telemetry says about semantic matching, as plain figures. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from beastmode_otel import semconv
from beastmode_otel.cli.report.reading import Quantiles, Reading, answered, quantiles

REFUSED: Final = ("guard_reject", "template_reject", "verifier_reject")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredFrom:
    """Requests that a tier answered: with the very same question's answer, and with a similar one's."""

    tier: str
    exact: int
    semantic: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingFigures:
    """used: whether similar questions were looked for at all. threshold: the similarity that made a match; None where
    no router told it.

    verdicts: requests, by what came of looking. guards: of guard_reject, by the rule. wrong: semantic hits of which
    somebody said that they were wrong, or a second answer that differed. latency: of requests with a semantic hit.
    """

    used: bool
    threshold: float | None
    tiers: tuple[AnsweredFrom, ...]
    verdicts: dict[str, int]
    guards: dict[str, int]
    wrong: int
    latency: Quantiles

    @property
    def exact(self) -> int:
        return sum(one.exact for one in self.tiers)

    @property
    def semantic(self) -> int:
        return sum(one.semantic for one in self.tiers)

    @property
    def refused(self) -> int:
        return sum(self.verdicts.get(verdict, 0) for verdict in REFUSED)


def matching_figures(reading: Reading) -> MatchingFigures:
    """Everything about semantic matching that these metrics tell."""
    verdicts = {
        verdict: reading.count(semconv.SEMANTIC_VERDICTS, {semconv.MATCH_VERDICT: verdict})
        for verdict in reading.labels(semconv.SEMANTIC_VERDICTS, semconv.MATCH_VERDICT)
    }
    guards = {
        guard: reading.count(semconv.SEMANTIC_VERDICTS, {semconv.GUARD: guard})
        for guard in reading.labels(semconv.SEMANTIC_VERDICTS, semconv.GUARD)
    }
    tiers = reading.labels(semconv.REQUEST_DURATION, semconv.CACHE_TIER, {semconv.CACHE_STATUS: "hit"})
    thresholds = reading.find(semconv.SEMANTIC_THRESHOLD)
    return MatchingFigures(
        used=bool(verdicts),
        threshold=thresholds[-1].value if thresholds else None,
        tiers=tuple(_answered_from(reading, tier) for tier in tiers),
        verdicts=verdicts,
        guards=guards,
        wrong=reading.count(semconv.CACHE_JUDGEMENTS, {semconv.JUDGEMENT: "disagree"}),
        latency=quantiles(answered(reading, semconv.REQUEST_DURATION, {semconv.CACHE_MATCH: "semantic"}, hits=True)),
    )


def _answered_from(reading: Reading, tier: str) -> AnsweredFrom:
    where = {semconv.CACHE_STATUS: "hit", semconv.CACHE_TIER: tier}
    semantic = reading.count(semconv.REQUEST_DURATION, {**where, semconv.CACHE_MATCH: "semantic"})
    return AnsweredFrom(tier=tier, exact=reading.count(semconv.REQUEST_DURATION, where) - semantic, semantic=semantic)
