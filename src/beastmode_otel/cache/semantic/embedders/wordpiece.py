"""WordPiece for uncased BERT vocabularies: text to the token ids that the model was trained with."""

from __future__ import annotations

import functools
import re
import string
import unicodedata
from collections.abc import Sequence
from typing import Final

UNKNOWN: Final = "[UNK]"
_LONGEST_WORD: Final = 100  # characters; longer ones are unknown as a whole
_REMEMBERED: Final = 8192  # words, and characters
_ASCII: Final = re.compile(rf"[{re.escape(string.punctuation)}]|[^\s{re.escape(string.punctuation)}]+")
_CONTROLS: Final = {code: None for code in (*range(32), 127) if chr(code) not in "\t\n\r"}
_DROPPED: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Mn"})
_IDEOGRAPHS: Final = (  # those that BERT sets apart one by one; neither kana nor hangul
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """Equal to the library `tokenizers` with `encode_special_tokens`: `[SEP]` in a text is text, no token of control.

    Without the tokens that begin and end a sequence. Thread-safe.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """vocabulary: a token per id."""
        self._ids = {token: number for number, token in enumerate(vocabulary)}
        self._longest = max(map(len, vocabulary))
        self.unknown = self._ids[UNKNOWN]
        self.first, self.last = self._ids["[CLS]"], self._ids["[SEP]"]
        self._pieces = functools.lru_cache(maxsize=_REMEMBERED)(self._split)

    def __call__(self, text: str) -> list[int]:
        found: list[int] = []
        for word in words(text):
            found += self._pieces(word) if len(word) <= _LONGEST_WORD else (self.unknown,)
        return found

    def _split(self, word: str) -> tuple[int, ...]:
        """The longest token that the word begins with, then the longest of the rest, and so on."""
        pieces, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                number = self._ids.get(mark + word[start:end])
                if number is not None:
                    break
            else:
                return (self.unknown,)
            pieces.append(number)
            start = end
        return tuple(pieces)


def words(text: str) -> list[str]:
    """Lower case, without accents; each punctuation mark and each ideograph is a word."""
    if text.isascii():
        return _ASCII.findall(text.translate(_CONTROLS).lower())
    return unicodedata.normalize("NFD", text).translate(_TABLE).split()


class _Table(dict[int, str | None]):
    """What becomes of a character; filled as characters are met."""

    def __missing__(self, code: int) -> str | None:
        became = _became(chr(code))
        if len(self) < _REMEMBERED:
            self[code] = became
        return became


def _became(char: str) -> str | None:
    if char in "\t\n\r" or char.isspace():
        # NEL and the separators of ASCII are spaces to Python, and controls to BERT.
        return None if unicodedata.category(char) == "Cc" and char not in "\t\n\r" else " "
    category = unicodedata.category(char)
    if category in _DROPPED or char == "\ufffd":
        return None
    if category[0] == "P" or char in string.punctuation or _is_ideograph(ord(char)):
        return f" {char} "
    return char.lower()


def _is_ideograph(code: int) -> bool:
    return any(first <= code <= last for first, last in _IDEOGRAPHS)


_TABLE: Final = _Table()
