"""Replaying what has no known shape: as one event that holds all of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.framing import Framing, stream_bytes


def as_one_event(
    body: Any, last: Chunk, feed: Callable[[bytes], list[Chunk]], *, event: str = "", framing: Framing = "sse"
) -> list[Chunk]:
    """`body` and then `last`, as the reader whose `feed` it is understands them.

    Where `body` itself says that nothing follows, as Ollama's `done` does, nothing does.
    """
    if body is None:
        return [Chunk(event=event), last]
    whole, *rest = feed(b"".join(stream_bytes([Chunk(data=body, event=event), last], framing)))
    return [replace(whole, data=body), *(() if whole.terminal else rest)]
