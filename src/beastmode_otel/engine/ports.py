"""Where a stream's chunks come from: a route, the cache, or another caller's stream."""

from __future__ import annotations

from typing import Protocol

from beastmode_otel.errors import AttemptRecord
from beastmode_otel.observer import OutcomeKind, Saving
from beastmode_otel.wire import Chunk, Reply, Usage


class Delivered(Protocol):
    """What an answer is made of. Right at any time, also before the end."""

    @property
    def records(self) -> tuple[AttemptRecord, ...]: ...
    @property
    def begun(self) -> int:
        """How many attempts there are, the open one included."""

    @property
    def deployment(self) -> str | None: ...
    @property
    def reply(self) -> Reply | None: ...
    @property
    def usage(self) -> Usage | None: ...
    @property
    def cost(self) -> float | None: ...
    @property
    def saving(self) -> Saving | None:
        """What it did not have to cost."""

    def finish(self, kind: OutcomeKind) -> None:
        """The request has ended so. Synchronous, idempotent."""


class Source(Delivered, Protocol):
    """A stream of chunks for one reader."""

    @property
    def complete(self) -> bool:
        """Whether the reader has been given everything up to the terminal event."""

    async def next(self) -> Chunk | None:
        """The next chunk; None after the last. Raises what ended the stream early."""

    async def release(self) -> None:
        """Give back what it holds."""

    def discard(self) -> None:
        """`release` for those who cannot wait."""
