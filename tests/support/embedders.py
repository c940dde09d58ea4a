"""Embedders for the tests: a real one that needs nothing, and ways to be ill."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from beastmode_otel.cache.semantic import EmbedderFailed, Vectors


class NGrams:
    """Hashed words and pieces of words: the same text is the same vector everywhere, and a few other letters are near.

    It reads every script, as letters; nothing but letters and digits is something.
    """

    name = "ngrams-256 1"
    dimensions = 256
    threshold = 0.8
    languages: frozenset[str] | None = None
    most_tokens: int | None = None

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for piece in _pieces(text):
                row[zlib.crc32(piece.encode("utf-8", "surrogatepass")) % self.dimensions] += 1.0
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def unread(self, text: str) -> float:
        return 0.0 if _pieces(text) else 1.0

    def tokens(self, text: str) -> int:
        return len(text.split())

    def close(self) -> None: ...


def _pieces(text: str) -> list[str]:
    words = "".join(char if char.isalnum() else " " for char in text.lower()).split()
    return words + [word[at : at + 3] for word in words for at in range(len(word) - 2)]


class Hanging(NGrams):
    """Does not return until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.let_go.wait(30)
        return super().embed(texts)


class Slow(NGrams):
    def embed(self, texts: Sequence[str]) -> Vectors:
        time.sleep(0.05)
        return super().embed(texts)


class Failing(NGrams):
    """Fails as long as it is ill."""

    def __init__(self, error: Callable[[], Exception] = lambda: EmbedderFailed("503")) -> None:
        super().__init__()
        self.ill, self._error = True, error

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.ill:
            self.asked += texts
            raise self._error()
        return super().embed(texts)


class Mad(NGrams):
    """What it returns is changed by `how`, from the second text on."""

    def __init__(self, how: Callable[[Vectors], Any]) -> None:
        super().__init__()
        self._how = how

    def embed(self, texts: Sequence[str]) -> Vectors:
        calm = not self.asked
        rows = super().embed(texts)
        return rows if calm else self._how(rows)
