"""Chunks of a stream, written as the server-sent events that they came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.reader import DONE


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
            yield _failure(chunk.error.type, chunk.error.message)
        elif chunk.terminal:
            yield b"data: " + DONE.encode() + b"\n\n"


def to_json(value: Any, *, ascii_only: bool = True) -> str | None:
    """`value` as compact JSON; None when it cannot be written (nested too deeply, or never was JSON)."""
    try:
        return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return None


def _event(chunk: Chunk) -> bytes:
    data = to_json(chunk.data)
    if data is None:
        return _failure("invalid_response", "An event of the stream cannot be written as JSON.")
    # A name with a line break in it would be two lines, and so another event.
    name = f"event: {chunk.event}\n" if chunk.event and chunk.event.isprintable() else ""
    return f"{name}data: {data}\n\n".encode()


def _failure(kind: str | None, message: str | None) -> bytes:
    data = {"type": "error", "error": {"type": kind, "message": message}}
    return f"event: error\ndata: {json.dumps(data)}\n\n".encode()
