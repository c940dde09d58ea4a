"""Between answers and entries: what an answer becomes in the cache, and a stored one for its caller."""

from __future__ import annotations

import json
from collections import deque

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.errors import AttemptRecord
from beastmode_otel.observer import OutcomeKind, Saving
from beastmode_otel.record import record
from beastmode_otel.wire import Chunk, Reply, Usage, format_named


@record(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who answered."""

    api: str
    provider: str
    deployment: str


def entry_of(
    key: Key, reply: Reply, origin: Origin, *, request_id: str, now: float, ttl: float, tags: tuple[str, ...],
    usage: Usage | None, cost: float | None,
) -> Entry:  # fmt: skip
    """An answer as an entry, whether or not it may be stored: waiters of a flight are answered from it too."""
    return Entry(
        key=key,
        request_id=request_id,
        api=origin.api,
        provider=origin.provider,
        deployment=origin.deployment,
        model_served=reply.model or "",
        created_at=now,
        expires_at=now + ttl,
        body=json.dumps(reply.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"),
        text=reply.text,
        finish_reason=reply.finish_reasons[0] if reply.finish_reasons else None,
        usage=usage,
        cost=cost,
        tags=tags,
    )


def saving_of(entry: Entry) -> Saving:
    """What serving this entry instead of asking again is worth."""
    return Saving(by="cache", provider=entry.provider, cost=entry.cost, tokens=entry.usage)


class StoredAnswer:
    """An entry in the place of a delivery."""

    cost: float | None = 0.0  # a hit costs nothing, which is known

    def __init__(self, entry: Entry, *, records: tuple[AttemptRecord, ...] = ()) -> None:
        self.entry, self.records = entry, records

    @property
    def begun(self) -> int:
        return len(self.records)

    @property
    def saving(self) -> Saving | None:
        return saving_of(self.entry)

    @property
    def deployment(self) -> str | None:
        return self.entry.deployment

    @property
    def usage(self) -> Usage | None:
        return self.entry.usage

    @property
    def reply(self) -> Reply | None:
        return format_named(self.entry.api).read_response(self.entry.body)

    def finish(self, kind: OutcomeKind) -> None: ...


class ReplayedStream(StoredAnswer):
    """A stored answer as a stream, without artificial delays."""

    def __init__(self, entry: Entry, *, include_usage: bool, records: tuple[AttemptRecord, ...] = ()) -> None:
        super().__init__(entry, records=records)
        chunks = format_named(entry.api).replay(json.loads(entry.body), include_usage=include_usage)
        self._left = deque(chunk for chunk in chunks if not (chunk.terminal and chunk.data is None))
        self._opened = False

    @property
    def complete(self) -> bool:
        return self._opened and not self._left

    async def next(self) -> Chunk | None:
        self._opened = True
        return self._left.popleft() if self._left else None

    async def release(self) -> None: ...

    def discard(self) -> None: ...
