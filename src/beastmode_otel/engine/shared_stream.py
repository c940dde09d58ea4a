"""One upstream stream, several readers: a replay buffer that is filled once and read by whoever comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beastmode_otel.cache import Entry, Key, own_copy
from beastmode_otel.engine.entries import saving_of
from beastmode_otel.errors import AttemptRecord, BeastModeError, Context, UpstreamError, raised_by_signal
from beastmode_otel.observer import OutcomeKind, Saving
from beastmode_otel.runtime import Job, Runtime, in_child, new_job
from beastmode_otel.wire import Chunk, Reply, Usage

if TYPE_CHECKING:
    from beastmode_otel.router import Call, RoutedStream


class SharedStream:
    """The chunks of one upstream stream, kept for readers that come later. Thread-safe.

    - asyncio: one detached task pumps, so that no reader's cancellation reaches the upstream read.
    - Blocking: the reader that is first at the buffer's end reads the next chunk on its own thread.
    - The last reader that leaves before the end gives the upstream up; the others take nothing away with them.
    - begins: the first chunk that is not void. Who has read nothing yet begins there, and need not be told of the rest.
    - `landed` is called once, at the terminal event; `over` once, however it ended.
    """

    def __init__(
        self, source: RoutedStream, runtime: Runtime, *, landed: Callable[[], Awaitable[None]], over: Callable[[], None]
    ) -> None:
        self.source, self._runtime, self._landed, self._over = source, runtime, landed, over
        self._chunks: list[Chunk] = []
        self._error: BaseException | None = None
        self._ended = self._given_up = False
        self._readers = self.begins = 0
        self._pulling, self._state = threading.Lock(), threading.Lock()
        self._news: Job[None] | None = None
        self._stop: Callable[[], None] | None = None
        self._pumped = False

    # Readers.

    def enter(self) -> bool:
        """One more reader. False when it is too late: the stream failed, or everybody has left it."""
        with self._state:
            if self._error is not None or self._given_up:
                return False
            self._readers += 1
            return True

    def start(self) -> None:
        """Let it be filled beside its readers, where this world can."""
        self._stop = self._runtime.background(self._fill, self._lost)
        self._pumped = self._stop is not None

    def reached_end(self, index: int, *, with_usage: bool) -> bool:
        """Whether a reader that has read `index` chunks has read all that it is shown."""
        return self._ended and not any(with_usage or not chunk.usage_only for chunk in self._chunks[index:])

    async def at(self, index: int, left: Callable[[], float], *, opener: bool = False) -> Chunk | None:
        """The chunk at `index`; None behind the last. Raises what ended the stream, or TimeoutError after `left`.

        opener: whether the reader's own request has opened the stream: what is raised into that is for nobody else.
        """
        while index >= len(self._chunks):
            if self._error is not None:
                raise self._for_reader(self._error, opener=opener)
            if self._ended:
                return None
            if not self._pumped and self._pulling.acquire(blocking=False):
                await self._pull_here(index)
            else:
                await self._wait(index, left())
        return self._chunks[index]

    async def _pull_here(self, index: int) -> None:
        try:
            if index >= len(self._chunks) and not self._is_over():
                await self._pull()
        finally:
            self._pulling.release()
            self._tell()  # who found it taken looks again, also when nothing was read

    async def _wait(self, index: int, seconds: float) -> None:
        with self._state:
            nobody_pulls = not self._pumped and not self._pulling.locked()
            if index < len(self._chunks) or self._is_over() or nobody_pulls:
                return
            news = self._news = self._news or new_job()
        if not await self._runtime.wait(news, seconds):
            raise TimeoutError

    def _for_reader(self, error: BaseException, *, opener: bool) -> Exception:
        if isinstance(error, BeastModeError):
            return own_copy(error)
        if opener and self._pumped and isinstance(error, Exception):
            return error
        # Somebody else's Ctrl-C or soft time limit is not ours; but what it was reading is gone.
        return UpstreamError("the reader that shared this stream was interrupted", category="stream_truncated")

    def leave(self) -> bool:
        """A reader goes. True when it was the last of a stream that had not ended: the caller gives the upstream up."""
        with self._state:
            self._readers -= 1
            self._given_up = self._readers == 0 and not self._is_over()
        return self._given_up

    def stop(self) -> None:
        """Nobody needs more chunks."""
        if self._stop is not None:
            self._stop()
        self._over()

    # Filling.

    def _is_over(self) -> bool:
        return self._ended or self._error is not None

    async def _fill(self) -> None:
        while not self._is_over():
            await self._pull()

    async def _pull(self) -> None:
        try:
            chunks, ended = await self._next()
            if ended:
                await self._landed()
        except BaseException as exc:
            self._tell(error=exc)
            self._over()
            if isinstance(exc, BeastModeError):
                return
            await self.source.release()
            if self._pumped and isinstance(exc, Exception):  # nobody waits for the task: the opener raises it
                return
            raise
        self._tell(chunks, ended=ended)
        if ended:
            self._over()
            await self.source.release()

    async def _next(self) -> tuple[list[Chunk], bool]:
        """The next chunk, with those that need no waiting if it is the last to be waited for; whether they are the end.

        So a reader that is not shown the very last one need not come back for it.
        """
        chunks: list[Chunk] = []
        while (chunk := await self.source.next()) is not None:
            chunks.append(chunk)
            if self.source.complete:
                return chunks, True
            if not self.source.ending:
                return chunks, False
        return chunks, True

    def _lost(self) -> None:
        """Its loop ended before anything was read."""
        self.source.finish("cancelled")
        self.source.discard()
        self._tell(error=UpstreamError("the event loop that read this stream ended", category="stream_truncated"))
        self._over()

    def _tell(self, chunks: Sequence[Chunk] = (), *, error: BaseException | None = None, ended: bool = False) -> None:
        with self._state:
            for chunk in chunks:
                self._chunks.append(chunk)
                if chunk.void:
                    self.begins = len(self._chunks)
            self._error = self._error or error
            self._ended = self._ended or ended
            news, self._news = self._news, None
        if news is not None:
            news.set_result(None)


# One reader of a shared stream.


_GRACE = 1.0  # seconds


class SharedReader:
    """ports.ChunkSource over a SharedStream that it has entered. collapsed: another caller's request brought it.

    kept: the entry that the whole stream became, None before its end.
    """

    def __init__(self, shared: SharedStream, call: Call, *, collapsed: bool, kept: Callable[[], Entry | None]) -> None:
        self._shared, self._call, self._collapsed, self._kept = shared, call, collapsed, kept
        self._index = 0
        self._left = self._gave_up = False

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        return () if self._collapsed else self._shared.source.records

    @property
    def begun(self) -> int:
        return 0 if self._collapsed else self._shared.source.begun

    @property
    def deployment(self) -> str | None:
        return self._shared.source.deployment

    @property
    def reply(self) -> Reply | None:
        return self._shared.source.reply

    @property
    def usage(self) -> Usage | None:
        return self._shared.source.usage

    @property
    def cost(self) -> float | None:
        return 0.0 if self._collapsed else self._shared.source.cost

    @property
    def saving(self) -> Saving | None:
        entry = self._kept()
        if self._collapsed:
            return None if entry is None else saving_of(entry)
        return self._shared.source.saving

    @property
    def complete(self) -> bool:
        return self._shared.reached_end(self._index, with_usage=self._call.include_usage)

    async def next(self) -> Chunk | None:
        while True:
            chunk = await self._step()
            if chunk is None or self._call.include_usage or not chunk.usage_only:
                return chunk

    async def _step(self) -> Chunk | None:
        if not self._index:
            self._index = self._shared.begins
        try:
            chunk = await self._shared.at(self._index, self._patience, opener=not self._collapsed)
        except TimeoutError as exc:
            if raised_by_signal(exc) is not None:
                raise
            raise UpstreamError(
                f"total timeout after {self._call.timeouts.total:g} s",
                category="total_timeout",
                context=Context(model=self._call.model_id, deployment=self.deployment),
            ) from None
        self._index += chunk is not None
        return chunk

    def _patience(self) -> float:
        # The opener's deadline is that of the upstream call too, which must have time to say so itself.
        return self._call.deadline - time.monotonic() + (0.0 if self._collapsed else _GRACE)

    def finish(self, kind: OutcomeKind) -> None:
        if self._left:
            return
        self._left = True
        self._gave_up = self._shared.leave()
        if self._gave_up:
            self._shared.source.finish("cancelled" if kind == "error" else kind)  # the error is this reader's own
            self._shared.stop()

    async def release(self) -> None:
        if self._gave_up:
            await self._shared.source.release()

    def discard(self) -> None:
        if self._gave_up:
            self._shared.source.discard()


# Those that are under way.


@dataclass(slots=True)
class LiveStream:
    """A stream that is under way. entry: what it became."""

    shared: SharedStream
    entry: Entry | None = None


class LiveStreams:
    """Those that callers of this router may still join, by key digest. A child after fork starts with none."""

    def __init__(self) -> None:
        self.forget()
        in_child(self.forget)

    def forget(self) -> None:
        """After an invalidation nobody joins what was asked for before it."""
        self._live: dict[bytes, LiveStream] = {}

    def get(self, key: Key) -> LiveStream | None:
        return self._live.get(key.digest)

    def add(self, key: Key, live: LiveStream) -> None:
        self._live[key.digest] = live

    def over(self, key: Key, live: LiveStream) -> None:
        if self._live.get(key.digest) is live:
            del self._live[key.digest]
