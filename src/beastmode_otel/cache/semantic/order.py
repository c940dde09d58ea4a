"""The same words in another order: what changes who does what to whom, and what is only said otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set as AbstractSet
from itertools import pairwise, permutations
from typing import Final

from beastmode_otel.cache.semantic import words as known
from beastmode_otel.cache.semantic.phrasing import agent, given, plainly, stem
from beastmode_otel.cache.semantic.reading import TOKEN, Reading, singular

_CLAUSE: Final = re.compile(
    r"[,;:.?!]+(?:\s|$)|(?<=\w) (?=(?:if|when|because|since) |(?:why|how|what|where)"
    r"(?: (?:is|are|was|were|do|does|did|can|could|will|would|should|have|has|shall|may|must)\b|'s))"
)
_COURTESY: Final = re.compile(
    r"\b(?:(?:can|could|would|will) you (?:please )?(?:tell|help|explain to|show) me|(?:please )?(?:tell|help|show) me"
    r"|do you know|i(?: want|'d like| would like| need) to know|let me know)\b"
)
_BEFORE_INFINITIVE: Final = known.BEFORE_INFINITIVE | known.JUDGING


def reordered(one: Reading, other: Reading) -> bool:
    mine, others = [*map(stem, one.content)], [*map(stem, other.content)]
    if Counter(mine) != Counter(others):
        return False
    voices_differ = _passive(one) != _passive(other)
    if mine == others and not voices_differ:
        return _persons_change(one, other)
    kept = _kept(one, other)
    if plainly(one.marked, kept, phrases=True) == plainly(other.marked, kept, phrases=True):
        return False
    mine, others = plainly(one.marked, kept), plainly(other.marked, kept)
    if mine == others or (_tos(one) != _tos(other) and (given(one.marked) == others or given(other.marked) == mine)):
        return False
    strict = not known.ORDERED.isdisjoint(one.all | other.all)
    fixed = strict or voices_differ or kept & known.CONDITIONS or _done_to_persons(one) or _done_to_persons(other)
    verbs = frozenset() if fixed else _verbs(one) | _verbs(other)
    if verbs and _without(mine, verbs) == _without(others, verbs):
        # "can I cook what I eat" is not "can I eat what I cook"
        in_place = min(len(_verbs(one)), len(_verbs(other))) < 2 or _of(mine, verbs) == _of(others, verbs)
        if in_place or len(_clauses(one)) != len(_clauses(other)):
            return False
    return not (_rearranged(one, other, verbs, kept, strict) or _rearranged(other, one, verbs, kept, strict))


def _kept(one: Reading, other: Reading) -> frozenset[str]:
    """Of what moves by itself, what must stay here: "if" in both, or two of a kind ("turn on A and off B")."""
    kept = known.CONDITIONS & one.all & other.all
    if _of(one.bare, known.PARTICLES) != _of(other.bare, known.PARTICLES):
        kept |= known.PARTICLES
    if _of(one.bare, known.JUDGING) != _of(other.bare, known.JUDGING):
        kept |= known.JUDGING
    if max(len(_of(one.bare, known.TIMES.keys())), len(_of(other.bare, known.TIMES.keys()))) > 1:
        kept |= known.TIMES.keys()
    return kept


def _passive(text: Reading) -> bool:
    return "by" in text.all and agent(text.marked) is not None


def _tos(text: Reading) -> int:
    return text.bare.count("to") + text.bare.count("for")


# Who does it.


def _persons_change(one: Reading, other: Reading) -> bool:
    """Can I call you, can you call me."""
    mine, others = _persons(one), _persons(other)
    return mine != others and Counter(mine) == Counter(others)


def _persons(text: Reading) -> list[str]:
    return [known.PERSONS[word] for word in TOKEN.findall(_COURTESY.sub(" ", text.lower)) if word in known.PERSONS]


def _done_to_persons(text: Reading) -> bool:
    return not known.OBJECTS.isdisjoint(TOKEN.findall(_COURTESY.sub(" ", text.lower)))


def _verbs(text: Reading) -> frozenset[str]:
    """What stands where a verb must: its place among the nouns says nothing."""
    found = {word for before, word in pairwise(text.bare) if before in known.BEFORE_VERB}
    for at in range(2, len(text.bare)):
        if text.bare[at - 1] == "to" and text.bare[at - 2] in _BEFORE_INFINITIVE:
            found.add(text.bare[at])
    return frozenset(map(stem, found - known.LITTLE)) | _states(text)


def _states(text: Reading) -> frozenset[str]:
    """A declined transfer, the transfer was declined. Where there are two, it matters what is what."""
    if text.all.isdisjoint(known.BEFORE_STATE):
        return frozenset()
    words = ["", *text.bare, ""]
    found = {
        stem(word)
        for before, word, after in zip(words, words[1:], words[2:], strict=False)
        if len(word) > 4 and word.endswith(("ed", "en", "ing")) and (before in known.BEFORE_STATE or not after)
    }
    return frozenset(found if len(found) == 1 else ())


# Clauses.


def _clauses(text: Reading) -> list[list[str]]:
    return [each for part in _CLAUSE.split(text.lower) if (each := TOKEN.findall(part))]


def _rearranged(one: Reading, other: Reading, verbs: AbstractSet[str], kept: AbstractSet[str], strict: bool) -> bool:
    """The clauses of one in another order: "In Excel, how do I …" and "How do I … in Excel". strict: word by word."""
    clauses = _clauses(one)
    if not 2 <= len(clauses) <= 4:
        return False
    shortest = 1 if len(clauses) == 2 and max(map(len, clauses)) > 2 else 2  # "Help! I lost it"
    if min(map(len, clauses)) < shortest:
        return False
    if strict:
        return any([word for clause in order for word in clause] == other.words for order in permutations(clauses))
    marks = {word.lower(): word for word in one.marked}
    marked = [[_marked(word, marks) for word in clause] for clause in clauses]
    for turned in (True, False):
        parts = [_without(plainly(words, kept, turned=turned), verbs) for words in marked]
        whole = _without(plainly(other.marked, kept, turned=turned), verbs)
        if any([word for part in order for word in part] == whole for order in permutations(parts)):
            return True
    return False


def _marked(word: str, marks: dict[str, str]) -> str:
    bare = singular(word.replace("'", ""))
    return marks.get(bare, bare)


def _of(words: list[str], some: AbstractSet[str]) -> list[str]:
    return [word for word in words if word in some]


def _without(words: list[str], verbs: AbstractSet[str]) -> list[str]:
    return [word for word in words if word not in verbs]
