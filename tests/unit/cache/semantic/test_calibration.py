"""Calibration: each threshold does to labelled texts what the cache would do, and the advice keeps the budget."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.cache.semantic import calibration
from beastmode_otel.cache.semantic.calibration import (
    CANDIDATES,
    Asked,
    CalibrationPoint,
    NotLabelled,
    area,
    calibrate,
    read_labels,
    read_records,
    summed,
    wilson,
)
from beastmode_otel.cache.semantic.decision import decide
from support.embedders import NGrams

THRESHOLDS = (0.6, 0.7, 0.8, 0.9, 0.95)
WAYS = ("how do I {}", "how can I {}", "please tell me how to {}", "what must I do to {}", "how do I {} now", "{}")
INTENTS = (
    "reset my password", "cancel my order", "order a card", "close the account", "change my address",
    "reset 2 passwords", "reset 3 passwords", "open the account",
)  # fmt: skip


def stream(seed: int) -> list[Asked]:
    """Each way to say each thing once, in random order."""
    rng = random.Random(seed)
    texts = [(way.format(intent), intent) for way in WAYS for intent in INTENTS]
    rng.shuffle(texts)
    return [Asked(question=text, group=intent if rng.random() < 0.9 else None) for text, intent in texts]


def one_after_the_other(asked: list[Asked], embedder: Any, threshold: float) -> tuple[int, int]:
    """As the cache does it, without anything that makes it fast."""
    stored: list[tuple[Asked, Any]] = []
    hits = wrong = 0
    for one in asked:
        [row] = embedder.embed([one.question])
        near = sorted(stored, key=lambda held: -float(np.float32(held[1] @ row)))[:CANDIDATES]
        for other, vector in near:
            if float(vector @ row) < threshold:
                continue
            decision = decide(one.question, other.question, threshold=threshold, embed=embedder.embed)
            if decision.verdict == "served":
                hits += 1
                wrong += one.group is None or one.group != other.group
                break
        else:
            stored.append((one, row))
    return hits, wrong


@pytest.mark.parametrize("seed", range(3))
def test_a_stream_is_replayed_as_the_cache_would(seed: int) -> None:
    asked, embedder = stream(seed), NGrams()
    found = calibrate(asked, embedder, THRESHOLDS, budget=0.01, unread=1.0, max_tokens=256)
    assert [point.threshold for point in found.points] == list(THRESHOLDS)
    assert [(point.hits, point.wrong) for point in found.points] == [
        one_after_the_other(asked, embedder, threshold) for threshold in THRESHOLDS
    ]
    assert found.points[0].hits > 0
    assert found.exact == 0
    groups = [one.group for one in asked if one.group is not None]
    assert found.possible == len(groups) - len(set(groups))


def test_the_very_same_words_are_no_semantic_hit() -> None:
    asked = [Asked(question="how do I reset my password", group="a") for _ in range(5)]
    found = calibrate(asked, NGrams(), (0.9,), budget=0.01, unread=1.0, max_tokens=256)
    assert (found.points[0].requests, found.exact, found.points[0].hits) == (1, 4, 0)


def test_few_judgements_are_no_certainty() -> None:
    """10 judged of 1,000 hits, all right: nobody knows that not a quarter of them is wrong."""
    few = CalibrationPoint(threshold=0.95, requests=10_000, hits=1_000, wrong=0, judged=10)
    assert few.wrong_share == pytest.approx((0.0, 0.0, 0.02775), abs=1e-4)
    assert (summed([few], budget=0.001).sure, summed([few], budget=0.001).likely) == (None, 0.95)
    many = CalibrationPoint(threshold=0.95, requests=10_000, hits=1_000, wrong=0, judged=1_000)
    assert summed([many], budget=0.001).sure == 0.95


def test_pairs_are_decided_one_by_one() -> None:
    embedder = NGrams()
    same = Asked(question="how do I reset my password", candidate="how can I reset my password", same=True)
    number = Asked(question="how do I reset 2 passwords", candidate="how do I reset 3 passwords", same=False)
    other = Asked(question="how do I reset my password", candidate="something else", same=False)
    found = calibrate([same, number, other], embedder, (0.5,), budget=0.01, unread=1.0, max_tokens=256)
    assert (found.points[0].hits, found.points[0].wrong) == (1, 0)
    off = frozenset({"numbers"})
    ruled = calibrate([same, number, other], embedder, (0.5,), budget=0.01, unread=1.0, max_tokens=256, off=off)
    assert (ruled.points[0].hits, ruled.points[0].wrong) == (2, 1)


def test_what_cannot_be_read_is_never_matched() -> None:
    asked = [Asked(question=way.format("reset my password"), group="a") for way in WAYS]
    found = calibrate(asked, NGrams(), (0.6,), budget=0.01, unread=1.0, max_tokens=1)
    assert (found.unread, found.points[0].hits) == (len(WAYS), 0)
    assert calibrate(asked, NGrams(), (0.6,), budget=0.01, unread=1.0, max_tokens=256).points[0].hits > 0


# The advice.


def point(threshold: float, wrong: int, *, hits: int = 1_000, requests: int = 10_000) -> CalibrationPoint:
    return CalibrationPoint(threshold=threshold, requests=requests, hits=hits, wrong=wrong)


def test_the_lowest_threshold_above_which_all_is_fine() -> None:
    found = summed([point(0.8, 50), point(0.85, 2), point(0.9, 20), point(0.95, 3), point(0.99, 0)], budget=0.001)
    assert (found.sure, found.likely) == (0.95, 0.95)  # 0.85 is luck: 0.90 is worse
    few = summed([point(0.9, 1, requests=1_000), point(0.95, 0, requests=1_000)], budget=0.001)
    assert (few.sure, few.likely) == (None, 0.9)
    assert summed([point(0.9, 30), point(0.95, 20)], budget=0.001).likely is None


def test_an_interval_known_from_the_literature() -> None:
    """Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20 and 1 of 29."""
    for count, of, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    ):  # fmt: skip
        assert wilson(count, of) == pytest.approx((low, high), abs=6e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_area_is_1_where_nothing_is_wrong_and_half_where_half_is() -> None:
    assert area([point(0.9, 0, hits=800), point(0.95, 0, hits=400)]) == pytest.approx(1.0)
    assert area([point(0.9, 400, hits=800), point(0.95, 200, hits=400)]) == pytest.approx(0.5)
    assert area([point(0.9, 0, hits=0)]) is None


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=8))
def test_whatever_was_counted_the_advice_keeps_the_budget(counts: list[tuple[int, int]]) -> None:
    points = [point(0.8 + 0.01 * at, min(wrong, hits), hits=hits) for at, (hits, wrong) in enumerate(counts)]
    found = summed(points, budget=0.002)
    for advice, of in ((found.likely, 0), (found.sure, 2)):
        kept = [one for one in found.points if advice is not None and one.threshold >= advice]
        assert all(one.wrong_share[of] <= 0.002 for one in kept)
    assert found.sure is None or (found.likely is not None and found.likely <= found.sure)


# What is written.


def test_labels_under_either_name_and_what_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "LEAST_REQUESTS", 2)
    pairs = [{"question": "a", "candidate": "b", "same": True}, {"a": "c", "b": "d", "y": 0}]
    read = [(one.question, one.candidate, one.same) for one in read_labels(pairs)]
    assert read == [("a", "b", True), ("c", "d", False)]
    assert [one.group for one in read_labels([{"question": "a", "group": 7}, {"t": "b"}])] == ["7", None]
    for wrong, said in (
        ([{"question": " "}], "line 1 has no question"),
        ([{"question": "a", "candidate": "b"}], "true or false"),
        ([{"question": "a", "candidate": "b", "same": "yes"}], "true or false"),
        ([{"question": "a", "candidate": "b", "same": True}, {"question": "a"}], "some are not"),
        ([{"question": "a"}], "too few"),
    ):
        with pytest.raises(NotLabelled, match=said) as refused:
            read_labels(wrong)
        assert "PLANTED" not in str(refused.value)


def test_what_a_running_cache_wrote_down() -> None:
    lines: list[dict[str, Any]] = [{"verdict": "below_threshold", "similarity": 0.94} for _ in range(900)]
    lines += [{"verdict": "shadow", "similarity": 0.96} for _ in range(100)]
    lines += [{"verdict": "shadow", "similarity": 0.99} for _ in range(100)]
    lines += [{"similarity": 0.96, "agree": number % 10 != 0} for number in range(50)]
    lines += [{"similarity": 0.99, "agree": True} for _ in range(50)]
    found = read_records(lines, (0.9, 0.95, 0.98))
    assert [(one.threshold, one.requests, one.hits, one.wrong) for one in found] == [
        (0.95, 1_100, 200, 10), (0.98, 1_100, 100, 0)]  # fmt: skip
    assert [one.judged for one in found] == [100, 50]
    with pytest.raises(NotLabelled, match="it ran with one above"):
        read_records(lines, (0.8, 0.9))
    with pytest.raises(NotLabelled, match="too few"):
        read_records(lines[:500], (0.9,))
    with pytest.raises(NotLabelled, match="nothing was judged"):
        read_records([one for one in lines if "agree" not in one], (0.9,))
    with pytest.raises(NotLabelled, match="line 1 is neither"):
        read_records([{"question": "PLANTED"}], (0.9,))
