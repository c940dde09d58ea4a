"""What is decided about a candidate past the threshold: the rules, then the template check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final, Literal

from beastmode_otel.cache.semantic.ports import Vectors
from beastmode_otel.cache.semantic.rules import refused_by
from beastmode_otel.record import record


@record(frozen=True, slots=True, kw_only=True)
class Decision:
    """guard: the rule that refused, with guard_reject only."""

    verdict: Literal["served", "guard_reject", "template_reject"]
    guard: str | None = None


TEMPLATE: Final = "template"
_SHARED_WORDS: Final = 12


def decide(
    question: str,
    candidate: str,
    *,
    threshold: float,
    off: Collection[str] = (),
    embed: Callable[[Sequence[str]], Vectors],
) -> Decision:
    """Of two questions whose similarity reaches `threshold`. embed: for the template check, where one is due; raises
    what it raises."""
    guard = refused_by(question, candidate, off=off)
    if guard is not None:
        return Decision(verdict="guard_reject", guard=guard)
    within = template_similarity(question, candidate, off=off, embed=embed)
    if within is not None and within < threshold:
        return Decision(verdict="template_reject")
    return Decision(verdict="served")


def template_similarity(
    question: str, candidate: str, *, off: Collection[str] = (), embed: Callable[[Sequence[str]], Vectors]
) -> float | None:
    """Of what a frame leaves of both, 0.0 where that is nothing of one; None: there is no frame, or nobody asks."""
    rests = None if TEMPLATE in off else rests_of(question, candidate)
    if rests is None:
        return None
    if not all(rests):
        return 0.0
    rows = embed(rests)
    return float(rows[0] @ rows[1])


def rests_of(question: str, candidate: str) -> tuple[str, str] | None:
    """What is left of two texts without the words that both begin and end with, where these are most of them: a long
    instruction with a short slot, whose similarity is that of the instruction. None: there is no such frame."""
    one, other = question.lower().split(), candidate.lower().split()
    if one == other:
        return None
    shortest = min(len(one), len(other))
    head = next((at for at in range(shortest) if one[at] != other[at]), shortest)
    tail = next((at for at in range(shortest - head) if one[-1 - at] != other[-1 - at]), shortest - head)
    if head + tail < _SHARED_WORDS or 2 * (head + tail) < max(len(one), len(other)):
        return None
    return " ".join(one[head : len(one) - tail]), " ".join(other[head : len(other) - tail])
