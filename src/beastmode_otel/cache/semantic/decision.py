"""Whether two questions that look alike are the same: rules for what similarity is blind to, and the template check.

Each rule has a name, by which it is switched off and told. It compares what both texts have of one kind, and refuses
where that differs. All of it is made for English; what it does not know, it lets pass.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Literal

from beastmode_otel.cache.semantic.ports import Vectors
from beastmode_otel.record import record

Rule = Callable[["Reading", "Reading"], bool]  # True: they are not the same


@record(frozen=True, slots=True, kw_only=True)
class Decision:
    """guard: the rule that refused, with guard_reject only."""

    verdict: Literal["served", "guard_reject", "template_reject"]
    guard: str | None = None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_TOKEN: Final = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_NUMBER: Final = re.compile(r"\d+(?:[.,:/-]\d+)*")
_QUOTED: Final = re.compile(r"https?://\S+|\"[^\"]+\"|“[^”]+”|`[^`]+`|(?<!\w)'[^']+'(?!\w)")
_CODE: Final = re.compile(
    r"\b\w*(?:_\w+|[a-z][A-Z]\w*|\d[A-Za-z]\w*|[A-Za-z]\d\w*)|\b\w+(?:\.\w+)+\b"  # snake_case, camelCase, mp3, os.path
    r"|(?<!\S)--?[a-z][\w-]*|\w+\(\)|[+#=<>/\\{}|*^&]+"  # -rf, f(), C++
)
_NAME: Final = re.compile(r"(?<=[^\s.?!:\n] )[A-Z][\w’'-]*")
_UNITS: Final = _listed(
    "km kilometers? miles? m meters? metres? cm mm inch(?:es)? feet foot ft yards? kg kilograms? g grams? lbs? "
    "pounds? oz ounces? tons? l liters? litres? ml gallons? celsius fahrenheit kelvin usd eur gbp dollars? euros? "
    "cents? seconds? minutes? hours? days? weeks? months? years? kb mb gb tb bytes? bits? percent mph kmh watts? "
    "volts? calories"
)
_UNIT: Final = re.compile(rf"[$€£¥%°]|\b(?:{'|'.join(_UNITS)})\b")
_NEGATIONS: Final = frozenset(
    _listed(
        "not no never without none nobody nothing neither nor cannot cant dont doesnt didnt isnt arent wasnt except"
    )
)
_COUNTED: Final = _listed(
    "zero one|first|once two|second|twice|double three|third|thrice|triple four|fourth five|fifth six|sixth "
    "seven|seventh eight|eighth nine|ninth ten|tenth eleven twelve|dozen"
)
_NUMBER_WORDS: Final = {
    **{word: str(number) for number, words in enumerate(_COUNTED) for word in words.split("|")},
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
    "half": "0.5",
    "both": "2",
}
_TIMES: Final = frozenset(
    _listed(
        "today tomorrow yesterday tonight now currently am pm morning afternoon evening night noon midnight "
        "weekday weekdays weekend weekends monday tuesday wednesday thursday friday saturday sunday january "
        "february march april june july august september october november december spring summer autumn winter "
        "last next previous daily weekly monthly yearly annual hourly"
    )
)
_ASKING: Final = (
    *("how many", "how much", "how long", "how often", "how old", "how far"),
    *_listed("who whom whose what when where why which how"),
)
_OPPOSITES: Final = [
    [frozenset(side.split("|")) for side in pair.split("~")]
    for pair in _listed(
        "on~off enable|enabled|enabling|activate~disable|disabled|disabling|deactivate "
        "buy|buying|purchase~sell|selling before~after longest|longer|long~shortest|shorter|short "
        "highest|higher|high~lowest|lower|low largest|larger|biggest|bigger|big|large~smallest|smaller|small "
        "best|better|good~worst|worse|bad most|more~least|less|fewer maximum|max~minimum|min "
        "increase|increasing|raise|grow~decrease|decreasing|reduce open|opening~close|closing|closed "
        "start|begin|starting~stop|end|finish|stopping add|adding|insert~remove|removing|delete|deleting "
        "install~uninstall import~export upload~download send|sending~receive|receiving lend~borrow "
        "deposit|depositing~withdraw|withdrawal accept~reject|decline allow|permit~forbid|deny|block lock~unlock "
        "subscribe~unsubscribe login|signin~logout|signout encrypt~decrypt encode~decode "
        "compress~decompress|extract show|display~hide up~down left~right top~bottom inside|into~outside|out "
        "north~south east~west win|winning~lose|losing love|like~hate|dislike "
        "advantage|advantages|pros|benefit|benefits~disadvantage|disadvantages|cons|drawback|drawbacks|risks "
        "safe~dangerous true~false always~never hot~cold fast|faster|fastest~slow|slower|slowest "
        "old|older|oldest~new|newer|newest|young|younger|youngest cheap|cheapest|cheaper~expensive "
        "male|men|man~female|women|woman husband~wife mother~father son~daughter brother~sister teacher~student "
        "employer~employee input~output public~private connect~disconnect pause~resume push~pull save~discard "
        "gain~loss early|earlier|earliest~late|later|latest multiply~divide ascending~descending "
        "hire|hiring~fire|firing cause|causes~effect|effects"
    )
]
_LITTLE: Final = frozenset(
    _listed(
        "a an the is are was were be been being do does did can could will would shall should may might must i me "
        "my you your we our it its this that these those to of for with at by as so if then than there here please "
        "tell explain just about have has had get want need like know s m re ve ll d t"
    )
)
_PREFIXES: Final = _listed("un in im ir il dis non mis re de anti under over")
_JOINING: Final = frozenset(_listed("and or but plus versus vs"))
_LANGUAGES: Final = frozenset(
    _listed(
        "english german french spanish italian portuguese chinese japanese korean russian arabic hindi dutch "
        "polish turkish python javascript typescript java rust golang ruby php swift kotlin bash sql css html perl "
        "scala haskell"
    )
)


_LOOSE: Final = frozenset({"what", "which", "how"})  # "how do I" is "what is the way to"


class Reading:
    """One text as the rules see it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[str] = [word.lower().replace("’", "'") for word in _TOKEN.findall(text)]
        self.bare = [word.replace("'", "") for word in self.words]
        self.all = frozenset(self.bare)
        self.parts = frozenset(part for word in self.words for part in word.split("'"))
        self.content = [word for word in self.bare if word not in _LITTLE and word not in _JOINING]


