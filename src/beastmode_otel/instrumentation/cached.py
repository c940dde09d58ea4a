"""A call of an app's own client with the cache in front of it: a hit answers as the provider would."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Final

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.flight import Flights
from beastmode_otel.engine.caching import Caching
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.stored import StoredAnswer
from beastmode_otel.engine.wish import Wish
from beastmode_otel.instrumentation.call import WireCall
from beastmode_otel.instrumentation.control import asked_of
from beastmode_otel.instrumentation.exchange import Trip, begin, observe
from beastmode_otel.instrumentation.replies import response_of
from beastmode_otel.instrumentation.wishes import wish_of_call
from beastmode_otel.observer import CacheFacts, TierName

_PATIENCE: Final = 600.0  # seconds: SDKs give up by themselves long before


@dataclass(frozen=True, slots=True, kw_only=True)
class Flown:
    """What a flight brought: an entry (from a slower tier, or just made), a response for the leader alone, or both."""

    entry: Entry | None = None
    tier: TierName | None = None
    response: Any = None


# Of whole answers; keys hold the tenant, so that nothing is shared but between those who hold the same credential.
_FLIGHTS: Flights[Flown] = Flights()


async def travel(trip: Trip) -> Any:
    """The response, from the cache or by the app's own call. Raises what that raises."""
    use = asked_of(trip.request)
    ending = begin(trip)
    if ending is None or trip.caching is None:
        return await observe(trip, ending)
    try:
        wish = wish_of_call(trip.desk, trip.seen, trip.request, use)
    except Exception as exc:  # noqa: BLE001  (a cache that cannot be asked is none)
        trip.desk.fault("wish", exc)
        return await observe(trip, ending)
    if wish.key is None:
        ending.cache = CacheFacts(status="bypass", reason=wish.reason)
        return await observe(trip, ending)
    with ending:
        return await _with_cache(trip, trip.caching, wish, wish.key, ending)


async def _with_cache(trip: Trip, caching: Caching, wish: Wish, key: Key, ending: Ending) -> Any:
    entry = caching.at_hand(wish, key, ending)
    if entry is not None:
        return _answer(trip, entry, "l1", ending)
    if not wish.reads:
        return await _buy(trip, caching, wish, key, ending)
    if trip.seen.stream or trip.read is None:  # a body that is handed over as it comes is one reader's own
        found, _ = await caching.find(key, ending)
        if found is not None:
            caching.hit(found.entry, found.tier or "l1", ending)
            return _answer(trip, found.entry, found.tier or "l1", ending)
        return await _buy(trip, caching, wish, key, ending)
    return await _together(trip, caching, wish, key, ending)


async def _together(trip: Trip, caching: Caching, wish: Wish, key: Key, ending: Ending) -> Any:
    """One call for all that ask the same at the same time; what went wrong is the leader's alone."""

    async def lead() -> Flown:
        found, _ = await caching.find(key, ending)
        if found is not None:
            return Flown(entry=found.entry, tier=found.tier or "l1")
        made: list[Entry] = []
        response = await _buy(trip, caching, wish, key, ending, made)
        return Flown(entry=made[0] if made else None, response=response)

    landed = await _FLIGHTS.join(key.digest, caching.runtime, lead, _PATIENCE, detached=False)
    flown = landed.value
    if landed.collapsed and (flown is None or flown.entry is None):
        return await _buy(trip, caching, wish, key, ending)
    if landed.error is not None:
        raise landed.error
    assert flown is not None  # noqa: S101  (neither late nor failed)
    if flown.response is not None and not landed.collapsed:
        return flown.response
    assert flown.entry is not None  # noqa: S101
    if flown.tier is not None:
        caching.hit(flown.entry, flown.tier, ending)
    ending.cache = replace(ending.cache, collapsed=landed.collapsed)
    return _answer(trip, flown.entry, flown.tier or "flight", ending)


def _answer(trip: Trip, entry: Entry, tier: str, ending: Ending) -> Any:
    response = response_of(
        trip.library, trip.request, trip.seen, entry, said=f"hit; tier={tier}", read=trip.read is not None
    )
    ending.delivery = StoredAnswer(entry)
    ending.ok()
    return response


async def _buy(
    trip: Trip, caching: Caching, wish: Wish, key: Key, ending: Ending, made: list[Entry] | None = None
) -> Any:
    asked = time.monotonic()

    def keep(call: WireCall) -> None:
        entry, reason, _ = caching.storing.put(call, wish, key, ending, answered=wish.targets[0], asked=asked)
        ending.cache = replace(ending.cache, reason=reason)
        if made is not None and reason is None:
            made.append(entry)

    def before(call: WireCall) -> None:
        call.kept = keep

    return await observe(trip, ending, before)
