"""How a format's streams are framed, and answers written as the bytes that a provider would have sent.

Whole answers are the same JSON in all formats; `whole_bytes` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, Literal

from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.sse import DONE

Framing = Literal["sse", "ndjson"]

MEDIA_TYPES: Final[Mapping[Framing, str]] = MappingProxyType(
    {"sse": "text/event-stream; charset=utf-8", "ndjson": "application/x-ndjson"}
)
"""The content type of a stream."""


def stream_bytes(chunks: Iterable[Chunk], framing: Framing) -> Iterator[bytes]:
    """Chunks as the bytes of a stream, one piece each; their format's reader reads the same chunks from them."""
    return sse_bytes(chunks) if framing == "sse" else line_bytes(chunks)


def whole_bytes(body: object) -> bytes | None:
    """A decoded answer as the body of a response, compact and ASCII only; None when it cannot be written."""
    data = to_json(body)
    return None if data is None else data.encode()


def to_json(value: Any, *, ascii_only: bool = True) -> str | None:
    """`value` as compact JSON; None when it cannot be written (nested too deeply, or never was JSON)."""
    try:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return None


def as_one_event(
    body: Any, last: Chunk, feed: Callable[[bytes], list[Chunk]], *, event: str = "", framing: Framing = "sse"
) -> list[Chunk]:
    """What has no known shape, replayed: `body` and then `last`, as the reader whose `feed` it is understands them.

    Where `body` itself says that nothing follows, as Ollama's `done` does, nothing does.
    """
    if body is None:
        return [Chunk(event=event), last]
    whole, *rest = feed(b"".join(stream_bytes([Chunk(data=body, event=event), last], framing)))
    return [replace(whole, data=body), *(() if whole.terminal else rest)]


def sse_bytes(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """One event for each chunk that has something to say; their format's reader reads the same chunks from them.

    - ASCII only: half the clients out there cut lines at U+2028 or U+0085 too, and half a surrogate pair is no UTF-8.
    - A terminal chunk without data is `[DONE]`; any other chunk without data and error is left out.
    - An error without data, and data that is no JSON, become an event named `error`, which every SDK raises.
    """
    for chunk in chunks:
        if chunk.data is not None:
            yield _event(chunk)
        elif chunk.error is not None:
            yield _failed_event(chunk.error.type, chunk.error.message)
        elif chunk.terminal:
            yield b"data: " + DONE.encode() + b"\n\n"


def _event(chunk: Chunk) -> bytes:
    data = to_json(chunk.data)
    if data is None:
        return _failed_event("invalid_response", "An event of the stream cannot be written as JSON.")
    # A name with a line break in it would be two lines, and so another event.
    name = f"event: {chunk.event}\n" if chunk.event and chunk.event.isprintable() else ""
    return f"{name}data: {data}\n\n".encode()


def _failed_event(kind: str | None, message: str | None) -> bytes:
    data = {"type": "error", "error": {"type": kind, "message": message}}
    return f"event: error\ndata: {json.dumps(data)}\n\n".encode()


def line_bytes(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """One line of JSON for each chunk with data, ASCII only; the others are left out.

    An error without data, and data that is no JSON, become a line whose `error` is a text, which Ollama's client
    raises.
    """
    for chunk in chunks:
        if chunk.data is not None:
            data = to_json(chunk.data)
            yield _failed_line("An event of the stream cannot be written as JSON.") if data is None else _line(data)
        elif chunk.error is not None:
            yield _failed_line(chunk.error.message or "the provider gave up")


def _line(data: str) -> bytes:
    return f"{data}\n".encode()


def _failed_line(message: str) -> bytes:
    return _line(json.dumps({"error": message, "code": "invalid_response"}))
