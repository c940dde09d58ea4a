"""What every embedder is wrapped in: whatever it does, its callers see vectors or EmbedderFailed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeVar

import numpy as np

from beastmode_otel.cache.semantic.ports import Embedder, EmbedderFailed, Vectors
from beastmode_otel.errors import ConfigError

_LONGEST_TOKEN: Final = 16  # characters a token, on average: no text of words comes near
_PORT: Final = ("embed", "unread", "tokens", "close")
_Told = TypeVar("_Told", int, float)


class NotVectors(EmbedderFailed):
    """It answered, with what no vectors of its can be: nothing that it says can be trusted any more."""


class SawNothing(EmbedderFailed):
    """A vector of zeros: there is nothing in this text that it knows. With another one it may be well."""


def unreadable(
    embedder: Embedder, text: str, *, max_tokens: int, unread: float
) -> Literal["too_long", "unsupported_language"] | None:
    """Why a question cannot be matched by this embedder; None: it can. max_tokens: at most, of those that it sees;
    unread: the share that it may not know. Raises EmbedderFailed."""
    most = max_tokens if embedder.most_tokens is None else min(max_tokens, embedder.most_tokens)
    if len(text) > most * _LONGEST_TOKEN or embedder.tokens(text) > most:
        return "too_long"
    return "unsupported_language" if embedder.unread(text) > unread else None


class Checked:
    """An embedder that keeps the port, around one that may not.

    - `embed` returns as many rows as there are texts, float32, of its dimensions, each of length 1.
    - Nothing but EmbedderFailed is raised. Its text holds the kind of an exception, never its words: these may quote
      what was asked, or a key.
    """

    def __init__(self, inner: Embedder) -> None:
        """Raises ConfigError for what is no embedder."""
        missing = [name for name in _PORT if not callable(getattr(inner, name, None))]
        missing += [name for name in ("name", "dimensions", "threshold") if not getattr(inner, name, None)]
        if missing:
            raise ConfigError(
                f"cache.semantic.embedder: {type(inner).__name__} is no embedder: it has no {', '.join(missing)}",
                hints=("the port is Embedder in beastmode_otel.cache.semantic: see docs/semantic.md",),
            )
        self.inner = inner
        self.name, self.dimensions, self.threshold = str(inner.name), int(inner.dimensions), float(inner.threshold)
        languages = getattr(inner, "languages", None)
        self.languages: frozenset[str] | None = None if languages is None else frozenset(languages)
        self.most_tokens: int | None = getattr(inner, "most_tokens", None)

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        said = self._asked(lambda: self.inner.embed(texts))
        rows = self._array(said)
        if rows.shape != (len(texts), self.dimensions):
            raise NotVectors(f"{self.name} returned {rows.shape} in the place of {(len(texts), self.dimensions)}")
        # A sum is finite only where all its parts are, and zero only where they all are.
        with np.errstate(over="ignore", invalid="ignore"):
            lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if not np.isfinite(lengths).all():
            raise NotVectors(f"{self.name} returned what is no number")
        if not lengths.all():
            raise SawNothing(f"{self.name} returned a vector of zeros")
        rows /= lengths
        return rows

    def _array(self, said: Any) -> Vectors:
        """A new one, which belongs to nobody else."""
        try:
            found = np.asarray(said)
            if found.dtype.kind in "fiu":
                with np.errstate(over="ignore"):
                    return found.astype(np.float32)
        except (TypeError, ValueError):
            pass
        raise NotVectors(f"{self.name} returned no vectors, but a {type(said).__name__}")

    def unread(self, text: str) -> float:
        return self._number(self._asked(lambda: self.inner.unread(text)), 1.0)

    def tokens(self, text: str) -> int:
        return self._number(self._asked(lambda: self.inner.tokens(text)), len(text) * 8 + 8)

    def close(self) -> None:
        self._asked(self.inner.close)

    def _asked(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except EmbedderFailed:
            raise
        except Exception as exc:  # noqa: BLE001  (whatever an embedder raises, it failed)
            kind = type(exc).__name__
        raise EmbedderFailed(f"{self.name} raised {kind}")  # outside: no cause, whose words would be shown with it

    def _number(self, said: Any, most: _Told) -> _Told:
        if isinstance(said, int | float | np.number) and 0 <= said <= most:
            return type(most)(said)
        raise EmbedderFailed(f"{self.name} told no number from 0 to {most}")
