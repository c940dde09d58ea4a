"""One reader of a shared stream."""

from __future__ import annotations

import time
from collections.abc import Callable

from beastmode_otel.cache.entry import Entry
from beastmode_otel.engine.shared import SharedStream
from beastmode_otel.engine.stored import saving_of
from beastmode_otel.errors import AttemptRecord, Context, UpstreamError
from beastmode_otel.observer import OutcomeKind, Saving
from beastmode_otel.router import Call
from beastmode_otel.wire import Chunk, Reply, Usage

_GRACE = 1.0  # seconds


class SharedReader:
    """source.Source over a SharedStream that it has entered. collapsed: another caller's request brought the stream.

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
        try:
            chunk = await self._shared.at(self._index, self._patience)
        except TimeoutError:
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
