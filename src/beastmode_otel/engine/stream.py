"""A stream on its way to the caller, and the registry of those that are open."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.ports import ChunkSource
from beastmode_otel.errors import Context, UpstreamError
from beastmode_otel.observer import OutcomeKind
from beastmode_otel.wire import Chunk


class StreamCore:
    """The engine's side of a stream; the caller holds a face of it (client/), so that either can die alone."""

    def __init__(
        self, *, model: str, source: ChunkSource, ending: Ending, streams: OpenStreams[StreamCore], idle: float
    ) -> None:
        self.model, self.source, self.ending, self._streams = model, source, ending, streams
        self.idle = idle
        self.ended: OutcomeKind | None = None
        streams.add(self)

    async def next(self) -> Chunk | None:
        """The next chunk; None after the last. Raises a BeastModeError, recorded before it is raised."""
        if self.ended is not None:
            self._check_not_given_up()
            return None
        self._streams.touch(self)
        try:
            chunk = await self.source.next()
        except BaseException as exc:
            self.ending.raised(exc)
            self._close("error" if isinstance(exc, Exception) else "cancelled")
            raise
        if self.source.complete:
            self.finish("ok")
        if chunk is None:
            await self.source.release()
        return chunk

    def _check_not_given_up(self) -> None:
        if self.ended == "abandoned":  # never let a reader that comes back mistake this for the end of the answer
            raise UpstreamError(
                f"the stream was not read for {self.idle:g} s and was given up",
                category="total_timeout",
                context=Context(model=self.model),
                hints=("read streams without long pauses, or raise timeouts.idle",),
            )

    def finish(self, kind: OutcomeKind) -> None:
        """End it: attempt, request, registry. Synchronous and idempotent."""
        if self.ending.finish(kind):
            self._close(kind)

    def _close(self, kind: OutcomeKind) -> None:
        self.ended = kind
        self._streams.remove(self)

    def closed(self) -> None:
        """Its router closes."""
        self.finish("cancelled")

    async def release(self) -> None:
        """Give the connection back."""
        await self.source.release()

    def orphan(self) -> None:
        """The reader is being garbage collected; called by a finalizer, and nothing but an append."""
        self._streams.orphan(self)

    def abandon(self) -> None:
        """Nobody will read it any more."""
        self.finish("abandoned")
        self.source.discard()


class Open(Protocol):
    """A stream that somebody reads. idle: seconds without a read after which nobody does."""

    @property
    def idle(self) -> float: ...
    def abandon(self) -> None: ...
    def closed(self) -> None:
        """Its door closes before its end."""


S = TypeVar("S", bound=Open)


class OpenStreams(Generic[S]):
    """The streams that have not ended, and those whose reader was garbage collected.

    A finalizer must not lock, record or do I/O (the collector may run inside the telemetry SDK's own lock): it only
    appends to a deque, which the next request, a metric collection or close() sweeps. Where `open` and `orphans` are
    empty there is nothing to sweep.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.open: dict[int, tuple[S, float]] = {}
        self.orphans: deque[S] = deque()
        self._next_look = 0.0

    def add(self, core: S) -> None:
        self.open[id(core)] = (core, self._clock())

    def touch(self, core: S) -> None:
        if id(core) in self.open:
            self.open[id(core)] = (core, self._clock())

    def remove(self, core: S) -> None:
        self.open.pop(id(core), None)

    def orphan(self, core: S) -> None:
        """Called by a finalizer, and nothing but an append."""
        self.orphans.append(core)

    def sweep(self) -> None:
        """End what nobody reads: orphans now, idle streams when their limit has passed."""
        while self.orphans:
            try:
                core = self.orphans.popleft()
            except IndexError:  # another thread sweeps too
                break
            core.abandon()
        now = self._clock()
        if self.open and now >= self._next_look:
            self._next_look = now + 1.0
            for core, touched in list(self.open.values()):
                if now - touched > core.idle:
                    core.abandon()

    def finish_all(self) -> list[S]:
        """At close: end every stream that is still open, as cancelled."""
        self.sweep()
        left = [core for core, _ in list(self.open.values())]
        for core in left:
            core.closed()
        return left
