"""The cache's part in a request for a whole answer: L1, then one flight for all that ask the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.single_flight import Flights, Landed
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.config import CacheSettings
from beastmode_otel.engine.cache_request import Wish, target_of
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.entries import StoredAnswer, Storing
from beastmode_otel.engine.ports import Delivered
from beastmode_otel.errors import AttemptRecord, BeastModeError, Context, RequestError, UpstreamError
from beastmode_otel.observer import CacheFacts, LookupResult, TierName
from beastmode_otel.record import record
from beastmode_otel.router import Call, Delivery, RoutedAnswer
from beastmode_otel.runtime import Runtime

T = TypeVar("T")


@record(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a flight brought: an entry, from a slower tier, from upstream (delivery), or expired (stale).

    reason: why the answer was not stored, None when it was.
    """

    entry: Entry
    tier: TierName | None = None
    delivery: Delivery | None = None
    stale: bool = False
    reason: str | None = None

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        """The attempts of the request that brought it."""
        return self.delivery.records if self.delivery else ()


class Begin(Protocol):
    """Makes the routed answer of a call; nothing is sent yet."""

    def __call__(self) -> RoutedAnswer: ...


class Caching:
    """Answers from the cache where it may, and fills it with what comes from upstream."""

    def __init__(
        self,
        tiered: Tiered,
        flights: Flights[Loaded],
        settings: CacheSettings,
        *,
        runtime: Runtime,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.tiered, self._flights, self.settings = tiered, flights, settings
        self._runtime, self._clock = runtime, clock
        self.storing = Storing(tiered, settings, runtime, clock)

    @property
    def runtime(self) -> Runtime:
        """The world in which it waits."""
        return self._runtime

    def forget_flights(self) -> None:
        """After an invalidation nobody joins what was asked for before it."""
        self._flights.forget()

    # L1.

    def at_hand(self, wish: Wish, key: Key, ending: Ending) -> Entry | None:
        """A fresh entry in L1, with which the request ends; whatever L1 says is noted for that end."""
        if not wish.reads:
            ending.cache = CacheFacts(status="miss", key=key.short)
            return None
        began = time.perf_counter()
        entry, now = self.tiered.at_hand(key), self._clock()
        seconds = time.perf_counter() - began
        if entry is None or not entry.fresh(now):
            result: LookupResult = "miss" if entry is None else "stale"
            ending.cache = CacheFacts(status="miss", key=key.short, l1=(result, seconds))
            return None
        # All at once: each `replace` would cost as much as the lookup.
        ending.cache = CacheFacts(
            status="hit", tier="l1", match="exact", age=entry.age(now), key=key.short, l1=("hit", seconds)
        )
        return entry

    def hit(self, entry: Entry, tier: TierName, ending: Ending, *, stale: bool = False) -> None:
        """The request ends with a stored answer."""
        ending.cache = replace(
            ending.cache,
            status="stale" if stale else "hit",
            tier=tier,
            match="exact",
            age=entry.age(self._clock()),
        )

    # Whole answers.

    async def answer(self, call: Call, wish: Wish, key: Key, ending: Ending, begin: Begin) -> Delivered:
        """The answer, ready to be told. Raises a BeastModeError."""
        entry = self.at_hand(wish, key, ending)
        if entry is not None:
            stored = ending.delivery = StoredAnswer(entry)
            return stored
        if wish.use == "only":
            return self._told(await self.only(call, key, ending), ending)
        if wish.use == "refresh":
            return self._told(await self._buy(call, wish, key, ending, begin, None), ending)
        left = call.deadline - time.monotonic()
        landed = await self._flights.join(
            key.digest, self._runtime, lambda: self._load(call, wish, key, ending, begin), max(0.0, left)
        )
        return self._landed(call, landed, ending)

    def _landed(self, call: Call, landed: Landed[Loaded], ending: Ending) -> Delivered:
        loaded = self.value(call, landed, ending)
        if landed.collapsed and loaded.tier is None:
            stored = ending.delivery = StoredAnswer(loaded.entry)
            return stored
        return self._told(loaded, ending, collapsed=landed.collapsed)

    def value(self, call: Call, landed: Landed[T], ending: Ending) -> T:
        """What a flight brought to this caller. Raises its error."""
        if landed.collapsed is not ending.cache.collapsed:  # who waited in vain for one flight may lead the next
            ending.cache = replace(ending.cache, collapsed=landed.collapsed)
        if landed.late:
            raise UpstreamError(
                f"total timeout after {call.timeouts.total:g} s of waiting for an identical request",
                category="total_timeout",
                context=Context(model=call.model_id),
            )
        if landed.error is not None:
            raise landed.error
        assert landed.value is not None  # noqa: S101  (neither late nor failed)
        return landed.value

    def _told(self, loaded: Loaded, ending: Ending, *, collapsed: bool = False) -> Delivered:
        """The answer of this caller, and its request's facts."""
        if loaded.tier is None and loaded.delivery is not None:
            ending.cache = replace(ending.cache, reason=loaded.reason)
            ending.delivery = loaded.delivery
            return loaded.delivery
        self.hit(loaded.entry, loaded.tier or "l1", ending, stale=loaded.stale)
        stored = ending.delivery = StoredAnswer(loaded.entry, records=() if collapsed else loaded.records)
        return stored

    async def only(self, call: Call, key: Key, ending: Ending) -> Loaded:
        """What the slower tiers have. Raises RequestError when that is nothing."""
        found, _ = await self.find(key, ending)
        if found is None:
            raise not_cached(call.model_id)
        return found

    # What the leader of a flight does.

    async def _load(self, call: Call, wish: Wish, key: Key, ending: Ending, begin: Begin) -> Loaded:
        found, expired = await self.find(key, ending)
        return found or await self._buy(call, wish, key, ending, begin, expired)

    async def find(self, key: Key, ending: Ending) -> tuple[Loaded | None, Loaded | None]:
        """What the slower tiers have: a fresh entry, or an expired one that may serve if everything fails."""
        held = self._look_again(key, ending)
        if held is not None and not held.stale:
            return held, None
        expired = held if self.settings.stale_if_error else None
        if not self.tiered.shelves:
            return None, expired
        lookup = ending.scope.lookup(key.short)
        result: LookupResult = "error"
        tier: TierName | None = None
        try:
            found = await self.tiered.find(key, lookup)
            if found is None:
                result = "miss"
                return None, expired
            fresh = found.entry.fresh(self._clock())
            result, tier = ("hit" if fresh else "stale"), found.tier
            loaded = Loaded(entry=found.entry, tier=found.tier, stale=not fresh)
            return (loaded, None) if fresh else (None, expired or loaded)
        finally:
            lookup.finish(result, tier)

    def _look_again(self, key: Key, ending: Ending) -> Loaded | None:
        """What L1 has by now: another flight may have landed between the first look and this one's start."""
        entry = self.tiered.at_hand(key)
        if entry is None:
            return None
        fresh = entry.fresh(self._clock())
        if fresh and ending.cache.l1 is not None:
            ending.cache = replace(ending.cache, l1=("hit", ending.cache.l1[1]))
        return Loaded(entry=entry, tier="l1", stale=not fresh)

    async def _buy(
        self, call: Call, wish: Wish, key: Key, ending: Ending, begin: Begin, expired: Loaded | None
    ) -> Loaded:
        asked, delivery = time.monotonic(), begin()
        ending.watch(delivery)
        try:
            await delivery.fetch()
        except BeastModeError as error:
            if expired is not None and may_serve_stale(error):
                return replace(expired, delivery=delivery)
            raise
        answered = target_of(delivery.answered_by, call.body)
        entry, reason = await self.storing.keep(delivery, wish, key, ending, answered=answered, asked=asked)
        return Loaded(entry=entry, delivery=delivery, reason=reason)


def not_cached(model_id: str) -> RequestError:
    """What cache='only' gets for a miss."""
    return RequestError(
        f"{model_id}: not in the cache, and cache='only' asks nobody else",
        category="cache_miss",
        context=Context(model=model_id),
    )


def may_serve_stale(error: BeastModeError) -> bool:
    """Whether every deployment failed, or rests because it failed."""
    return isinstance(error, UpstreamError) or error.category.all_rest
