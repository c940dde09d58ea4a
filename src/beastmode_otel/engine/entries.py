"""Between answers and entries: what an answer becomes in the cache, and a stored one for its caller."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.key import KeyTarget
from beastmode_otel.cache.storable import may_store
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.config import CacheSettings
from beastmode_otel.engine.cache_request import Wish
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.ports import Delivered
from beastmode_otel.errors import AttemptRecord
from beastmode_otel.observer import OutcomeKind, Saving
from beastmode_otel.record import record
from beastmode_otel.runtime import Job, Runtime
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


# What becomes of an answer that was bought: stored if it may be, an entry for the waiters in any case.


WRITE_SECONDS: Final = 10.0  # what write_mode="sync" waits for the slower tiers at most


class Bought(Delivered, Protocol):
    """An answer that has landed, as the store needs it. headers: the response's. api: its wire format."""

    @property
    def api(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


class Storing:
    """The writing half of the cache's part in a request. clock: wall time."""

    def __init__(self, tiered: Tiered, settings: CacheSettings, runtime: Runtime, clock: Callable[[], float]) -> None:
        self._tiered, self._settings, self._runtime, self._clock = tiered, settings, runtime, clock

    async def keep(
        self, bought: Bought, wish: Wish, key: Key, ending: Ending, *, answered: KeyTarget, asked: float
    ) -> tuple[Entry, str | None]:
        """The entry, and why it was not stored. answered: by whom; asked: when, on the monotonic clock."""
        entry, reason, writes = self.put(bought, wish, key, ending, answered=answered, asked=asked)
        if self._settings.write_mode == "sync":
            until = time.monotonic() + WRITE_SECONDS
            for write in writes:
                await self._runtime.wait(write, max(0.0, until - time.monotonic()))
        return entry, reason

    def put(
        self, bought: Bought, wish: Wish, key: Key, ending: Ending, *, answered: KeyTarget, asked: float
    ) -> tuple[Entry, str | None, list[Job[None]]]:
        """`keep` without waiting for the writes, which are given too."""
        entry = self._entry(key, wish, ending, bought)
        reason = self._refused(bought, wish, entry, answered)
        if reason is not None:
            return entry, reason, []
        with ending.scope.active():
            writes = self._tiered.store(entry, asked=asked)
        return entry, "invalidated" if writes is None else None, writes or []

    def _entry(self, key: Key, wish: Wish, ending: Ending, bought: Bought) -> Entry:
        reply = bought.reply
        assert reply is not None  # noqa: S101  (it has landed)
        origin = Origin(api=bought.api, provider=bought.provider, deployment=bought.deployment or "")
        return entry_of(
            key, reply, origin, request_id=ending.request_id, now=self._clock(), ttl=wish.ttl, tags=wish.tags,
            usage=bought.usage, cost=bought.cost,
        )  # fmt: skip

    def _refused(self, bought: Bought, wish: Wish, entry: Entry, answered: KeyTarget) -> str | None:
        reply = bought.reply
        assert reply is not None and wish.asked is not None  # noqa: S101, PT018
        verdict = may_store(
            reply,
            api=bought.api,
            asked=wish.asked,
            status=200,
            size=len(entry.body),
            answered=answered,
            targets=wish.targets,
            headers=bought.headers,
            max_body=self._settings.max_body,
        )
        return None if verdict.ok else verdict.reason