def _numbers(text: Reading) -> Counter[str]:
    digits = Counter(found.replace(",", "") for found in _NUMBER.findall(text.text))
    return digits + Counter(_NUMBER_WORDS[word] for word in text.bare if word in _NUMBER_WORDS)


def _negated(text: Reading) -> bool:
    return sum(word in _NEGATIONS or word.endswith("n't") for word in text.words) % 2 == 1


def _names(text: Reading) -> frozenset[str]:
    """Words that are written large inside of a sentence."""
    found = (part.lower() for name in _NAME.findall(text.text) for part in re.split(r"[’'-]", name))
    return frozenset(part for part in found if part) & text.parts - _LITTLE


def _opposite(one: Reading, other: Reading) -> bool:
    mine, others = one.all - other.all, other.all - one.all
    return any(
        bool(mine & left and others & right) or bool(mine & right and others & left) for left, right in _OPPOSITES
    )


def _prefixed(one: Reading, other: Reading) -> bool:
    mine, others = one.all - other.all, other.all - one.all
    return any(
        prefix + word in far for near, far in ((mine, others), (others, mine)) for word in near for prefix in _PREFIXES
    )


def _reordered(one: Reading, other: Reading) -> bool:
    return one.content != other.content and Counter(one.content) == Counter(other.content)


def _asking(text: Reading) -> str | None:
    said = f" {' '.join(word.partition(chr(39))[0] for word in text.words)} "
    found = [(said.find(f" {word} "), -len(word), word) for word in _ASKING if f" {word} " in said]
    return min(found)[2] if found else None


def _asks_otherwise(one: Reading, other: Reading) -> bool:
    mine, others = _asking(one), _asking(other)
    return mine is not None and others is not None and mine != others and {mine, others} - _LOOSE != set()


def _joined(one: Reading, other: Reading) -> bool:
    """An added conjunct: one asks for what the other does, and for more."""
    longer, shorter = (one, other) if len(one.bare) >= len(other.bare) else (other, one)
    more = sum(word in _JOINING for word in longer.bare) > sum(word in _JOINING for word in shorter.bare)
    return more and bool(set(longer.content) - set(shorter.content))


def _differ(kind: Callable[[Reading], object]) -> Rule:
    return lambda one, other: kind(one) != kind(other)


RULES: Final[Mapping[str, Rule]] = {
    "numbers": _differ(_numbers),
    "negation": _differ(_negated),
    "opposites": _opposite,
    "quotes": _differ(lambda text: sorted(_QUOTED.findall(text.text))),
    "identifiers": _differ(lambda text: sorted(_CODE.findall(text.text))),
    "names": lambda one, other: bool((_names(one) - other.parts) | (_names(other) - one.parts)),
    "units": _differ(lambda text: frozenset(found.rstrip("s") for found in _UNIT.findall(text.text.lower()))),
    "languages": _differ(lambda text: text.all & _LANGUAGES),
    "times": _differ(lambda text: text.all & _TIMES),
    "word_order": _reordered,
    "question_word": _asks_otherwise,
    "prefixes": _prefixed,
    "conjunct": _joined,
}  # fmt: skip

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
    one, other = Reading(question), Reading(candidate)
    for name, differs in RULES.items():
        if name not in off and differs(one, other):
            return Decision(verdict="guard_reject", guard=name)
    rests = rests_of(question, candidate)
    if rests is not None and TEMPLATE not in off:
        if not all(rests):
            return Decision(verdict="template_reject")
        rows = embed(rests)
        if float(rows[0] @ rows[1]) < threshold:
            return Decision(verdict="template_reject")
    return Decision(verdict="served")


TEMPLATE: Final = "template"


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
