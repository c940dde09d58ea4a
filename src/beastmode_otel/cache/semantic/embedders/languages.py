"""Which part of a text is written in a language that an embedder does not read."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence, Set, Sized
from typing import Final

from beastmode_otel.cache.semantic.embedders.common_words import COMMON, ELSEWHERE

_WORD: Final = re.compile(r"[^\W\d_]+")
_PROSE: Final = re.compile(r"(?<![\w.@#$%&/\\<={}\[\]_-])[^\W\d_]+(?:['\u2019][^\W\d_]+)*(?![\w@#$&/\\>={}(\[\]_])")
_ENOUGH: Final = 4_000  # characters
_SHARED: Final = 0.5  # the weight of a common word that other languages have, too
_LETTER: Final = 0.25  # of "a" and "i", which are words in many
_NAME: Final = 0.5  # what a capital letter in the midst of a sentence leaves of a weight
_ACCENTED: Final = 1.0  # of a word with accents that is no name
_LEAST: Final = 1.0  # evidence against a text
_SHARE: Final = 0.12  # of its words
_PLAIN: Final = frozenset({"en"})  # languages that write without accents
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


def foreign(text: str, languages: Set[str] | None, pieces: Callable[[str], Sized] | None = None) -> float:
    """The share of a text's letters that belong to none of `languages` (ISO 639-1; None: all are read).

    pieces: a word's tokens, for a model that was trained on these languages alone.

    Letters are told apart by their script, and languages that share the Latin one by their commonest words; a text of
    which these say that it is in another language is foreign as a whole. No more than a good guess: two or three words
    without a common one among them pass as any language, and of languages so near to each other as Danish and
    Norwegian each may be taken for the other.
    """
    if languages is None:
        return 0.0
    read = frozenset(languages)
    share = 0.0 if text.isascii() else _of_other_scripts(text, _scripts(read))
    return 1.0 if share < 1.0 and _in_another_language(text, read, pieces) else share


def _of_other_scripts(text: str, scripts: frozenset[str]) -> float:
    letters = strange = 0
    for word in _WORD.findall(text):
        letters += len(word)
        if len(word) > 1 and not word.isascii():  # a single one is a symbol, as in formulas
            strange += sum(_script(char) not in scripts for char in word)
    return strange / letters if letters else 0.0


def _in_another_language(text: str, languages: frozenset[str], pieces: Callable[[str], Sized] | None) -> bool:
    """By the words of prose alone: what is part of code, of an address or of a number says nothing."""
    weights = _weights(languages)
    if weights is None:
        return False
    words = _PROSE.findall(text[:_ENOUGH])
    known = strange = 0.0
    for place, word in enumerate(words):
        weight = _weight(word, weights)
        if weight is None:
            strange += _ACCENTED if languages <= _PLAIN and _has_accents(word) else 0
        elif weight > 0:
            known += _LETTER if len(word) == 1 and word.islower() else weight
        elif not word.isupper():  # an abbreviation
            strange -= weight * (_NAME if place and word[0].isupper() else 1)
    if strange > known and strange >= max(_LEAST, len(words) * _SHARE):
        return True
    return pieces is not None and known < _SHARED and _in_pieces(words, pieces)


def _in_pieces(words: Sequence[str], pieces: Callable[[str], Sized]) -> bool:
    """Whether a model knows most of the words by their syllables only, of a text without a common one."""
    plain = [word for place, word in enumerate(words) if not place or word[0].islower()]
    broken = sum(len(word) > 3 and len(pieces(word)) >= 3 for word in plain)
    return len(words) >= 3 and broken >= 2 and broken * 2 >= len(plain)


def _has_accents(word: str) -> bool:
    """Names keep theirs in every language, and begin with a capital letter."""
    return word[0].islower() and len(word) > 1 and not word.isascii() and all(map(_is_latin, word))


def _is_latin(char: str) -> bool:
    return char in "'\u2019" or _script(char) == "LATIN"


def _weight(word: str, weights: Mapping[str, float]) -> float | None:
    word = word.lower().replace("\u2019", "'")
    if word in weights or "'" not in word:
        return weights.get(word)
    parts = [weights[part] for part in word.split("'") if part in weights]  # l'ordre, dell'arte, what'd
    return parts[0] if parts else None


@functools.lru_cache(maxsize=16)
def _weights(languages: frozenset[str]) -> Mapping[str, float] | None:
    """What a common word says: above zero, that the text is in one of these languages; below, that it is not.

    None where one of them writes Latin letters, and its words are not known.
    """
    latin = languages.difference(*(spoken.split() for spoken in _SCRIPTS.values()))
    if not latin or not latin <= COMMON.keys():
        return None
    own = {word for language in latin for word in COMMON[language].split()}
    others = {word for language in COMMON.keys() - latin for word in COMMON[language].split()}
    weights = dict.fromkeys(own - others, 1.0) | dict.fromkeys(own & others, _SHARED)
    elsewhere = frozenset(ELSEWHERE.split())
    return weights | {word: -_SHARED if word in elsewhere else -1.0 for word in others - own}


@functools.lru_cache(maxsize=16)
def _scripts(languages: frozenset[str]) -> frozenset[str]:
    """Latin letters are everywhere: in names, in code."""
    read = {script for script, spoken in _SCRIPTS.items() if not languages.isdisjoint(spoken.split())}
    return frozenset(read | {"LATIN"}) | _OF_NO_SCRIPT


@functools.lru_cache(maxsize=4096)
def _script(char: str) -> str:
    return unicodedata.name(char, "?").partition(" ")[0]
