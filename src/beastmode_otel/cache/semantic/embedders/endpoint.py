"""Vectors from an HTTP endpoint that speaks OpenAI's embeddings: theirs, Azure's, or a server of the team's own."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from beastmode_otel.cache.semantic.embedders.languages import foreign
from beastmode_otel.cache.semantic.embedders.spec import EmbedderSpec
from beastmode_otel.cache.semantic.ports import EmbedderFailed, Vectors
from beastmode_otel.errors import ConfigError, public_url
from beastmode_otel.wire import classify

_AT_ONCE: Final = 64  # texts; the least that servers allow is more
_LETTERS_PER_TOKEN: Final = 4  # of an alphabet; other signs are counted as one each


class Post(Protocol):
    """One HTTP request. Blocking and thread-safe; no instrumentation counts it among the application's calls."""

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> tuple[int, bytes]:
        """Status and body; redirects are not followed. Raises whatever the HTTP library does."""

    def close(self) -> None: ...


class Endpoint:
    """Each `embed` is a request, or several for many texts; it fails without a second try: the caller's time is short.

    A key goes to this address only. What is raised holds the host and a status or category, never a key or a text.
    """

    def __init__(self, spec: EmbedderSpec, post: Post) -> None:
        """Raises ConfigError."""
        if spec.dimensions is None:
            raise ConfigError(
                "cache.semantic.embedder: dimensions is missing",
                hints=("write how long the endpoint's vectors are, such as dimensions = 1536",),
            )
        self._url, self._post, self._seconds = _checked(spec.url or ""), post, spec.timeout
        self._host = public_url(urlsplit(self._url).netloc)
        self._model = spec.model
        self._headers = {"content-type": "application/json"}
        if spec.api_key is not None:
            header = spec.key_header.lower()
            mark = "Bearer " if header == "authorization" else ""
            self._headers[header] = mark + spec.api_key.reveal()
        self.name = spec.name or f"{spec.model or 'embeddings'}@{self._host}"
        self.dimensions, self.threshold = spec.dimensions, spec.needed_threshold()
        self.languages, self.most_tokens = spec.languages, spec.most_tokens

    def embed(self, texts: Sequence[str]) -> Vectors:
        parts = [self._part(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE)]
        return np.concatenate(parts)

    def _part(self, texts: Sequence[str]) -> Vectors:
        asked: dict[str, Any] = {"input": list(texts)}
        if self._model is not None:
            asked["model"] = self._model
        body = json.dumps(asked).encode()
        try:
            status, answer = self._post(self._url, self._headers, body, self._seconds)
        except Exception as exc:  # noqa: BLE001  (whatever the library raises, it did not answer)
            kind = classify(exc).category.name
        else:
            if status == 200:
                return self._read(answer, len(texts))
            kind = f"status {status}"
        raise EmbedderFailed(f"{self._host}: {kind}")

    def _read(self, answer: bytes, count: int) -> Vectors:
        try:
            rows = list(_rows(json.loads(answer), count))
            return np.array(rows, dtype=np.float32)
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
        raise EmbedderFailed(f"{self._host}: an answer that holds no {count} embeddings")

    def unread(self, text: str) -> float:
        return foreign(text, self.languages)

    def tokens(self, text: str) -> int:
        """About: only the server knows."""
        letters = len(text.encode("ascii", "ignore"))
        return math.ceil(letters / _LETTERS_PER_TOKEN) + len(text) - letters

    def close(self) -> None:
        self._post.close()


def _rows(answer: Any, count: int) -> Iterator[list[float]]:
    """In the order of the texts, which servers may answer in any other."""
    by_place = {row.get("index", place): row["embedding"] for place, row in enumerate(answer["data"])}
    for place in range(count):
        yield by_place[place]


def _checked(url: str) -> str:
    """The address of the embeddings: `/embeddings` is put behind a path that does not end so. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        whole = False
    if not whole:
        raise ConfigError(
            f"cache.semantic.embedder: url {public_url(url)!r} is not a full address",
            hints=("it begins with http:// or https:// and names a host; a key belongs in api_key",),
        )
    path = parts.path.rstrip("/")
    path = path if path.endswith("/embeddings") else f"{path}/embeddings"
    return urlunsplit(parts._replace(path=path, fragment=""))
