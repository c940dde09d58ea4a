"""One upstream stream, several readers: a replay buffer that is filled once and read by whoever comes."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence

from beastmode_otel.cache.flight import own_copy
from beastmode_otel.errors import UpstreamError
from beastmode_otel.router import RoutedStream
from beastmode_otel.runtime import Job, Runtime, new_job
from beastmode_otel.wire import Chunk


class SharedStream:
    """The chunks of one upstream stream, kept for readers that come later. Thread-safe.

    - asyncio: one detached task pumps, so that no reader's cancellation reaches the upstream read.
    - Blocking: the reader that is first at the buffer's end reads the next chunk on its own thread.
    - The last reader that leaves before the end gives the upstream up; the others take nothing away with them.
    - `landed` is called once, at the terminal event; `over` once, however it ended.
    """

    def __init__(
        self, source: RoutedStream, runtime: Runtime, *, landed: Callable[[], Awaitable[None]], over: Callable[[], None]
    ) -> None:
        self.source, self._runtime, self._landed, self._over = source, runtime, landed, over
        self._chunks: list[Chunk] = []
        self._error: BaseException | None = None
        self._ended = self._given_up = False
        self._readers = 0
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

    async def at(self, index: int, left: Callable[[], float]) -> Chunk | None:
        """The chunk at `index`; None behind the last. Raises what ended the stream, or TimeoutError after `left`."""
        while index >= len(self._chunks):
            if self._error is not None:
                raise self._for_reader(self._error)
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

    def _for_reader(self, error: BaseException) -> Exception:
        if isinstance(error, Exception):
            return own_copy(error)
        # Somebody else's Ctrl-C is not ours; but what it was reading is gone.
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
            if not isinstance(exc, Exception):
                await self.source.release()
                raise
            return
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
            self._chunks.extend(chunks)
            self._error = self._error or error
            self._ended = self._ended or ended
            news, self._news = self._news, None
        if news is not None:
            news.set_result(None)
