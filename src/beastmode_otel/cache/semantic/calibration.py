"""Which threshold keeps wrong answers within a budget: labelled texts, replayed as the cache would have answered them.

The budget is of wrong hits per request: one per hit does not carry over to other traffic (docs/semantic.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from beastmode_otel.cache.semantic.decision import template_similarity
from beastmode_otel.cache.semantic.embedders import unreadable
from beastmode_otel.cache.semantic.match import CANDIDATES
from beastmode_otel.cache.semantic.ports import Embedder, Vectors
from beastmode_otel.cache.semantic.rules import refused_by
from beastmode_otel.record import record

LEAST_REQUESTS: Final = 1_000  # labelled, below which nothing that is found would carry over
_NEIGHBOURS: Final = 64  # of a request among those before it: what was served is not stored, and no candidate
_BATCH: Final = 64
_ROWS: Final = 1_024  # of the matrix of similarities at once
_Z: Final = 1.959964  # of a normal distribution: 95 % lie within


class NotLabelled(Exception):
    """The lines cannot be calibrated on. It says what to write, and quotes nothing."""


@record(frozen=True, slots=True, kw_only=True)
class Asked:
    """A labelled request. group: of those that may share its answer; None: nobody may. candidate: the one question that
    is stored, and whether it has the same answer, where the label is about a pair."""

    question: str
    group: str | None = None
    candidate: str | None = None
    same: bool = False


@record(frozen=True, slots=True, kw_only=True)
class CalibrationPoint:
    """What a threshold does to `requests` of them. hits: served; wrong: of these, with an answer that is not theirs.

    judged: how many of the hits somebody has judged, where `wrong` is an estimate from them; None: all are labelled.
    """

    threshold: float
    requests: int
    hits: int
    wrong: int
    judged: int | None = None

    @property
    def precision(self) -> float | None:
        return 1.0 - self.wrong / self.hits if self.hits else None

    @property
    def precision_interval(self) -> tuple[float, float]:
        """Where the precision lies with 95 % (Wilson)."""
        low, high = self._wrong_of_hits()
        return 1.0 - high, 1.0 - low

    def _wrong_of_hits(self) -> tuple[float, float]:
        if self.judged is None:
            return wilson(self.wrong, self.hits)
        return wilson(round(self.judged * self.wrong / self.hits) if self.hits else 0, self.judged)

    @property
    def wrong_share(self) -> tuple[float, float, float]:
        """Wrong hits per request, with both ends of the 95 % interval. Where only some hits were judged, that of these,
        times hits per request."""
        if self.judged is None:
            return self.share(self.wrong)
        low, high = self._wrong_of_hits()
        return self.wrong / self.requests, low * self.hits / self.requests, high * self.hits / self.requests

    def share(self, count: int) -> tuple[float, float, float]:
        """Of the requests; with both ends of its 95 % interval (Wilson)."""
        return count / self.requests, *wilson(count, self.requests)


@record(frozen=True, slots=True, kw_only=True)
class Calibration:
    """points: by rising threshold. possible: requests that a right answer was stored for. exact: more of them, whose
    very words were asked before: the cache answers them without this. unread: those that the embedder cannot read,
    which are never matched. area: under precision against the share of hits, from none to the
    most hits of any threshold, over that share; None where nothing is hit.

    sure: the lowest threshold whose wrong hits per request are below the budget with the upper end of their interval;
    likely: the lowest by what was counted. None where there is none.
    """

    points: tuple[CalibrationPoint, ...]
    requests: int
    possible: int
    exact: int
    unread: int
    area: float | None
    budget: float
    sure: float | None
    likely: float | None


def read_labels(lines: Iterable[Mapping[str, Any]]) -> list[Asked]:
    """Of pairs (`question`, `candidate`, `same`) or of a stream (`question`, and the `group` of those that share its
    answer, which may be left out). Raises NotLabelled."""
    found = []
    for number, line in enumerate(lines, 1):
        question, candidate = line.get("question", line.get("a", line.get("t"))), line.get("candidate", line.get("b"))
        same, group = line.get("same", line.get("y")), line.get("group", line.get("g"))
        if not isinstance(question, str) or not question.strip():
            raise NotLabelled(f"line {number} has no question")
        if candidate is None:
            found.append(Asked(question=question, group=None if group is None else str(group)))
        elif not isinstance(candidate, str) or same not in (True, False, 0, 1):
            raise NotLabelled(f"line {number} is a pair, and does not say with true or false whether both are the same")
        else:
            found.append(Asked(question=question, candidate=candidate, same=bool(same)))
    if len({one.candidate is None for one in found}) > 1:
        raise NotLabelled("some lines are pairs and some are not")
    if len(found) < LEAST_REQUESTS:
        raise NotLabelled(
            f"{len(found):,} labelled requests are too few: what they show would not carry over. "
            f"{LEAST_REQUESTS:,} are the least"
        )
    return found


def calibrate(
    asked: Sequence[Asked],
    embedder: Embedder,
    thresholds: Sequence[float],
    *,
    budget: float,
    off: frozenset[str] = frozenset(),
    unread: float,
    max_tokens: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Calibration:
    """Each threshold on all of them. off, unread, max_tokens: as in the cache's settings. progress: hears how many
    texts have been read. Raises what the embedder raises."""
    whole = len(asked)
    if asked and asked[0].candidate is None:
        asked = _first_of_each(asked)
    scores = _Scores(asked, embedder, off, unread, max_tokens, progress)
    if asked and asked[0].candidate is not None:
        cosines = scores.of_pairs()
        points = [_of_pairs(asked, scores, cosines, threshold) for threshold in thresholds]
        possible = sum(one.same for one in asked)
    else:
        near = list(scores.neighbours(min(thresholds)))
        points = [_of_stream(asked, scores, near, threshold) for threshold in thresholds]
        groups = [one.group for one in asked if one.group is not None]
        possible = len(groups) - len(set(groups))
    unmatched = len(asked) - sum(scores.readable)
    return summed(points, budget=budget, possible=possible, exact=whole - len(asked), unread=unmatched)


def _first_of_each(asked: Sequence[Asked]) -> list[Asked]:
    return list({one.question: one for one in reversed(asked)}.values())[::-1]


def summed(
    points: Sequence[CalibrationPoint], *, budget: float, possible: int = 0, exact: int = 0, unread: int = 0
) -> Calibration:
    """What follows from the points."""
    points = sorted(points, key=lambda point: point.threshold)
    # From above: one that is fine below one that is not would be luck.
    sure = _lowest(points, lambda point: point.wrong_share[2] <= budget)
    likely = _lowest(points, lambda point: point.wrong_share[0] <= budget)
    return Calibration(
        points=tuple(points), requests=points[0].requests if points else 0, possible=possible,
        exact=exact, unread=unread,
        area=area(points), budget=budget, sure=sure, likely=likely,
    )  # fmt: skip


def _lowest(points: Sequence[CalibrationPoint], fine: Callable[[CalibrationPoint], bool]) -> float | None:
    found = None
    for point in reversed(points):
        if not fine(point):
            break
        found = point.threshold
    return found


def area(points: Sequence[CalibrationPoint]) -> float | None:
    """Under precision against hit ratio (P-CHR): 1.0 is a cache that is never wrong however much it serves."""
    curve = sorted((point.hits / point.requests, point.precision) for point in points if point.hits)
    if not curve:
        return None
    total, before, height = 0.0, 0.0, float(curve[0][1] or 0.0)
    for ratio, precision in curve:
        total += (ratio - before) * (height + float(precision or 0.0)) / 2
        before, height = ratio, float(precision or 0.0)
    return total / before


def wilson(count: int, of: int) -> tuple[float, float]:
    """Where a share lies with 95 %."""
    if not of:
        return 0.0, 1.0
    share, spread = count / of, _Z * _Z / of
    middle = (share + spread / 2) / (1 + spread)
    reach = _Z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return max(0.0, middle - reach), min(1.0, middle + reach)


class _Scores:
    """What two texts are to each other, each pair worked out once. A score is the similarity up to which a threshold
    serves them: 0 where a rule refuses, else the lesser of that of the texts and of what the template leaves."""

    def __init__(
        self, asked: Sequence[Asked], embedder: Embedder, off: frozenset[str], unread: float, max_tokens: int,
        progress: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._asked, self._embedder, self._off = asked, embedder, off
        self._decided: dict[tuple[str, str], float] = {}

        def readable(text: str) -> bool:
            return unreadable(embedder, text, max_tokens=max_tokens, unread=unread) is None

        self.readable = [readable(one.question) and (one.candidate is None or readable(one.candidate)) for one in asked]
        self.rows = self._read([one.question for one in asked], progress)

    def _read(self, texts: Sequence[str], progress: Callable[[int], None] = lambda _: None) -> Vectors:
        rows = []
        for start in range(0, len(texts), _BATCH):
            rows.append(np.asarray(self._embedder.embed(texts[start : start + _BATCH]), np.float32))
            progress(min(start + _BATCH, len(texts)))
        return np.concatenate(rows) if rows else np.zeros((0, self._embedder.dimensions), np.float32)

    def of_pairs(self) -> list[float]:
        """How alike both questions of each pair are."""
        others = self._read([one.candidate or "" for one in self._asked])
        return [float(cosine) for cosine in np.einsum("ij,ij->i", self.rows, others)]

    def score(self, question: str, candidate: str, similarity: float) -> float:
        known = self._decided.get((question, candidate))
        if known is None:
            known = self._decided[question, candidate] = self._decide(question, candidate)
        return min(similarity, known)

    def _decide(self, question: str, candidate: str) -> float:
        if refused_by(question, candidate, off=self._off) is not None:
            return 0.0
        within = template_similarity(question, candidate, off=self._off, embed=self._read)
        return 1.0 if within is None else within

    def neighbours(self, least: float) -> Iterator[list[tuple[int, float]]]:
        """For each request the nearest of those before it that reach the lowest threshold, the nearest first."""
        for start in range(0, len(self.rows), _ROWS):
            cosines = self.rows[start : start + _ROWS] @ self.rows[: start + _ROWS].T
            for row, mine in enumerate(cosines):
                before = mine[: start + row]
                near = np.flatnonzero(before >= least)
                near = near[np.argsort(-before[near], kind="stable")][:_NEIGHBOURS]
                yield [(int(at), float(before[at])) for at in near]


def _of_pairs(asked: Sequence[Asked], scores: _Scores, cosines: Sequence[float], threshold: float) -> CalibrationPoint:
    hits = wrong = 0
    for at, (one, cosine) in enumerate(zip(asked, cosines, strict=True)):
        if scores.readable[at] and cosine >= threshold:
            served = scores.score(one.question, one.candidate or "", cosine) >= threshold
            hits += served
            wrong += served and not one.same
    return CalibrationPoint(threshold=threshold, requests=len(asked), hits=hits, wrong=wrong)


def _of_stream(
    asked: Sequence[Asked], scores: _Scores, near: Sequence[Sequence[tuple[int, float]]], threshold: float
) -> CalibrationPoint:
    stored, hits, wrong = [False] * len(asked), 0, 0
    for at, one in enumerate(asked):
        if not scores.readable[at]:
            continue
        reach = [(other, cosine) for other, cosine in near[at] if stored[other] and cosine >= threshold][:CANDIDATES]
        for other, cosine in reach:
            if scores.score(one.question, asked[other].question, cosine) >= threshold:
                hits += 1
                wrong += one.group is None or one.group != asked[other].group
                break
        else:
            stored[at] = True
    return CalibrationPoint(threshold=threshold, requests=len(asked), hits=hits, wrong=wrong)


# From what a running cache has written down (cache.semantic.records).


def read_records(lines: Iterable[Mapping[str, Any]], thresholds: Sequence[float]) -> list[CalibrationPoint]:
    """Of searches (`verdict`, `similarity`) and judgements (`agree`, `similarity`): wrong hits are estimated by the
    judged ones' share. Only thresholds above those that it ran with. Raises NotLabelled."""
    searches, judged = list[tuple[str, float]](), list[tuple[float, bool]]()
    for number, line in enumerate(lines, 1):
        similarity, agree, verdict = line.get("similarity"), line.get("agree"), line.get("verdict")
        known = float(similarity) if isinstance(similarity, int | float) else -1.0
        if isinstance(agree, bool) and known >= 0.0:
            judged.append((known, agree))
        elif isinstance(verdict, str):
            searches.append((verdict, known))
        else:
            raise NotLabelled(f"line {number} is neither a search nor a judgement")
    if len(searches) < LEAST_REQUESTS:
        raise NotLabelled(f"{len(searches):,} recorded requests are too few; {LEAST_REQUESTS:,} are the least")
    if not judged:
        raise NotLabelled("nothing was judged: let it run in mode shadow, or with cache.semantic.sample")
    lowest = max((known for verdict, known in searches if verdict == "below_threshold"), default=0.0)
    found = [known for verdict, known in searches if verdict in ("served", "shadow")]
    points = (_estimated(threshold, len(searches), found, judged) for threshold in thresholds if threshold > lowest)
    told = [point for point in points if point is not None]
    if not told:
        raise NotLabelled(f"nothing was judged at any of these thresholds: it ran with one above {lowest:.2f}")
    return told


def _estimated(
    threshold: float, requests: int, found: Sequence[float], judged: Sequence[tuple[float, bool]]
) -> CalibrationPoint | None:
    """None where nothing was judged."""
    known = [agree for similarity, agree in judged if similarity >= threshold]
    hits = sum(similarity >= threshold for similarity in found)
    if not known:
        return None
    wrong = math.ceil(hits * known.count(False) / len(known))
    return CalibrationPoint(threshold=threshold, requests=requests, hits=hits, wrong=wrong, judged=len(known))
