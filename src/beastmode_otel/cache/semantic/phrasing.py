"""The content of a text in a plain order: "symptoms of flu" as "flu symptoms", "B and A" as "A and B" where that is the
same, "done by A" as "A did", and without what stands where grammar puts it (why, also)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from beastmode_otel.cache.semantic import words as known
from beastmode_otel.cache.semantic.reading import singular

_SAYS_NO_ORDER: Final = known.LITTLE | known.JOINING | known.MOVABLE


def plainly(marked: list[str], kept: AbstractSet[str], *, phrases: bool = False, turned: bool = True) -> list[str]:
    """kept: what stays all the same. turned: around "of" and "for"; phrases: all of "verification code for my top-up
    card", not only the words next to it."""
    words = _active(marked) if "by" in marked else list(marked)
    loose = known.ORDERED.isdisjoint(words)
    for at in range(1, len(words) - 1):
        if words[at] in known.COMMUTES and loose:
            _commute(words, at)
        elif turned and words[at] in ("of", "for"):
            after = _beyond_determiner(words, at + 1)
            if words[at - 1] not in known.LITTLE and words[after] not in known.LITTLE:
                _turn(words, at, after, phrases)
    return [
        stem(word) for at, word in enumerate(words) if word in kept or not (word in _SAYS_NO_ORDER or _moves(words, at))
    ]


def given(marked: list[str]) -> list[str] | None:
    """Send a text to Joe, send Joe a text: the first as the second."""
    to = next((at for at, word in enumerate(marked) if word in ("to", "for")), 0)
    giving = next((at for at in range(to) if marked[at] in known.GIVING), to)
    if giving + 1 >= to or to + 1 >= len(marked):
        return None
    end = _phrase_end(marked, _beyond_determiner(marked, to + 1) + 1)
    turned = [*marked[: giving + 1], *marked[to + 1 : end], *marked[giving + 1 : to], *marked[end:]]
    return plainly(turned, frozenset())


def agent(words: list[str]) -> int | None:
    """Where the "by" of a passive is, if there is one: was bitten by."""
    for at in range(2, len(words) - 1):
        done = words[at - 1]
        if (
            words[at] == "by"
            and words[at + 1] not in known.COURTEOUS
            and (done.endswith(("ed", "en")) or done in known.PARTICIPLES)
        ):
            return at
    return None


def stem(word: str) -> str:
    """Roughly: what matters is that both texts are treated alike."""
    word = singular(word)
    if len(word) > 6 and word.endswith("ing"):
        word = word[:-3]
    elif len(word) > 4 and word.endswith("ed"):
        word = word[:-2]
    return word[:-1] if len(word) > 3 and word[-1] == "e" else word


def _turn(words: list[str], at: int, after: int, phrases: bool) -> None:
    """Verification code for my card, card verification code: the phrases around words[at] change places."""
    start, end = at - 1, after + 1
    if phrases:
        start, end = _phrase_start(words, start), _phrase_end(words, end)
    words[start:end] = [*words[after:end], *words[at:after], *words[start:at]]


def _active(words: list[str]) -> list[str]:
    """A was bitten by B, B bitten A."""
    at = agent(words)
    if at is None:
        return list(words)
    first = _beyond_determiner(words, at + 1)
    last = _phrase_end(words, first + 1)
    stop = at - 1
    while stop > 0 and words[stop - 1] in known.LITTLE:
        stop -= 1
    start = _phrase_start(words, stop)
    return [*words[:start], *words[first:last], words[at - 1], *words[start:stop], *words[last:]]


def _commute(words: list[str], at: int) -> None:
    """Both coordinands around words[at] in the order of the alphabet, where their ends are plain: two that share a word
    at the same place ("raw eggs or raw fish"), or single words between little ones."""
    left, right = words[max(0, at - 2) : at], words[at + 1 : at + 3]
    if len(left) == len(right) == 2 and left != right and _parallel(left, right):
        if left > right:
            words[at - 2 : at], words[at + 1 : at + 3] = right, left
        return
    second = at + 2 if words[at + 1] in ("the", "a", "an", "to") and at + 2 < len(words) else at + 1
    first, before = at - 1, words[at - 2] if at > 1 else ""
    after = words[second + 1] if second + 1 < len(words) else ""
    compared = words[at] == "and" or after.endswith("er") or after in known.COMPARING
    asked = before in ("is", "are") and compared  # is tea or coffee better; are A and B the same
    alone = not after or after in known.LITTLE or after in ("in", "on")
    verb = at > 2 and words[at - 3] in known.BEFORE_VERB  # should I use tabs or spaces
    if asked or (alone and (not before or verb or before in known.COMMUTES_AFTER)):
        words[first], words[second] = sorted((words[first], words[second]))


def _parallel(left: list[str], right: list[str]) -> bool:
    return any(one == other and one not in known.LITTLE for one, other in zip(left, right, strict=True))


def _beyond_determiner(words: list[str], at: int) -> int:
    return at + 1 if words[at] in known.DETERMINERS and at + 1 < len(words) else at


def _phrase_start(words: list[str], at: int) -> int:
    while at > 0 and not _ends_phrase(words, at - 1):
        at -= 1
    return at


def _phrase_end(words: list[str], at: int) -> int:
    while at < len(words) and not _ends_phrase(words, at):
        at += 1
    return min(at, len(words))


def _ends_phrase(words: list[str], at: int) -> bool:
    word = words[at]
    if word in known.PREPOSITIONS or (word in _SAYS_NO_ORDER and word not in known.PARTICLES):
        return True
    return at > 0 and words[at - 1] in known.BEFORE_VERB


def _moves(words: list[str], at: int) -> bool:
    """In which countries are you, which countries are you in; and times, which stand where they like."""
    if words[at] in known.PREPOSITIONS:
        return at + 1 == len(words) or words[at + 1] in known.MOVABLE
    return words[at] in known.TIMES or words[at] in known.JUDGING
