"""Rules for what similarity is blind to: each compares what two texts have of one kind, and refuses where that differs.

Each has a name, by which it is switched off and told. Which of both texts comes first does not matter, and a text is
never refused as its own. All of it is made for English; what a rule does not know, it lets pass.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import pairwise
from typing import Final

from beastmode_otel.cache.semantic import words as known
from beastmode_otel.cache.semantic.asking import asks_otherwise
from beastmode_otel.cache.semantic.opposites import sides, two_sided
from beastmode_otel.cache.semantic.order import reordered
from beastmode_otel.cache.semantic.reading import TOKEN, Reading

Rule = Callable[[Reading, Reading], bool]  # True: they are not the same

_TOKEN_PARTS: Final = re.compile(r"[’'-]")
_NUMBER: Final = re.compile(r"(?:(?<![\w)\]-])-)?\d+(?:[.,:/-]\d+)*")
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
_SLIP: Final = re.compile(r"(?<=[^\W\d_])[>/\\|]\s*$")  # meant for a mark of question
_MAY_BE_CODE: Final = re.compile(r"[_(+#=<>/\\{}|*^&\d]|\.\w|[a-z][A-Z]|\B-")
_NAME: Final = re.compile(r"(?<=[^\s.?!:\n] )[A-Z][\w’'-]*")
_SEVERAL: Final = re.compile(r"[A-Z]{2,}s")  # ATMs
_LETTER_LANGUAGE: Final = re.compile(r"\b(?:in|using|with|for) (go|c|r|d)\b(?![+#])")
_AS_WELL: Final = re.compile(r"\b(?:as well as|along with|together with|in addition)\b")
_NO_DENIAL: Final = re.compile(
    r"\b(?:or not|not (?:only|sure|certain|quite understanding)|no (?:idea|clue)"
    r"|(?:do not|don't|dont|can't|cant|cannot|can not|couldn't) (?:quite |really )?"
    r"(?:know|understand|figure(?: it)? out|tell|find out|work out|see why|get why))\b"
)
_TROUBLE: Final = re.compile(
    r"(?<!\bno )(?<!\bany )(?<!\bwithout )\b(?:trouble|difficulty|difficulties|problems|struggling|hard time)"
    r"(?= (?:\w+ing|to|with)\b)"
)
_NO_SPAN: Final = re.compile(
    r"\bthe other (?:day|week|month|night|morning|evening)\b"
    r"|\b(?:christmas|boxing|new year'?s'?|valentine'?s'?|independence|thanksgiving|mother'?s'?|father'?s'?|labou?r"
    r"|memorial|election|birth|good|nice|great) day\b"
)
_HOW_MANY: Final = re.compile(r"\bhow many (?:business |working )?(seconds|minutes|hours|days|weeks|months|years)\b")
_RECENT: Final = re.compile(r"\bmost recent(?:ly)?\b")
_ASIDE: Final = re.compile(
    r"(?<![,;] )\balso\b|\b(?:whether or not|or not|go ahead and|and so on|or so|or something|back and forth|try and)\b"
)


def _numbers_differ(one: Reading, other: Reading) -> bool:
    """A lone "one" may be "a", or nothing; "two" for it may not."""
    mine, others = _numbers(one), _numbers(other)
    if mine == others:
        return False
    more, less = mine - others, others - mine
    return not ((not less and _is_one(more, one)) or (not more and _is_one(less, other)))


def _is_one(extra: Counter[str], text: Reading) -> bool:
    return extra.keys() == {"1"} and extra["1"] <= text.bare.count("one")


def _numbers(text: Reading) -> Counter[str]:
    found = Counter[str]()
    if text.digits:
        found.update(each.replace(",", "") for each in _NUMBER.findall(text.text))
    if not text.all.isdisjoint(known.NUMBERS):
        found.update(known.NUMBERS[word] for word in text.bare if word in known.NUMBERS)
        if "both" in text.all and "and" in text.all:  # both A and B
            found["2"] -= text.bare.count("both")
    return +found


def _negated(one: Reading, other: Reading) -> bool:
    """Trouble is a denial, or none: "I have trouble finding it" is "I cannot find it", and "help me find it"."""
    if _troubled(one, other) or _troubled(other, one):
        return False
    return (_denials(one) + len(_denied(other, one)) - _denials(other) - len(_denied(one, other))) % 2 == 1


def _troubled(one: Reading, other: Reading) -> bool:
    """One tells of trouble, of which the other does not speak."""
    return bool(_TROUBLES & one.all and not _TROUBLES & other.all and _TROUBLE.search(one.lower))


def _denials(text: Reading) -> int:
    words = text.words
    if not text.all.isdisjoint(_MAY_BE_NONE):
        words = TOKEN.findall(_NO_DENIAL.sub(" ", text.lower))
    return sum(word in known.NEGATIONS or word.endswith("n't") for word in words)


_MAY_BE_NONE: Final = frozenset({"not", "no", "dont", "cant", "cannot", "couldnt"})
_TROUBLES: Final = frozenset({"trouble", "difficulty", "difficulties", "problems", "struggling", "hard"})


def _denied(one: Reading, other: Reading) -> frozenset[str]:
    """Words of the other that say in one what this says in two: incorrect, not correct; closed, not open."""
    found = set[str]()
    for word in _after_not(one):
        found.update(prefix + word for prefix in known.DENYING_PREFIXES)
        contrary = {(group, 1 - side) for group, side in sides().get(word, ()) if group in two_sided()}
        found.update(each for each in other.all if contrary & sides().get(each, frozenset()))
    return frozenset(found & other.all - one.all - known.NEGATIONS)


def _after_not(text: Reading) -> Iterator[str]:
    for before, word in pairwise(text.words):
        if before == "not" or before.endswith("n't"):
            yield word


_FAR: Final = frozenset({"far", "distance", "away", "close", "between"})  # the same in both directions


def _turned(one: Reading, other: Reading) -> bool:
    """To Rome, from Rome."""
    if "from" not in one.all or not _FAR.isdisjoint(one.all | other.all):
        return False
    return bool(_after(one, "from") & _after(other, "to") - _after(other, "from") - _after(one, "to"))


def _after(text: Reading, preposition: str) -> frozenset[str]:
    words = [word for word in text.bare if word not in known.DETERMINERS]
    return frozenset(word for before, word in pairwise(words) if before == preposition)


def _opposite(one: Reading, other: Reading) -> bool:
    if _turned(one, other) or _turned(other, one):
        return True
    found = sides()
    denied = _denied(one, other) | _denied(other, one)
    mine = [found[word] for word in one.all - other.all - denied if word in found]
    if not mine:
        return False
    others = [where for word in other.all - one.all - denied if word in found for where in found[word]]
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
    return Counter(found for found in _CODE.findall(_SLIP.sub("", text.text)) if not _NUMBER.fullmatch(found))


def _code_differs(one: Reading, other: Reading) -> bool:
    mine, others = _code(one), _code(other)
    if mine == others:
        return False
    more, less = mine - others, others - mine
    if {each.lower() for each in more} & {each.lower() for each in less}:  # userId is not userID
        return True
    return _unknown(more, other) or _unknown(less, one)


def _unknown(code: Counter[str], text: Reading) -> bool:
    return any(each.lower() not in text.all and each.lower() not in text.parts for each in code)


def _names_differ(one: Reading, other: Reading) -> bool:
    """Words that are written large inside of a sentence, and letters."""
    if one.letters - other.letters and other.letters - one.letters:
        return True
    return _lacks(other, one) or _lacks(one, other)


def _lacks(text: Reading, other: Reading) -> bool:
    """Whether `text` has not all names of the other."""
    for name in _NAME.findall(other.text):
        if "-" in name and name.lower().replace("-", "") in text.parts:
            continue
        for piece in _TOKEN_PARTS.split(name):
            word = known.ALIASES.get(piece.lower(), piece.lower())
            if word in text.parts or word not in other.parts or word in _NO_NAMES:
                continue
            if "-" in text.text and word in TOKEN.findall(text.lower.replace("-", "")):  # WiFi, wi-fi
                continue
            if not (piece.isupper() and f"{word}s" in text.parts) and not (
                _SEVERAL.fullmatch(piece) and word[:-1] in text.parts
            ):
                return True
    return False


_NO_NAMES: Final = known.COURTEOUS | known.LITTLE | known.TIMES.keys() | known.UNITS.keys() | known.AFTER_NUMBER.keys()


def _units(text: Reading) -> frozenset[str]:
    every = text.all
    if "other" in every or "day" in every:
        every = frozenset(TOKEN.findall(_NO_SPAN.sub(" ", text.lower)))
    found = {known.UNITS[word] for word in every & known.UNITS.keys()}
    found |= {known.SIGNS[sign] for sign in _SIGN.findall(text.text)}
    if text.all.isdisjoint(known.AFTER_NUMBER):
        return frozenset(found)
    words = TOKEN.findall(_DEGREES.sub(" ", text.lower)) if "°" in text.text else text.bare
    found |= {
        known.AFTER_NUMBER[word] for before, word in pairwise(words) if word in known.AFTER_NUMBER and _counts(before)
    }
    return frozenset(found)


def _units_differ(one: Reading, other: Reading) -> bool:
    mine, others = _units(one), _units(other)
    if mine == others:
        return False
    return mine ^ others != _lasting(one, other) ^ _lasting(other, one)


def _lasting(one: Reading, other: Reading) -> frozenset[str]:
    """How many days it takes, how long it takes."""
    if "how long" not in other.lower:
        return frozenset()
    return frozenset(known.UNITS[word] for word in _HOW_MANY.findall(one.lower))


def _languages(text: Reading) -> frozenset[str]:
    found = {known.LANGUAGE_NAMES.get(word, word) for word in text.all & _LANGUAGE_WORDS}
    return frozenset(found.union(_LETTER_LANGUAGE.findall(text.lower)))


_LANGUAGE_WORDS: Final = known.LANGUAGES | known.LANGUAGE_NAMES.keys()


def _times(text: Reading) -> frozenset[str]:
    words = text.parts
    if "next" in words or "last" in words:
        words = words - _by_themselves(text.bare)
    found = {known.TIMES[word] for word in words & known.TIMES.keys()}
    if "recent" in words and _RECENT.search(text.lower):
        found.add("last")
    if "am" in text.all and any(word == "am" and _counts(before) for before, word in pairwise(text.bare)):
        found.add("am")
    return frozenset(found)


def _by_themselves(words: list[str]) -> frozenset[str]:
    """What to do next: that names no time."""
    return frozenset(
        word for word, after in pairwise([*words, "it"]) if word in ("next", "last") and after in known.LITTLE
    )


def _counts(word: str) -> bool:
    return word.isdigit() or word in known.NUMBERS


def _prefixed(one: Reading, other: Reading) -> bool:
    """legal/illegal, upstream/downstream, useful/useless."""
    mine, others = one.all - other.all, other.all - one.all
    denied = (
        _denied(one, other) | _denied(other, one) | (known.NEGATIONS if _denials(one) and _denials(other) else set())
    )
    return any(
        opposite in far
        for near, far in ((mine, others), (others, mine))
        for word in near
        if len(word) > 3 and word not in known.LITTLE
        for opposite in _negatives(word)
        if opposite not in denied
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
    mine, others = _joints(one), _joints(other)
    if sum(mine) == sum(others):
        return False
    longer, shorter = (one, other) if sum(mine) > sum(others) else (other, one)
    things = max(mine, others, key=sum)[0] > min(mine, others, key=sum)[0]
    there = {word[:5] for word in shorter.content}
    added = {word for word in longer.content if word[:5] not in there} - known.MOVABLE
    return len(added) > (0 if things else _FILLING)


_FILLING: Final = 2  # words that a clause may add ("…, and I need your help") before it asks for more


def _joints(text: Reading) -> tuple[int, int]:
    """How many join words, and how many join whole clauses ("and I want to know")."""
    if text.all.isdisjoint(known.JOINING) and not _AS_WELL.search(text.lower):
        return 0, 0
    words = TOKEN.findall(_ASIDE.sub(" ", text.lower))
    joining = [(word, after) for word, after in pairwise([*words, ""]) if word in known.JOINING]
    clauses = sum(word == "but" or after in known.SUBJECTS for word, after in joining)
    return len(joining) - clauses + len(_AS_WELL.findall(text.lower)), clauses


def _differ(kind: Callable[[Reading], object]) -> Rule:
    return lambda one, other: kind(one) != kind(other)


RULES: Final[Mapping[str, Rule]] = {
    "numbers": _numbers_differ,
    "negation": _negated,
    "opposites": _opposite,
    "quotes": _quotes_differ,
    "identifiers": _code_differs,
    "names": _names_differ,
    "units": _units_differ,
    "languages": _differ(_languages),
    "times": _differ(_times),
    "word_order": reordered,
    "question_word": asks_otherwise,
    "prefixes": _prefixed,
    "conjunct": _joined,
}


def refusing(question: str, candidate: str, *, off: Collection[str] = ()) -> Iterator[str]:
    """The rules that refuse, by name. off: those that are not asked."""
    if question == candidate:
        return
    one, other = Reading(question), Reading(candidate)
    yield from (name for name, differs in RULES.items() if name not in off and differs(one, other))


def refused_by(question: str, candidate: str, *, off: Collection[str] = ()) -> str | None:
    """The first of them."""
    return next(refusing(question, candidate, off=off), None)
