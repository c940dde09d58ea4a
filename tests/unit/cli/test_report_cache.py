"""What the metrics say about the cache, as figures and as text."""

from __future__ import annotations

import pytest

from beastmode_otel import semconv
from beastmode_otel.cli.report.cache_figures import STATUSES, CacheFigures, cache_figures
from beastmode_otel.cli.report.cache_text import cache_lines
from beastmode_otel.cli.report.coverage import Heard
from beastmode_otel.cli.report.figures import report_of
from beastmode_otel.cli.report.reading import Histogram, Label, Point, Reading
from beastmode_otel.cli.terminal import Style
from beastmode_otel.semconv import Metric


def point(metric: Metric, value: float, *labels: Label) -> tuple[str, Point]:
    keys = [attribute.key for attribute in metric.attributes]
    return metric.name, Point(labels=dict(zip(keys, labels, strict=False)), value=value)


def timed(metric: Metric, seconds: float, count: int, *labels: Label) -> tuple[str, Point]:
    counts = [0] * (len(metric.buckets) + 1)
    counts[sum(seconds > bound for bound in metric.buckets)] = count
    name, one = point(metric, count, *labels)
    histogram = Histogram(bounds=metric.buckets, counts=tuple(counts), low=seconds, high=seconds)
    return name, Point(labels=one.labels, value=count, histogram=histogram)


def reading_of(*points: tuple[str, Point]) -> Reading:
    found: dict[str, tuple[Point, ...]] = {}
    for name, one in points:
        found[name] = (*found.get(name, ()), one)
    return Reading(points=found)


READING = reading_of(
    point(semconv.REQUESTS_STARTED, 12, "chat", "router", "false"),
    timed(semconv.REQUEST_DURATION, 0.001, 3, "chat", "ok", "hit", "l1", "exact"),
    timed(semconv.REQUEST_DURATION, 0.004, 1, "chat", "ok", "hit", "l3", "exact"),
    timed(semconv.REQUEST_DURATION, 0.002, 1, "chat", "cancelled", "hit", "l1", "exact"),
    timed(semconv.REQUEST_DURATION, 0.5, 4, "chat", "ok", "miss"),
    timed(semconv.REQUEST_DURATION, 2.0, 1, "dear", "error", "miss"),
    timed(semconv.REQUEST_DURATION, 0.7, 1, "chat", "ok", "bypass"),
    timed(semconv.REQUEST_DURATION, 0.001, 1, "typo", "error", "off"),
    timed(semconv.CACHE_LOOKUP_DURATION, 2e-6, 4, "l1", "hit", "exact"),
    timed(semconv.CACHE_LOOKUP_DURATION, 1e-6, 6, "l1", "miss"),
    timed(semconv.CACHE_LOOKUP_DURATION, 2e-4, 1, "l3", "hit", "exact"),
    timed(semconv.CACHE_LOOKUP_DURATION, 2e-4, 3, "l3", "miss"),
    timed(semconv.CACHE_LOOKUP_DURATION, 0.0, 5, "l3", "skipped"),
    point(semconv.CACHE_PROMOTIONS, 1, "l1"),
    point(semconv.CACHE_EVICTIONS, 2, "l1", "size"),
    point(semconv.CACHE_EVICTIONS, 1, "l1", "expired"),
    point(semconv.CACHE_ENTRIES, 7, "l1"),
    point(semconv.CACHE_ENTRIES, 9, "l3"),
    point(semconv.CACHE_SIZE, 7000, "l1"),
    point(semconv.CACHE_SIZE, 9_500_000, "l3"),
    point(semconv.CACHE_COLLAPSES, 1, "chat"),
    point(semconv.COST_TOTAL, 0.3, "chat", "openai", "spent", "local"),
    point(semconv.COST_TOTAL, 0.1, "chat", "openai", "saved", "local", "cache"),
    point(semconv.COST_TOTAL, 5.0, "chat", "openai", "saved", "local", "routing"),
    point(semconv.TOKENS_SAVED, 900, "chat", "input"),
    point(semconv.TOKENS_SAVED, 100, "chat", "output"),
    point(semconv.TOKENS_SAVED, 40, "chat", "cached_input"),
)


@pytest.fixture
def figures() -> CacheFigures:
    return cache_figures(READING)


def test_requests_by_what_the_cache_did(figures: CacheFigures) -> None:
    counts = {one.status: one.requests for one in figures.answers}
    assert counts == {"hit": 5, "miss": 5, "stale": 0, "bypass": 1, "off": 1}
    assert (figures.hit_share, figures.collapsed) == (0.5, 1)
    hits, misses = figures.answered("hit").latency, figures.answered("miss").latency
    assert 0.001 <= (hits.p50 or 0) < (hits.p95 or 0) <= 0.004  # the cancelled one is left out
    assert 0.5 <= (misses.p50 or 0) <= 0.64 < (misses.p95 or 0) <= 2.0


def test_tiers(figures: CacheFigures) -> None:
    l1, l3 = figures.tiers
    assert (l1.tier, l1.lookups, l1.hits, l1.hit_share) == ("l1", 10, 4, 0.4)
    assert (l1.promotions, l1.evictions, l1.entries, l1.size) == (1, 3, 7, 7000)
    assert (l3.lookups, l3.hits, l3.hit_share, l3.promotions) == (4, 1, 0.25, 0)  # what was skipped did not look


