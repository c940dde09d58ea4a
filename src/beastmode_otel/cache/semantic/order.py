"""The same words in another order: what changes who does what to whom, and what is only said otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Set as AbstractSet
from itertools import pairwise, permutations
from typing import Final

from beastmode_otel.cache.semantic import words as known
from beastmode_otel.cache.semantic.reading import TOKEN, Reading, singular

_CLAUSE: Final = re.compile(r"[,;:.?!]+(?:\s|$)|(?<=\w) (?=(?:if|when|because|since|why|how|what|where) )")
_COURTESY: Final = re.compile(
    r"\b(?:(?:can|could|would|will) you (?:please )?(?:tell|help|explain to|show) me|(?:please )?(?:tell|help|show) me"
    r"|do you know|i(?: want|'d like| would like| need) to know|let me know)\b"
)
_SAYS_NO_ORDER: Final = known.LITTLE | known.JOINING | known.MOVABLE


def reordered(one: Reading, other: Reading) -> bool:
    if Counter(one.content) != Counter(other.content):
        return False
    voices_differ = _passive(one) != _passive(other)
    if one.content == other.content and not voices_differ:
        return _persons_change(one, other)
    kept = _kept(one, other)
    if _in_order(one.marked, kept, phrases=True) == _in_order(other.marked, kept, phrases=True):
        return False
    mine, others = _in_order(one.marked, kept), _in_order(other.marked, kept)
    if mine == others:
        return False
    strict = bool((one.all | other.all) & known.ORDERED)
    fixed = strict or kept & known.CONDITIONS or voices_differ
    verbs = frozenset() if fixed or _done_to_persons(one) or _done_to_persons(other) else _verbs(one) | _verbs(other)
    if verbs and _without(mine, verbs) == _without(others, verbs):
        in_place = _of(mine, verbs) == _of(others, verbs)
        if in_place or len(_clauses(one)) != len(_clauses(other)) or verbs <= _states(one) | _states(other):
            return False
    return not (_rearranged(one, other, verbs, kept, strict) or _rearranged(other, one, verbs, kept, strict))


def _kept(one: Reading, other: Reading) -> frozenset[str]:
    """Of what moves by itself, what must stay here: "if" in both, or two of a kind ("turn on A and off B")."""
    kept = known.CONDITIONS & one.all & other.all
    if [word for word in one.bare if word in known.PARTICLES] != [
        word for word in other.bare if word in known.PARTICLES
    ]:
        kept |= known.PARTICLES
    if sum(word in known.TIMES for word in one.bare) > 1:
        kept |= known.TIMES.keys()
    return kept


def _in_order(marked: list[str], kept: AbstractSet[str], *, phrases: bool = False) -> list[str]:
    """Its content: "symptoms of flu" as "flu symptoms", "A and B" as "B and A" where that makes no difference, "done by
    A" as "A did", and without words that stand where grammar puts them (why, also). kept: what stays all the same.
    phrases: all of "verification code for my top-up card", not only the words next to "for"."""
    words = _active(marked) if "by" in marked else list(marked)
    loose = known.ORDERED.isdisjoint(words)
    for at in range(1, len(words) - 1):
        if words[at] in known.COMMUTES and loose:
            _commute(words, at)
        elif words[at] == "of" or (words[at] == "for" and words[at + 1] in known.DETERMINERS):
            after = at + 2 if words[at + 1] in known.DETERMINERS and at + 2 < len(words) else at + 1
            if words[at - 1] not in known.LITTLE and words[after] not in known.LITTLE:
                _turn(words, at, after, phrases)
    return [
        word for at, word in enumerate(words) if word in kept or not (word in _SAYS_NO_ORDER or _stranded(words, at))
    ]


def _turn(words: list[str], at: int, after: int, phrases: bool) -> None:
    """Verification code for my card, card verification code: the phrases around words[at] change places."""
    start, end = at - 1, after + 1
    while phrases and start > 0 and not _ends_phrase(words, start - 1):
        start -= 1
    while phrases and end < len(words) and not _ends_phrase(words, end):
        end += 1
    words[start:end] = [*words[after:end], *words[at:after], *words[start:at]]


def _ends_phrase(words: list[str], at: int) -> bool:
    word = words[at]
    return word in _SAYS_NO_ORDER or word in known.PREPOSITIONS or (at > 0 and words[at - 1] in known.BEFORE_VERB)


def _stranded(words: list[str], at: int) -> bool:
    """In which countries are you, which countries are you in; and times, which move as they like."""
    if words[at] in known.PREPOSITIONS:
        return at + 1 == len(words) or words[at + 1] in known.MOVABLE
    return words[at] in known.TIMES


def _passive(text: Reading) -> bool:
    return "by" in text.all and _agent(text.marked) is not None


def _agent(words: list[str]) -> int | None:
    """Where the "by" of a passive is: "was bitten by"."""
    for at in range(2, len(words) - 1):
        done = words[at - 1]
        if words[at] == "by" and (done.endswith(("ed", "en")) or done in known.PARTICIPLES):
            return at
    return None


def _active(words: list[str]) -> list[str]:
    """ "A was bitten by B" as "B bitten A"."""
    at = _agent(words)
    if at is None:
        return list(words)
    first = at + 2 if words[at + 1] in known.DETERMINERS and at + 2 < len(words) else at + 1
    last = first + 1
    while last < len(words) and not _ends_phrase(words, last):
        last += 1
    stop = at - 1
    while stop > 0 and words[stop - 1] in known.LITTLE:
        stop -= 1
    start = stop
    while start > 0 and not _ends_phrase(words, start - 1):
        start -= 1
    return [*words[:start], *words[first:last], words[at - 1], *words[start:stop], *words[last:]]


def _commute(words: list[str], at: int) -> None:
    """Both coordinands around words[at] in the order of the alphabet, where their ends are plain: two that share a word
    at the same place ("raw eggs or raw fish"), or single words between little ones."""
    left, right = words[max(0, at - 2) : at], words[at + 1 : at + 3]
    if (
        len(left) == len(right) == 2
        and left != right
        and any(one == other and one not in known.LITTLE for one, other in zip(left, right, strict=True))
    ):
        if left > right:
            words[at - 2 : at], words[at + 1 : at + 3] = right, left
        return
    second = at + 2 if words[at + 1] in ("the", "a", "an", "to") and at + 2 < len(words) else at + 1
    first, before = at - 1, words[at - 2] if at > 1 else ""
    after = words[second + 1] if second + 1 < len(words) else ""
    asked = before in ("is", "are") and (after.endswith("er") or after in known.COMPARING)  # "is tea or coffee better"
    alone = not after or after in known.LITTLE or after in ("in", "on")
    if asked or (alone and (not before or before in known.COMMUTES_AFTER)):
        words[first], words[second] = sorted((words[first], words[second]))


# Who does it.


def _persons(text: Reading) -> list[str]:
    return [known.PERSONS[word] for word in TOKEN.findall(_COURTESY.sub(" ", text.lower)) if word in known.PERSONS]


def _persons_change(one: Reading, other: Reading) -> bool:
    """Can I call you, can you call me."""
    mine, others = _persons(one), _persons(other)
    return mine != others and Counter(mine) == Counter(others)


def _done_to_persons(text: Reading) -> bool:
    return bool(known.OBJECTS & set(TOKEN.findall(_COURTESY.sub(" ", text.lower))))


def _verbs(text: Reading) -> frozenset[str]:
    """What stands where a verb must: its place among the nouns says nothing."""
    found = {word for before, word in pairwise(text.bare) if before in known.BEFORE_VERB}
    for at in range(2, len(text.bare)):
        if text.bare[at - 1] == "to" and text.bare[at - 2] in known.BEFORE_INFINITIVE:
            found.add(text.bare[at])
    return frozenset(map(singular, found - known.LITTLE)) | _states(text)


def _states(text: Reading) -> frozenset[str]:
    """A declined transfer, the transfer was declined."""
    return frozenset(
        word
        for before, word in pairwise(text.bare)
        if before in known.BEFORE_STATE and len(word) > 4 and word.endswith(("ed", "en", "ing"))
    )


def _of(words: list[str], some: AbstractSet[str]) -> list[str]:
    return [word for word in words if word in some]


def _without(words: list[str], verbs: AbstractSet[str]) -> list[str]:
    return [word for word in words if word not in verbs]


def _clauses(text: Reading) -> list[list[str]]:
    return [each for part in _CLAUSE.split(text.lower) if (each := TOKEN.findall(part))]


def _rearranged(one: Reading, other: Reading, verbs: AbstractSet[str], kept: AbstractSet[str], strict: bool) -> bool:
    """The clauses of one in another order: "In Excel, how do I …" and "How do I … in Excel". strict: word by word."""
    clauses = _clauses(one)
    shortest = 1 if len(clauses) == 2 and max(map(len, clauses)) > 2 else 2  # "Help! I lost it"
    if not 2 <= len(clauses) <= 4 or min(map(len, clauses)) < shortest:
        return False
    if strict:
        return any([word for clause in order for word in clause] == other.words for order in permutations(clauses))
    marks = {word.lower(): word for word in one.marked}
    parts = [_without(_in_order([_marked(word, marks) for word in clause], kept), verbs) for clause in clauses]
    whole = _without(_in_order(other.marked, kept), verbs)
    return any([word for part in order for word in part] == whole for order in permutations(parts))


def _marked(word: str, marks: dict[str, str]) -> str:
    bare = singular(word.replace("'", ""))
    return marks.get(bare, bare)
