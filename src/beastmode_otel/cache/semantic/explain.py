"""Why a question would be answered with the answer to another one, or not: the nearest candidates, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.semantic.build import threshold_of
from beastmode_otel.cache.semantic.decision import template_similarity
from beastmode_otel.cache.semantic.embedders import Post, open_embedder, unreadable
from beastmode_otel.cache.semantic.ports import Embedder
from beastmode_otel.cache.semantic.rules import refusing
from beastmode_otel.config.settings import SemanticSettings
from beastmode_otel.observer import MatchVerdict
from beastmode_otel.record import record

SHOWN: Final = 5


@record(frozen=True, slots=True, kw_only=True)
class ExplainedCandidate:
    """A stored question that is near. refused_by: each rule that refuses it, not only the first. template: the
    similarity of what both texts do not share, where they share a long frame. verdict: of the cache, without verifier.
    """

    entry: Entry
    similarity: float
    refused_by: tuple[str, ...]
    template: float | None
    verdict: MatchVerdict


@record(frozen=True, slots=True, kw_only=True)
class ExplainedMatch:
    """verdict: of the whole search. compared: how many stored questions there were. other: entries of the scope that
    another embedder read, or none: they are not compared."""

    verdict: MatchVerdict
    threshold: float
    embedder: str
    compared: int
    other: int
    candidates: tuple[ExplainedCandidate, ...]


def explain_match(
    text: str | None,
    temperature: float | None,
    key: Key,
    entries: Iterable[Entry],
    settings: SemanticSettings,
    *,
    threshold: float | None,
    post: Post | None = None,
) -> ExplainedMatch:
    """entries: what is stored in the scope of `key`, fresh. text: the question, None for one that is no plain text.
    threshold: the route's own. Raises ConfigError, EmbedderFailed."""
    embedder = open_embedder(settings.embedder, post)
    try:
        least = threshold_of(settings, embedder) if threshold is None else threshold
        mine = [entry for entry in entries if entry.key.scope == key.scope and entry.key.digest != key.digest]
        rows = {entry.key.digest: entry.vector or b"" for entry in mine if entry.embedder == embedder.name}
        near = [entry for entry in mine if len(rows.get(entry.key.digest, b"")) == 4 * embedder.dimensions]
        verdict: MatchVerdict | None = None
        if text is None:
            verdict = "not_text"
        elif temperature is not None and temperature > settings.max_temperature:
            verdict = "temperature"
        else:
            verdict = unreadable(embedder, text, max_tokens=settings.max_tokens, unread=settings.unread)
        found: list[ExplainedCandidate] = []
        if text is not None and near and verdict is None:
            matrix = np.stack([np.frombuffer(rows[entry.key.digest], "<f4") for entry in near])
            cosines = matrix @ np.asarray(embedder.embed([text]), np.float32)[0]
            off = frozenset(settings.off)
            nearest = [int(at) for at in np.argsort(-cosines)[:SHOWN]]
            found = [_candidate(text, near[at], float(cosines[at]), least, off, embedder) for at in nearest]
        if verdict is None:
            verdict = _of_all(found)
        return ExplainedMatch(
            verdict=verdict, threshold=least, embedder=embedder.name, compared=len(near),
            other=len(mine) - len(near), candidates=tuple(found),
        )  # fmt: skip
    finally:
        embedder.close()


def _candidate(
    text: str, entry: Entry, similarity: float, least: float, off: frozenset[str], embedder: Embedder
) -> ExplainedCandidate:
    stored = entry.question or ""
    refused = tuple(refusing(text, stored, off=off))
    template = template_similarity(text, stored, off=off, embed=embedder.embed)
    verdict: MatchVerdict = "served"
    if similarity < least:
        verdict = "below_threshold"
    elif refused:
        verdict = "guard_reject"
    elif template is not None and template < least:
        verdict = "template_reject"
    return ExplainedCandidate(
        entry=entry, similarity=similarity, refused_by=refused, template=template, verdict=verdict
    )


def _of_all(found: list[ExplainedCandidate]) -> MatchVerdict:
    if not found:
        return "no_candidate"
    verdicts = [one.verdict for one in found]
    return "served" if "served" in verdicts else verdicts[0]
