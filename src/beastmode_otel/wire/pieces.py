"""Cutting text the way a model streams it: before a space where there is one, and never inside what people see as one
character (a generous reading of https://unicode.org/reports/tr29/: what may belong together stays together)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from unicodedata import category, combining

_SIZE: Final = 64  # characters
_MAX_PIECES: Final = 1000  # about; longer texts come in larger pieces, so that no replay holds up the event loop
_CLINGS: Final = frozenset({"Mn", "Mc", "Me", "Cf", "Cs", "Sk"})  # marks, joiners and tags, surrogates, skin tones
_PULLS: Final = frozenset({"Cf", "Cs"})
_VIRAMA: Final = 9  # the combining class of what makes one syllable of two Indic consonants
_SARA_AM: Final = "\u0e33\u0eb3"  # Thai and Lao vowels that are letters by category


def pieces(text: str) -> Iterator[str]:
    """The pieces of `text`, which join to it again; none of them is empty."""
    size = max(_SIZE, len(text) // _MAX_PIECES)
    start = 0
    while start < len(text):
        cut = _cut(text, start, size)
        yield text[start:cut]
        start = cut


def _cut(text: str, start: int, size: int) -> int:
    end = start + size
    if end >= len(text):
        return len(text)
    space = text.rfind(" ", start + 1, end + 1)
    cut = end if space == -1 else space
    while cut < len(text) and _is_one(text[cut - 1], text[cut]):
        cut += 1
    return cut


def _is_one(before: str, after: str) -> bool:
    if after.isascii():
        return category(before) in _PULLS or (before, after) == ("\r", "\n")
    return (
        category(after) in _CLINGS
        or category(before) in _PULLS
        or combining(before) == _VIRAMA
        or after in _SARA_AM
        or _is_jamo(after)
        or (_is_flag(before) and _is_flag(after))
    )


def _is_jamo(char: str) -> bool:
    return "\u1100" <= char <= "\u11ff" or "\ua960" <= char <= "\ua97f" or "\ud7b0" <= char <= "\ud7ff"


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"
