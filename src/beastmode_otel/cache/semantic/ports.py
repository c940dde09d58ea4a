"""The ports of semantic matching: who turns text into vectors, and who looks a second time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
"""(n, dimensions), each row of length 1: their dot product is the cosine."""

Judgement: TypeAlias = Literal["yes", "no", "unknown"]


class EmbedderFailed(Exception):
    """It cannot embed now, or never again. Holds no text of a request."""


class Embedder(Protocol):
    """Turns questions into vectors. Thread-safe; blocking; called off the event loop, by one thread.

    name: with its version, part of every stored vector: vectors of another name are never compared. threshold: the
    cosine from which two questions may be the same, calibrated for this embedder. languages: those that it reads
    (ISO 639-1), None: any. most_tokens: longer texts are not matched. Every method may load what it needs the first
    time, and raises EmbedderFailed where that cannot be done.
    """

    name: str
    dimensions: int
    threshold: float
    languages: frozenset[str] | None
    most_tokens: int | None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Raises EmbedderFailed, nothing else."""

    def unread(self, text: str) -> float:
        """The share of `text` that it cannot read (unknown tokens, scripts it was not trained on): 0.0 to 1.0."""

    def tokens(self, text: str) -> int:
        """How many the model sees of it, without cutting; an estimate where only the server knows."""

    def close(self) -> None: ...


class Verifier(Protocol):
    """The second look at the best candidate. "unknown" and every exception mean: not the same."""

    def __call__(self, question: str, candidate: str) -> Judgement: ...
