"""One text as the rules of matching see it: its words, with what is written in several ways written in one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cache.semantic import words as known

TOKEN: Final = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_DIGIT: Final = re.compile(r"\d")
_HOUR: Final = re.compile(r"(?<=\d)\s?([ap])\.?m\b\.?", re.IGNORECASE)  # 6pm, 6 p.m.
_GLUED: Final = re.compile(rf"(?<=\d)(?=(?:{'|'.join({*known.UNITS, *known.AFTER_NUMBER})})\b)", re.IGNORECASE)
_ORDINAL: Final = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b", re.IGNORECASE)
_INITIALS: Final = re.compile(r"(?<![\w.])(?:(?:[A-Za-z]\.){2,}(?!\w)|(?:[A-Z]\.)+[A-Z](?![\w.]))")  # U.S., U.K.
_NO_SPACE: Final = re.compile(r"(?<![\w.])([a-z]{2,}[.?!])(?=[A-Z][a-z]*\s)")  # It works.But
_COUNTRIES: Final = re.compile(rf"\b({'|'.join(known.SHORT)})(?: of america)?\b", re.IGNORECASE)
_LONE: Final = re.compile(  # A to B; no article, no I
    r"(?<![\w'’.-])(?:(?<=[^\s.?!:\n] )[A-HJ-Z]|[b-ce-hj-ln-ru-z])(?![\w'’-])"
)
_LABELLED: Final = re.compile(rf"\b(?:{'|'.join(known.LABELLED)}) ([a-z])(?![\w'-])")  # vitamin d


class Reading:
    """words: in lower case, in their order; bare: without apostrophes; marked: a letter that is a name is large, and a
    plural is none; content: of these, without those that say little."""

    __slots__ = ("all", "bare", "content", "digits", "letters", "lower", "marked", "parts", "text", "words")

    def __init__(self, text: str) -> None:
        self.digits = _DIGIT.search(text) is not None
        if self.digits:
            text = _ORDINAL.sub("", _GLUED.sub(" ", _HOUR.sub(r" \1m", text)))
        if "." in text:
            text = _INITIALS.sub(lambda found: found[0].replace(".", ""), _NO_SPACE.sub(r"\1 ", text))
        if _COUNTRIES.search(text):
            text = _COUNTRIES.sub(lambda found: known.SHORT[found[1].lower()], text)
        self.text, self.lower = text, text.lower().replace("’", "'")
        self.words: list[str] = TOKEN.findall(self.lower)
        self.bare = [word.replace("'", "") for word in self.words]
        self.all = frozenset(self.bare)
        self.parts = frozenset(known.ALIASES.get(part, part) for word in self.words for part in word.split("'"))
        self.letters = frozenset(_letters(text, self.lower))
        self.marked = [word.upper() if word in self.letters else singular(word) for word in self.bare]
        self.content = [word for word in self.marked if word not in known.LITTLE and word not in known.JOINING]


def _letters(text: str, lower: str) -> Iterator[str]:
    """Letters that stand for something, in lower case: plan B, vitamin d."""
    yield from (found.lower() for found in _LONE.findall(text))
    yield from _LABELLED.findall(lower)


def singular(word: str) -> str:
    """Roughly: what matters is that both texts are treated alike."""
    if len(word) > 3 and word[-1] == "s" and word[-2] not in "sui" and word not in known.LITTLE:
        return word[:-1]
    return word