def test_money_and_tokens(figures: CacheFigures) -> None:
    assert (figures.saved, figures.spent) == (0.1, 0.3)  # what routing saved is no merit of the cache
    assert figures.saved_share == pytest.approx(0.25)
    assert figures.tokens_saved == {"input": 900, "output": 100, "cached_input": 40, "reasoning": 0}
    chat, dear = figures.models
    assert (chat.model, chat.asked, chat.hits, chat.collapsed, chat.tokens, chat.saved) == ("chat", 9, 5, 1, 1000, 0.1)
    assert (dear.asked, dear.hits, dear.hit_share) == (1, 0, 0.0)


def test_latency_of_requests_is_without_hits() -> None:
    heard = Heard(calls=12, received=None, requests=12, attempts=0, sent=0, failures=0)
    report = report_of(READING, heard, seconds=1.0)
    chat = next(model for model in report.models if model.model == "chat")
    assert chat.outcomes["ok"] == 9  # hits are requests
    assert (chat.latency.p50 or 0) >= 0.5


@pytest.mark.parametrize("width", [60, 80, 110])
def test_text_fits(figures: CacheFigures, width: int) -> None:
    lines = list(cache_lines(figures, Style(width=width)))
    assert max(map(len, lines)) <= max(width, 80)
    text = "\n".join(lines)
    assert "25.0% of the $0.4000" in text.replace("\n             ", " ")
    assert "1 miss shared" in text


# As wide as a latency is ever told: 999 µs, 999 ms, 99.99 s.
@pytest.mark.parametrize("seconds", [0.000999, 0.999, 9.99, 99.99])
def test_text_fits_whatever_was_measured(seconds: float) -> None:
    """Slow machines and long runs make figures wider, and nothing else."""
    count, model = 9_999, "custom:summarise"
    reading = reading_of(
        *(timed(semconv.REQUEST_DURATION, seconds, count, model, "ok", status) for status in STATUSES),
        *(timed(semconv.CACHE_LOOKUP_DURATION, seconds, count, tier, "hit", "exact") for tier in ("l1", "l3")),
        *(point(semconv.CACHE_PROMOTIONS, count, tier) for tier in ("l1", "l3")),
        *(point(semconv.CACHE_EVICTIONS, count, tier, "size") for tier in ("l1", "l3")),
        *(point(semconv.CACHE_ENTRIES, count, tier) for tier in ("l1", "l3")),
        *(point(semconv.CACHE_SIZE, 99_900_000, tier) for tier in ("l1", "l3")),
        point(semconv.CACHE_COLLAPSES, count, model),
        point(semconv.COST_TOTAL, 999.99, model, "openai", "spent", "local"),
        point(semconv.COST_TOTAL, 999.99, model, "openai", "saved", "local", "cache"),
        *(point(semconv.TOKENS_SAVED, 9_999_999, model, kind) for kind in semconv.TOKEN_TYPE.values),
    )
    lines = list(cache_lines(cache_figures(reading), Style()))
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert any("9,999" in line and "99.9 MB" in line for line in lines)


SIMILAR = reading_of(
    timed(semconv.REQUEST_DURATION, 0.001, 3, "chat", "ok", "hit", "l1", "exact"),
    timed(semconv.REQUEST_DURATION, 0.012, 4, "chat", "ok", "hit", "l1", "semantic"),
    timed(semconv.REQUEST_DURATION, 0.03, 1, "chat", "ok", "hit", "l3", "semantic"),
    timed(semconv.REQUEST_DURATION, 0.5, 2, "chat", "ok", "miss"),
    point(semconv.SEMANTIC_VERDICTS, 5, "served"),
    point(semconv.SEMANTIC_VERDICTS, 3, "guard_reject", "numbers"),
    point(semconv.SEMANTIC_VERDICTS, 1, "guard_reject", "negation"),
    point(semconv.SEMANTIC_VERDICTS, 1, "template_reject"),
    point(semconv.SEMANTIC_VERDICTS, 7, "below_threshold"),
    point(semconv.SEMANTIC_THRESHOLD, 0.95, "semantic"),
    point(semconv.CACHE_JUDGEMENTS, 1, "disagree", "feedback"),
    point(semconv.CACHE_JUDGEMENTS, 6, "agree", "sample"),
)


def test_exact_and_similar_hits_are_told_apart_tier_by_tier() -> None:
    found = cache_figures(SIMILAR).matching
    assert [(one.tier, one.exact, one.semantic) for one in found.tiers] == [("l1", 3, 4), ("l3", 0, 1)]
    assert (found.exact, found.semantic, found.refused, found.wrong) == (3, 5, 5, 1)
    assert found.guards == {"numbers": 3, "negation": 1}
    assert (found.used, found.threshold) == (True, 0.95)
    assert 0.012 <= (found.latency.p50 or 0.0) <= 0.03  # those of the exact hits are not in it


def test_similar_hits_and_wrong_ones_as_text() -> None:
    lines = [" ".join(line.split()) for line in cache_lines(cache_figures(SIMILAR), Style(width=80))]
    assert "answered from exact share similar share" in lines
    assert "L1 3 30.0% 4 40.0%" in lines
    assert "L3 . . 1 10.0%" in lines
    assert "all 3 30.0% 5 50.0%" in lines
    assert "refused 5 look-alikes by the rules, most by numbers, negation" in lines
    assert "wrong 1 similar hit" in lines


def test_without_semantic_matching_nothing_is_said_of_it(figures: CacheFigures) -> None:
    assert figures.matching.used is False
    assert not any("similar" in line for line in cache_lines(figures, Style(width=80)))


def test_without_a_cache_it_is_off() -> None:
    nothing = cache_figures(Reading())
    assert (nothing.used, nothing.hit_share, nothing.saved_share, nothing.tiers) == (False, None, None, ())
    assert list(cache_lines(nothing, Style())) == ["  off"]
