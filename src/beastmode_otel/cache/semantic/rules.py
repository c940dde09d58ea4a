"""Rules for what similarity is blind to: each compares what two texts have of one kind, and refuses where that differs.

Each has a name, by which it is switched off and told. Which of both texts comes first does not matter, and a text is
never refused as its own. All of it is made for English; what a rule does not know, it lets pass.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import pairwise, permutations
from typing import Final

from beastmode_otel.cache.semantic import words as known

Rule = Callable[["Reading", "Reading"], bool]  # True: they are not the same

_TOKEN: Final = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_TOKEN_PARTS: Final = re.compile(r"[’'-]")
_NUMBER: Final = re.compile(r"\d+(?:[.,:/-]\d+)*")
_DIGIT: Final = re.compile(r"\d")
_HOUR: Final = re.compile(r"(?<=\d)\s?([ap])\.?m\b\.?", re.IGNORECASE)  # 6pm, 6 p.m.
_GLUED: Final = re.compile(rf"(?<=\d)(?=(?:{'|'.join({*known.UNITS, *known.AFTER_NUMBER})})\b)", re.IGNORECASE)
_ORDINAL: Final = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_DEGREES: Final = re.compile(r"°|\bdegrees?\b")
_SIGN: Final = re.compile(rf"[{''.join(known.SIGNS)}]")
_QUOTED: Final = re.compile(
    r"https?://\S+|\bwww\.\S+|[\w.+-]+@[\w-]+\.\w+|\"[^\"]+\"|“[^”]+”|«[^»]+»|`[^`]+`|(?<!\w)['‘][^'’]+['’](?!\w)"
)
_MAY_QUOTE: Final = re.compile(r"[\"“«`'‘@]|://|www")  # far cheaper than what it spares
_MARKS: Final = "\"“”«»`'‘’"
_CODE: Final = re.compile(
    r"\b\w*(?:_\w+|[a-z][A-Z]\w*|\d[A-Za-z]\w*|[A-Za-z]\d\w*)|\b\w+(?:\.\w+)+\b"  # snake_case, camelCase, mp3, os.path
    r"|(?<!\S)--?[a-z][\w-]*|\w+\(\)|!?[+#=<>/\\{}|*^&]+"  # -rf, f(), C++
)
_MAY_BE_CODE: Final = re.compile(r"[_(+#=<>/\\{}|*^&\d]|\.\w|[a-z][A-Z]|\B-")
_LONE: Final = re.compile(
    r"(?<![\w'’.-])(?:(?<=[^\s.?!:\n] )[A-HJ-Z]|[b-ce-hj-ln-ru-z])(?![\w'’-])"
)  # A to B; no article, no I
_LABELLED: Final = re.compile(rf"\b(?:{'|'.join(known.LABELLED)}) ([a-z])(?![\w'-])")  # vitamin d
_NAME: Final = re.compile(r"(?<=[^\s.?!:\n] )[A-Z][\w’'-]*")
_LETTER_LANGUAGE: Final = re.compile(r"\b(?:in|using|with|for) (go|c|r|d)\b(?![+#])")
_AS_WELL: Final = re.compile(r"\b(?:as well as|along with|together with|in addition)\b")
_NO_DENIAL: Final = re.compile(r"\b(?:or not|not (?:only|sure)|no idea|(?:do not|don[’']?t) (?:know|understand))\b")
_CLAUSE: Final = re.compile(r"[,;:.?!]+(?:\s|$)")

_HOW: Final = (
    "many|much|long|often|old|far|high|tall|wide|deep|big|large|heavy|fast|soon|early|late|hot|cold|thick|close|strong"
)
_ASK: Final = rf"how (?:{_HOW})\b|who|whom|whose|what|when|where|why|which|how"
_LEADING: Final = re.compile(
    rf"(?:^|[.,;:?!(]\s*|\b(?:know|me|explain|say|wondering|idea|remember|sure|ask|out)\s)(?:so |and )?({_ASK})\b"
)
_ANYWHERE: Final = re.compile(rf"\b({_ASK})\b")
_ASKED_FOR: Final = (  # a noun that asks for what a question word asks for
    (re.compile(r"\b(?:what|which) (?:makes|made|causes|caused)\b|\bhow come\b"), "why"),
    (re.compile(r"\bwhat (?:is|are|was|were|s) the (?:reasons?|causes?)\b"), "why"),
    (re.compile(r"\b(?:in|at|on|from|to) (?:which|what) (?:city|country|place|town|state|region|street)\b"), "where"),
    (re.compile(r"\bwhat (?:time|date|day|year|month)\b|\bin (?:which|what) (?:year|month|century)\b"), "when"),
    (re.compile(r"\b(?:which|what) (?:person|people|man|woman)\b"), "who"),
)
_MEASURED: Final = re.compile(
    r"\bwhat(?: is| are| was| were|[’']?s) (?:the |your |my |its )?((?:\w+ )?"
    r"(?:length|duration|time|age|distance|height|depth|width|weight|size|speed|population|number(?= of))\b"
    r"|\w+[’']s? age\b|\w+ \w+[’']s? age\b)"
)
_MEASURES: Final[Mapping[str, str]] = {
    "length": "how long", "duration": "how long", "age": "how old", "distance": "how far", "height": "how high",
    "depth": "how deep", "width": "how wide", "weight": "how heavy", "size": "how big", "speed": "how fast",
    "population": "how many", "number": "how many",
}  # fmt: skip
_LASTING: Final = re.compile(r"(?:flight|travel|delivery|shipping|processing|cooking|baking|waiting|running|response) ")
_SAME_ASKING: Final[Mapping[str, str]] = {"whom": "who", "whose": "who", "how tall": "how high", "how large": "how big"}
_PRICE: Final = re.compile(r"\b(?:price|prices|cost|costs|fee|fees|charge|how much (?:is|are|was|were))\b")
_LOOSE: Final = frozenset({"what", "which", "how"})  # "how do I" is "what is the way to"


class Reading:
    """One text as the rules see it."""

    __slots__ = ("all", "bare", "content", "digits", "letters", "lower", "marked", "parts", "text", "words")

    def __init__(self, text: str) -> None:
        self.digits = _DIGIT.search(text) is not None
        if self.digits:
            text = _ORDINAL.sub("", _GLUED.sub(" ", _HOUR.sub(r" \1m", text)))
        self.text, self.lower = text, text.lower().replace("’", "'")
        self.words: list[str] = [word.replace("’", "'") for word in _TOKEN.findall(self.lower)]
        self.bare = [word.replace("'", "") for word in self.words]
        self.all = frozenset(self.bare)
        self.parts = frozenset(part for word in self.words for part in word.split("'"))
        self.letters = frozenset(_letters(text, self.lower))
        self.marked = (
            [word.upper() if word in self.letters else word for word in self.bare] if self.letters else self.bare
        )
        self.content = [word for word in self.marked if word not in known.LITTLE and word not in known.JOINING]


def _letters(text: str, lower: str) -> Iterator[str]:
    """Letters that stand for something, in lower case: plan B, vitamin d."""
    yield from (found.lower() for found in _LONE.findall(text))
    yield from _LABELLED.findall(lower)


def _numbers(text: Reading) -> Counter[str]:
    found = Counter[str]()
    if text.digits:
        found.update(each.replace(",", "") for each in _NUMBER.findall(text.text))
    if text.all.isdisjoint(known.NUMBERS):
        return found
    before = ""
    for word in text.bare:
        if word in known.NUMBERS and not (word == "one" and before in known.PRONOUN_BEFORE):
            found[known.NUMBERS[word]] += 1
        before = word
    return found


def _negated(text: Reading) -> bool:
    words = text.words
    if "not" in text.all or "no" in text.all or "dont" in text.all:
        words = _TOKEN.findall(_NO_DENIAL.sub(" ", text.lower))
    return sum(word in known.NEGATIONS or word.endswith("n't") for word in words) % 2 == 1


def _opposite(one: Reading, other: Reading) -> bool:
    sides = known.sides()
    mine = [sides[word] for word in one.all - other.all if word in sides]
    if not mine:
        return False
    others = [where for word in other.all - one.all if word in sides for where in sides[word]]
    return any(group == far and side != opposite for near in mine for group, side in near for far, opposite in others)


def _quoted(text: Reading) -> frozenset[str]:
    if not _MAY_QUOTE.search(text.text):
        return frozenset()
    return frozenset(found.strip(_MARKS).rstrip(".,?!") for found in _QUOTED.findall(text.text))


def _quotes_differ(one: Reading, other: Reading) -> bool:
    """What one quotes, the other has, too: quoted in other marks, or in none."""
    mine, others = _quoted(one), _quoted(other)
    return any(each not in other.text for each in mine - others) or any(each not in one.text for each in others - mine)


def _code(text: Reading) -> Counter[str]:
    if not _MAY_BE_CODE.search(text.text):
        return Counter()
    return Counter(found for found in _CODE.findall(text.text) if not _NUMBER.fullmatch(found))


def _code_differs(one: Reading, other: Reading) -> bool:
    mine, others = _code(one), _code(other)
    if mine == others:
        return False
    more, less = mine - others, others - mine
    if {each.lower() for each in more} & {each.lower() for each in less}:  # userId is not userID
        return True
    return any(each.lower() not in other.all for each in more) or any(each.lower() not in one.all for each in less)


def _names(text: Reading) -> frozenset[str]:
    """Words that are written large inside of a sentence."""
    found = {part for name in _NAME.findall(text.text) for part in _TOKEN_PARTS.split(name.lower())}
    return frozenset(found & text.parts - known.LITTLE - known.UNITS.keys()) if found else frozenset()


def _names_differ(one: Reading, other: Reading) -> bool:
    if one.letters - other.letters and other.letters - one.letters:
        return True
    more = (_names(one) - other.parts) | (_names(other) - one.parts)
    return bool(more - known.AFTER_NUMBER.keys())


def _units(text: Reading) -> frozenset[str]:
    found = {known.UNITS[word] for word in text.all & known.UNITS.keys()}
    found |= {known.SIGNS[sign] for sign in _SIGN.findall(text.text)}
    if text.all.isdisjoint(known.AFTER_NUMBER):
        return frozenset(found)
    words = _TOKEN.findall(_DEGREES.sub(" ", text.lower)) if "°" in text.text else text.bare
    found |= {
        known.AFTER_NUMBER[word] for before, word in pairwise(words) if word in known.AFTER_NUMBER and _counts(before)
    }
    return frozenset(found)


def _languages(text: Reading) -> frozenset[str]:
    found = {known.LANGUAGE_NAMES.get(word, word) for word in text.all & _LANGUAGE_WORDS}
    return frozenset(found.union(_LETTER_LANGUAGE.findall(text.lower)))


_LANGUAGE_WORDS: Final = known.LANGUAGES | known.LANGUAGE_NAMES.keys()


def _times(text: Reading) -> frozenset[str]:
    found = {known.TIMES[word] for word in text.all & known.TIMES.keys()}
    if "am" in text.all and any(word == "am" and _counts(before) for before, word in pairwise(text.bare)):
        found.add("am")
    return frozenset(found)


def _counts(word: str) -> bool:
    return word.isdigit() or word in known.NUMBERS


# Order.


def _reordered(one: Reading, other: Reading) -> bool:
    if one.content == other.content or Counter(one.content) != Counter(other.content):
        return False
    return _in_order(one) != _in_order(other) and not (_rearranged(one, other) or _rearranged(other, one))


def _in_order(text: Reading) -> list[str]:
    """Its content; "symptoms of flu" as "flu symptoms", "A and B" as "B and A" where that makes no difference."""
    words = list(text.marked)
    loose = not text.all & known.ORDERED
    for at in range(1, len(words) - 1):
        if words[at] in known.COMMUTES and loose:
            _commute(words, at)
        elif words[at] == "of":
            after = at + 2 if words[at + 1] in ("the", "a", "an") and at + 2 < len(words) else at + 1
            if words[at - 1] not in known.LITTLE and words[after] not in known.LITTLE:
                words[at - 1], words[after] = words[after], words[at - 1]
    return [word for word in words if word not in known.LITTLE and word not in known.JOINING]


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
    alone = second + 1 == len(words) or words[second + 1] in known.LITTLE or words[second + 1] in ("in", "on")
    if alone and (not before or before in known.COMMUTES_AFTER) and words[first] > words[second]:
        words[first], words[second] = words[second], words[first]


def _rearranged(one: Reading, other: Reading) -> bool:
    """The clauses of one in another order: "In Excel, how do I …" and "How do I … in Excel"."""
    clauses = [each for part in _CLAUSE.split(one.lower) if (each := tuple(_TOKEN.findall(part)))]
    if not 2 <= len(clauses) <= 3 or min(map(len, clauses)) < 2:
        return False
    return any([word for clause in order for word in clause] == other.words for order in permutations(clauses))


# What is asked.


def _asking(text: Reading) -> str | None:
    found = _LEADING.search(text.lower) or _ANYWHERE.search(text.lower.replace("'s", " is"))
    if found is None:
        return None
    asked = _SAME_ASKING.get(found[1], found[1])
    if asked in ("what", "how much") and _PRICE.search(text.lower):
        return "how much"
    if asked in ("what", "which", "how"):
        measured = _MEASURED.search(text.lower)
        if measured:
            noun = measured[1].split()[-1]
            return _MEASURES.get(noun) or ("how long" if _LASTING.match(measured[1]) else "when")
        return next((word for pattern, word in _ASKED_FOR if pattern.search(text.lower)), asked)
    return asked


def _asks_otherwise(one: Reading, other: Reading) -> bool:
    mine, others = _asking(one), _asking(other)
    return mine is not None and others is not None and mine != others and {mine, others} - _LOOSE != set()


def _prefixed(one: Reading, other: Reading) -> bool:
    """legal/illegal, upstream/downstream, useful/useless."""
    mine, others = one.all - other.all, other.all - one.all
    return any(
        opposite in far
        for near, far in ((mine, others), (others, mine))
        for word in near
        if len(word) > 3 and word not in known.LITTLE
        for opposite in _negatives(word)
    )


def _negatives(word: str) -> Iterator[str]:
    yield from (prefix + word for prefix in known.NEGATING_PREFIXES)
    for one, other in known.OPPOSED_PREFIXES:
        if word.startswith(one):
            yield other + word[len(one) :]
    for one, other in known.OPPOSED_SUFFIXES:
        if word.endswith(one):
            yield word[: -len(one)] + other


def _joined(one: Reading, other: Reading) -> bool:
    """An added conjunct: one asks for what the other does, and for more."""
    longer, shorter = (one, other) if len(one.bare) >= len(other.bare) else (other, one)
    return _joints(longer) > _joints(shorter) and bool(set(longer.content) - set(shorter.content))


def _joints(text: Reading) -> int:
    return sum(word in known.JOINING for word in text.bare) + len(_AS_WELL.findall(text.lower))


def _differ(kind: Callable[[Reading], object]) -> Rule:
    return lambda one, other: kind(one) != kind(other)


RULES: Final[Mapping[str, Rule]] = {
    "numbers": _differ(_numbers),
    "negation": _differ(_negated),
    "opposites": _opposite,
    "quotes": _quotes_differ,
    "identifiers": _code_differs,
    "names": _names_differ,
    "units": _differ(_units),
    "languages": _differ(_languages),
    "times": _differ(_times),
    "word_order": _reordered,
    "question_word": _asks_otherwise,
    "prefixes": _prefixed,
    "conjunct": _joined,
}


def refused_by(question: str, candidate: str, *, off: Collection[str] = ()) -> str | None:
    """The first rule that refuses, by its name. off: rules that are not asked."""
    if question == candidate:
        return None
    one, other = Reading(question), Reading(candidate)
    return next((name for name, differs in RULES.items() if name not in off and differs(one, other)), None)
