"""How a format's streams are framed, and answers written as the bytes that a provider would have sent.

Whole answers are the same JSON in all formats; `whole_bytes` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.sse_writer import sse_bytes, to_json

Framing = Literal["sse", "ndjson"]

MEDIA_TYPES: Final[Mapping[Framing, str]] = MappingProxyType(
    {"sse": "text/event-stream; charset=utf-8", "ndjson": "application/x-ndjson"}
)
"""The content type of a stream."""


def stream_bytes(chunks: Iterable[Chunk], framing: Framing) -> Iterator[bytes]:
    """Chunks as the bytes of a stream, one piece each; their format's reader reads the same chunks from them."""
    return sse_bytes(chunks) if framing == "sse" else line_bytes(chunks)


def line_bytes(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """One line of JSON for each chunk with data, ASCII only; the others are left out.

    An error without data, and data that is no JSON, become a line whose `error` is a text, which Ollama's client
    raises.
    """
    for chunk in chunks:
        if chunk.data is not None:
            data = to_json(chunk.data)
            yield _failure("An event of the stream cannot be written as JSON.") if data is None else _line(data)
        elif chunk.error is not None:
            yield _failure(chunk.error.message or "the provider gave up")


def whole_bytes(body: object) -> bytes | None:
    """A decoded answer as the body of a response, compact and ASCII only; None when it cannot be written."""
    data = to_json(body)
    return None if data is None else data.encode()


def _line(data: str) -> bytes:
    return f"{data}\n".encode()


def _failure(message: str) -> bytes:
    return _line(json.dumps({"error": message, "code": "invalid_response"}))
