"""Which part of a text is written in a language that an embedder does not read."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Set
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+")
_SCRIPTS: Final = {  # by the first word of their letters' names in Unicode; all other languages write Latin letters
    "CYRILLIC": "be bg ce cv kk ky mk mn os ru sr tg tt uk",
    "GREEK": "el",
    "ARMENIAN": "hy",
    "GEORGIAN": "ka",
    "HEBREW": "he yi",
    "ARABIC": "ar fa ps sd ug ur",
    "THAANA": "dv",
    "ETHIOPIC": "am ti",
    "DEVANAGARI": "hi mr ne sa",
    "BENGALI": "as bn",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "ORIYA": "or",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si",
    "THAI": "th",
    "LAO": "lo",
    "TIBETAN": "bo dz",
    "MYANMAR": "my",
    "KHMER": "km",
    "HANGUL": "ko",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "KATAKANA-HIRAGANA": "ja",
    "CJK": "ja ko zh",
    "BOPOMOFO": "zh",
}
_OF_NO_SCRIPT: Final = frozenset(  # signs that count as letters
    [
        "MICRO",
        "OHM",
        "KELVIN",
        "ANGSTROM",
        "FEMININE",
        "MASCULINE",
        "MODIFIER",
        "MATHEMATICAL",
        "DOUBLE-STRUCK",
        "BLACK-LETTER",
        "SCRIPT",
        "PLANCK",
    ]
)


def foreign(text: str, languages: Set[str] | None) -> float:
    """The share of a text's letters that belong to none of `languages` (ISO 639-1; None: all are read)."""
    if languages is None:
        return 0.0
    if text.isascii():
        return 0.0
    letters = strange = 0
    scripts = _scripts(frozenset(languages))
    for word in _WORD.findall(text):
        letters += len(word)
        if len(word) > 1 and not word.isascii():  # a single one is a symbol, as in formulas
            strange += sum(_script(char) not in scripts for char in word)
    return strange / letters if letters else 0.0


@functools.lru_cache(maxsize=16)
def _scripts(languages: frozenset[str]) -> frozenset[str]:
    """Latin letters are everywhere: in names, in code."""
    read = {script for script, spoken in _SCRIPTS.items() if not languages.isdisjoint(spoken.split())}
    return frozenset(read | {"LATIN"}) | _OF_NO_SCRIPT


@functools.lru_cache(maxsize=4096)
def _script(char: str) -> str:
    return unicodedata.name(char, "?").partition(" ")[0]
