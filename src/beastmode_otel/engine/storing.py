"""What becomes of an answer that was bought: stored if it may be, an entry for the waiters in any case."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.storable import may_store
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.config import CacheSettings
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.stored import Origin, entry_of
from beastmode_otel.engine.wish import Wish, target_of
from beastmode_otel.router import Call, Delivery
from beastmode_otel.runtime import Runtime

WRITE_SECONDS: Final = 10.0  # what write_mode="sync" waits for the slower tiers at most


class Storing:
    """The writing half of the cache's part in a request. clock: wall time."""

    def __init__(self, tiered: Tiered, settings: CacheSettings, runtime: Runtime, clock: Callable[[], float]) -> None:
        self._tiered, self._settings, self._runtime, self._clock = tiered, settings, runtime, clock

    async def keep(
        self, call: Call, wish: Wish, key: Key, ending: Ending, delivery: Delivery, *, asked: float
    ) -> tuple[Entry, str | None]:
        """The entry, and why it was not stored. asked: when the provider was, on the monotonic clock."""
        entry = self._entry(key, wish, ending, delivery)
        reason = self._refused(call, wish, entry, delivery)
        if reason is not None:
            return entry, reason
        with ending.scope.active():
            writes = self._tiered.store(entry, asked=asked)
        if self._settings.write_mode == "sync":
            until = time.monotonic() + WRITE_SECONDS
            for write in writes or ():
                await self._runtime.wait(write, max(0.0, until - time.monotonic()))
        return entry, "invalidated" if writes is None else None

    def _entry(self, key: Key, wish: Wish, ending: Ending, delivery: Delivery) -> Entry:
        reply, deployment = delivery.reply, delivery.answered_by
        assert reply is not None and deployment is not None  # noqa: S101, PT018
        origin = Origin(api=delivery.api, provider=deployment.provider, deployment=deployment.name)
        return entry_of(
            key, reply, origin, request_id=ending.request_id, now=self._clock(), ttl=wish.ttl, tags=wish.tags,
            usage=delivery.usage, cost=delivery.cost,
        )  # fmt: skip

    def _refused(self, call: Call, wish: Wish, entry: Entry, delivery: Delivery) -> str | None:
        reply, deployment = delivery.reply, delivery.answered_by
        assert reply is not None and deployment is not None and wish.asked is not None  # noqa: S101, PT018
        verdict = may_store(
            reply,
            asked=wish.asked,
            status=200,
            size=len(entry.body),
            answered=target_of(deployment, call.body),
            targets=wish.targets,
            headers=delivery.headers,
            max_body=self._settings.max_body,
        )
        return None if verdict.ok else verdict.reason
