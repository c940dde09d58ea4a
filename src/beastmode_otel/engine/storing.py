"""What becomes of an answer that was bought: stored if it may be, an entry for the waiters in any case."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.key import Target
from beastmode_otel.cache.storable import may_store
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.config import CacheSettings
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.source import Delivered
from beastmode_otel.engine.stored import Origin, entry_of
from beastmode_otel.engine.wish import Wish
from beastmode_otel.runtime import Job, Runtime

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
        self, bought: Bought, wish: Wish, key: Key, ending: Ending, *, answered: Target, asked: float
    ) -> tuple[Entry, str | None]:
        """The entry, and why it was not stored. answered: by whom; asked: when, on the monotonic clock."""
        entry, reason, writes = self.put(bought, wish, key, ending, answered=answered, asked=asked)
        if self._settings.write_mode == "sync":
            until = time.monotonic() + WRITE_SECONDS
            for write in writes:
                await self._runtime.wait(write, max(0.0, until - time.monotonic()))
        return entry, reason

    def put(
        self, bought: Bought, wish: Wish, key: Key, ending: Ending, *, answered: Target, asked: float
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

    def _refused(self, bought: Bought, wish: Wish, entry: Entry, answered: Target) -> str | None:
        reply = bought.reply
        assert reply is not None and wish.asked is not None  # noqa: S101, PT018
        verdict = may_store(
            reply,
            asked=wish.asked,
            status=200,
            size=len(entry.body),
            answered=answered,
            targets=wish.targets,
            headers=bought.headers,
            max_body=self._settings.max_body,
        )
        return None if verdict.ok else verdict.reason
