"""What a question asks for: by its first question word, or by a noun that asks for the same ("the age of": how old)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from beastmode_otel.cache.semantic.reading import Reading

_HOW: Final = (
    "many|much|long|often|old|far|high|tall|wide|deep|big|large|heavy|fast|soon|early|late|hot|cold|thick|close|strong"
)
_ASK: Final = rf"how (?:{_HOW})\b|who|whom|whose|what|when|where|why|which|how"
_LEADING: Final = re.compile(
    rf"(?:^|[.,;:?!(]\s*|\b(?:know|me|explain|say|wondering|idea|remember|sure|ask|out)\s)(?:so |and )?({_ASK})\b"
)
_ANYWHERE: Final = re.compile(rf"\b({_ASK})\b")
_ASKED_FOR: Final = (
    (
        re.compile(
            r"\b(?:what|which) (?:makes|made|causes|caused)\b|\bhow come\b|\b(?:what|which) reasons?\b"
            r"|\bwhat (?:(?:is|are|was|were|might|may|could|would|can) )?(?:the |your |its )?(?:\w+ )?"
            r"(?:reasons?|causes?)\b"
        ),
        "why",
    ),
    (re.compile(r"\b(?:in|at|on|from|to) (?:which|what) (?:city|country|place|town|state|region|street)\b"), "where"),
    (re.compile(r"\bwhat (?:time|date|day|year|month)\b|\bin (?:which|what) (?:year|month|century)\b"), "when"),
    (re.compile(r"\b(?:which|what) (?:person|people|man|woman)\b"), "who"),
    (re.compile(r"\bhow long (?:is it )?until\b"), "when"),
    (
        re.compile(r"\bhow (?:do|can|could|should|would) (?:i|we|you|one) (?:find|see|view|access|locate|report)\b"),
        "find",
    ),
    (
        re.compile(r"\bwhere (?:do|can|could|should|would) (?:i|we|you|one) (?:find|see|view|access|locate|report)\b"),
        "find",
    ),
)
_MEASURED: Final = re.compile(
    r"\b(?:what(?: is| are| was| were|[’']?s)? (?:the |your |my |its )?((?:\w+ )?"
    r"(?:length|duration|time|age|distance|height|depth|width|weight|size|speed|population|(?:number|amount)(?= of))\b"
    r"|(?:date|day|month|year)\b"
    r"|\w+[’']s? age\b|\w+ \w+[’']s? age\b))"
)
_MEASURES: Final[Mapping[str, str]] = {
    "length": "how long", "duration": "how long", "age": "how old", "distance": "how far", "height": "how high",
    "depth": "how deep", "width": "how wide", "weight": "how heavy", "size": "how big", "speed": "how fast",
    "population": "how many", "number": "how many", "amount": "how much",
}  # fmt: skip
_LASTING: Final = re.compile(r"(?:flight|travel|delivery|shipping|processing|cooking|baking|waiting|running|response) ")
_SAME_ASKING: Final[Mapping[str, str]] = {
    "whom": "who", "whose": "who", "how tall": "how high", "how large": "how big", "how soon": "when",
}  # fmt: skip
_PRICE: Final = re.compile(r"\b(?:price|prices|cost|costs|fee|fees|charge|how much (?:is|are|was|were))\b")
_LOOSE: Final = frozenset({"what", "which", "how", "find"})  # "how do I" is "what is the way to"


def asks_otherwise(one: Reading, other: Reading) -> bool:
    mine, others = _asking(one), _asking(other)
    if mine is None or others is None or mine == others or {mine, others} <= _LOOSE:
        return False
    return {mine, others} != {"find", "where"}


def _asking(text: Reading) -> str | None:
    lower = text.lower.replace("'s", " is")
    found = _LEADING.search(lower) or _ANYWHERE.search(lower)
    if found is None:
        return None
    asked = _SAME_ASKING.get(found[1], found[1])
    if asked in ("what", "how much") and _PRICE.search(lower):
        return "how much"
    if asked in ("what", "which", "how"):
        measured = _MEASURED.search(lower)
        if measured:
            noun = measured[1].split()[-1]
            return _MEASURES.get(noun) or ("how long" if _LASTING.match(measured[1]) else "when")
    if asked in ("what", "which", "how", "how long", "where"):
        return next((word for pattern, word in _ASKED_FOR if pattern.search(lower)), asked)
    return asked
