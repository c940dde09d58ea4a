"""Between answers and entries: what an answer becomes in the cache, and a stored one for its caller."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from beastmode_otel.cache import Entry, Key, KeyTarget, Lease, Tiered, may_store
from beastmode_otel.config.settings import CacheSettings
from beastmode_otel.engine.answer import Answer
from beastmode_otel.engine.cache_request import CacheRequest, TtlFunction
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.ports import CacheResult, StorableReply
from beastmode_otel.errors import AttemptRecord, raised_by_signal
from beastmode_otel.observer import OutcomeKind, Saving
from beastmode_otel.runtime import Job, Runtime
from beastmode_otel.wire import Chunk, Reply, Usage, format_named

if TYPE_CHECKING:
    from beastmode_otel.cache.semantic import Sought


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


# What becomes of an answer that has come from upstream: stored if it may be, an entry for the waiters in any case.


_log: Final = logging.getLogger("beastmode_otel")
# Why a whole answer was not stored; all other reasons are about answers that are none, or not whole.
_WHOLE: Final = frozenset({"no_store", "caller_no_store", "ttl", "too_large", "invalidated"})
WRITE_SECONDS: Final = 10.0  # what write_mode="sync" waits for the slower tiers at most


class RequestStore:
    """ports.AnswerStore for one request, made when its answer is asked for: what is invalidated since is not stored.

    clock: wall time. told: of which kinds of trouble the log knows already. sought: the request's question, where
    similar ones count.
    """

    def __init__(
        self, tiered: Tiered, settings: CacheSettings, runtime: Runtime, clock: Callable[[], float], *,
        wanted: CacheRequest, key: Key, ending: Ending, told: set[str], lease: Lease | None = None,
        sought: Sought | None = None,
    ) -> None:  # fmt: skip
        self._tiered, self._settings, self._runtime, self._clock = tiered, settings, runtime, clock
        self._wanted, self._key, self._ending, self._told, self._lease = wanted, key, ending, told, lease
        self._sought = sought
        self._asked = time.monotonic()
        self._writes: list[Job[None]] = []

    async def keep(self, reply: StorableReply, *, answered: KeyTarget) -> CacheResult:
        result = self.put(reply, answered=answered)
        await self.written()
        return result

    def put(self, reply: StorableReply, *, answered: KeyTarget) -> CacheResult:
        entry, ending, sought = self._entry(reply), self._ending, self._sought
        if sought is not None:
            entry = sought.marked(entry)
        reason = self._refused(reply, entry, answered)
        if reason is None and self._wanted.ttl_of is not None:
            ttl = self._ttl(self._wanted.ttl_of, reply, entry)
            entry = replace(entry, expires_at=self._expiry(entry.created_at, ttl))
            reason = None if ttl > 0 else "ttl"
        if reason is None:
            with ending.scope.active():
                writes = self._tiered.store(entry, asked=self._asked)
            reason, self._writes = ("invalidated", []) if writes is None else (None, writes)
        if reason is not None:
            ending.cache = replace(ending.cache, reason=reason)
        if sought is not None:
            sought.landed(entry, stored=reason is None, whole=reason is None or reason in _WHOLE)
        if self._lease is not None:
            self._lease.landed(self._writes)
        return CacheResult(entry=entry, delivery=reply, reason=reason)

    async def written(self) -> None:
        if self._writes and self._settings.write_mode == "sync":
            until = time.monotonic() + WRITE_SECONDS
            for write in self._writes:
                await self._runtime.wait(write, max(0.0, until - time.monotonic()))

    def _entry(self, landed: StorableReply) -> Entry:
        reply = landed.reply
        assert reply is not None  # noqa: S101  (it has landed)
        now = self._clock()
        return Entry(
            key=self._key,
            request_id=self._ending.request_id,
            api=landed.api,
            provider=landed.provider,
            deployment=landed.deployment or "",
            model_served=reply.model or "",
            created_at=now,
            expires_at=self._expiry(now, self._wanted.ttl),
            body=json.dumps(reply.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"),
            text=reply.text,
            finish_reason=reply.finish_reasons[0] if reply.finish_reasons else None,
            usage=landed.usage,
            cost=landed.answer_cost,
            tags=self._wanted.tags,
        )

    def _expiry(self, now: float, ttl: float) -> float:
        return now + self._key.jittered(ttl, self._settings.jitter)

    def _ttl(self, ttl_of: TtlFunction, landed: StorableReply, entry: Entry) -> float:
        """What the team's function says, 0 for what is not to be stored; the default where it fails."""
        ending, longest = self._ending, self._settings.longest_ttl
        answer = Answer(
            text=entry.text, source=entry.body, usage=entry.usage, cost=entry.cost, model=self._key.model,
            deployment=landed.deployment, attempts=landed.records, request_id=entry.request_id, cache=ending.cache,
        )  # fmt: skip
        try:
            said = ttl_of(answer)
        except Exception as exc:
            if raised_by_signal(exc) is not None:
                raise
            self._tell("ttl", f"the ttl function failed ({type(exc).__name__}): its default holds", exc)
            return self._wanted.ttl
        if said is None or said is False:
            return 0.0
        if said is True or not isinstance(said, int | float) or said != said:
            if hasattr(said, "close"):  # a coroutine that nobody will await
                said.close()
            self._tell("ttl", f"the ttl function returned {type(said).__name__}, not seconds: its default holds")
            return self._wanted.ttl
        return max(0.0, min(said, longest))

    def _tell(self, kind: str, what: str, exc: Exception | None = None) -> None:
        if kind not in self._told:
            self._told.add(kind)
            _log.warning("%s; the call goes on, and this is told once", what, exc_info=exc)

    def _refused(self, landed: StorableReply, entry: Entry, answered: KeyTarget) -> str | None:
        """Why it may not be stored."""
        reply, asked = landed.reply, self._wanted.asked
        assert reply is not None and asked is not None  # noqa: S101, PT018
        verdict = may_store(
            reply,
            api=landed.api,
            asked=asked,
            status=200,
            size=len(entry.body),
            answered=answered,
            targets=self._wanted.targets,
            headers=landed.headers if self._settings.obeys(landed.obey_cache_control, landed.provider) else None,
            max_body=self._settings.max_body,
        )
        if verdict.reason == "no_store":
            self._tell(
                f"no_store {landed.deployment}",
                f"answers of {landed.deployment} are not stored: it says cache-control: no-store"
                " (obey_cache_control = false stores them)",
            )
        if verdict.ok and self._wanted.no_store:
            return "caller_no_store"
        return None if verdict.ok else verdict.reason
