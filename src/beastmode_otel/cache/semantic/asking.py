"""What a question asks for: by its first question word, or by a noun that asks for the same ("the age of": how old)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from beastmode_otel.cache.semantic.reading import Reading

_HOW: Final = (
    "many|much time|much|long|quickly|often|old|far|high|tall|wide|deep|big|large|heavy|fast|soon|early|late|hot|cold"
    "|thick|close|strong"
)
_ASK: Final = rf"how (?:{_HOW})\b|who|whom|whose|what|when|where|why|which|how"
_LEADING: Final = re.compile(
    rf"(?:^|[.,;:?!(]\s*|\b(?:know|me|explain|say|wondering|idea|remember|sure|ask|out)\s)(?:so |and )?({_ASK})\b"
)
_ANYWHERE: Final = re.compile(rf"\b({_ASK})\b")
_YES_OR_NO: Final = re.compile(r"^\W*(?:is|are|was|were|do|does|did|can|could|will|would|should|has|have|may|must)\b")
_CONJUNCTION: Final = re.compile(  # "when I pay, it fails" asks nothing
    r"^\W*when (?!(?:is|are|was|were|do|does|did|can|could|will|would|should|shall|has|have|had|may|must|might)\b)"
    r"(?=[^?]*,)"
)
_TO_DO: Final = (  # where I do it is how I do it
    "(?:(?:do|can|could|should|would) (?:i|we|you|one) (?:go to )?|to (?:go to )?)"
    "(?:find|see|view|access|locate|report|get(?! to)|obtain|order|apply|activate|sign|register|change|reset|update"
    "|download)"
)
_WHO: Final = (
    "(?:person|people|man|woman|country|nation|team|club|company|player|actor|actress|singer|author|artist|band|party"
    "|king|queen|president)"
)
_TIME: Final = "time(?! zone| frame| limit| period| series)"
_ASKED_FOR: Final = (
    (
        re.compile(
            r"\b(?:what|which) (?:makes|made|causes|caused)\b|\bhow come\b|\b(?:what|which) reasons?\b"
            r"|\bwhat (?:(?:is|are|was|were|might|may|could|would|can) )?(?:be )?(?:the |your |its )?(?:\w+ )?"
            r"(?:reasons?|causes?)\b"
        ),
        "why",
    ),
    (re.compile(r"\b(?:in|at|on|from|to) (?:which|what) (?:city|country|place|town|state|region|street)\b"), "where"),
    (
        re.compile(rf"\bwhat (?:{_TIME}|date|day|year|month)\b|\bin (?:which|what) (?:year|month|century)\b"),
        "when",
    ),
    (re.compile(rf"\b(?:which|what) {_WHO}\b"), "who"),
    (re.compile(rf"\b(?:how|where) {_TO_DO}\b"), "do"),
)
_MEASURED: Final = re.compile(
    r"\b(?:what(?: is| are| was| were|[’']?s)? (?:the |your |my |its )?((?:\w+ )?"
    rf"(?:length|duration|{_TIME}|age|distance|height|depth|width|weight|size|speed|population|(?:number|amount)(?= of)"
    r"|limits?(?= (?:to|on|for) (?:the )?number)|date|day|month|year)\b"
    r"|\w+[’']s? age\b|\w+ \w+[’']s? age\b))"
)
_MEASURES: Final[Mapping[str, str]] = {
    "length": "how long", "duration": "how long", "age": "how old", "distance": "how far", "height": "how high",
    "depth": "how deep", "width": "how wide", "weight": "how heavy", "size": "how big", "speed": "how fast",
    "population": "how many", "number": "how many", "amount": "how much", "limit": "how many", "limits": "how many",
}  # fmt: skip
_CALENDAR: Final = frozenset({"date", "day", "month", "year"})
_LASTING: Final = re.compile(r"(?:flight|travel|delivery|shipping|processing|cooking|baking|waiting|running|response) ")
_SAME_ASKING: Final[Mapping[str, str]] = {
    "whom": "who", "whose": "who", "how tall": "how high", "how large": "how big", "how soon": "when",
    "how much time": "how long", "how quickly": "how fast",
}  # fmt: skip
_PRICE: Final = re.compile(r"\b(?:price|prices|cost|costs|fee|fees|charge|how much (?:is|are|was|were))\b")
_LOOSE: Final = frozenset({"what", "which", "how"})  # "how do I" is "what is the way to"
_TIME_SPAN: Final = re.compile(r"\bhow many (?:business |working )?(?:seconds|minutes|hours|days|weeks|months|years)\b")
_LASTS: Final = re.compile(r"\b(?:until|till|before|takes?|taken|transfer|arrive|deliver\w*|get)\b")


def asks_otherwise(one: Reading, other: Reading) -> bool:
    mine, others = _asking(one), _asking(other)
    if not mine or not others or mine & others:
        return False
    return not (mine & _LOOSE and others & _LOOSE)


def _asking(text: Reading) -> frozenset[str]:
    """What it may ask for; nothing where it is no such question."""
    lower = _CONJUNCTION.sub(" ", text.lower.replace("'s", " is"))
    found = _LEADING.search(lower) or (None if _YES_OR_NO.match(lower) else _ANYWHERE.search(lower))
    if found is None:
        return frozenset()
    asked = _SAME_ASKING.get(found[1], found[1])
    if asked in ("what", "how much") and _PRICE.search(lower) and not _ASKED_FOR[0][0].search(lower):
        return frozenset({"how much"})
    if asked == "how many" and _TIME_SPAN.search(lower):
        return frozenset({"how many", "how long"})
    if asked in ("what", "which", "how") and (measured := _MEASURED.search(lower)):
        noun = measured[1].split()[-1]
        if noun in _CALENDAR:
            return frozenset({"when", "what"})
        return frozenset({_MEASURES.get(noun) or ("how long" if _LASTING.match(measured[1]) else "when")})
    if asked in ("what", "which", "how", "where"):
        asked = next((word for pattern, word in _ASKED_FOR if pattern.search(lower)), asked)
    if asked == "do":
        return frozenset({"how", "where"})
    if asked in ("how long", "how fast") and _LASTS.search(lower):  # until it is here
        return frozenset({"how long", "how fast", "when"} if " until " in lower else {"how long", "how fast"})
    return frozenset({asked})
