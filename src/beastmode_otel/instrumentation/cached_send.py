"""A call of an app's own client with the cache in front of it: a hit answers as the provider would."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from beastmode_otel.cache import Entry, Key, SingleFlight
from beastmode_otel.engine.cache_flow import Caching
from beastmode_otel.engine.cache_request import Wish
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.entries import StoredAnswer
from beastmode_otel.instrumentation.cache_control import Use, asked_of
from beastmode_otel.instrumentation.cache_request import wish_of_call
from beastmode_otel.instrumentation.cached_response import response_of
from beastmode_otel.instrumentation.call import WireCall
from beastmode_otel.instrumentation.observe import Trip, begin, observe
from beastmode_otel.observer import CacheFacts, TierName
from beastmode_otel.runtime.gc_guard import is_collecting

_PATIENCE: Final = 600.0  # seconds: SDKs give up by themselves long before


@dataclass(frozen=True, slots=True, kw_only=True)
class Flown:
    """What a flight brought: an entry (from a slower tier, or just made), a response for the leader alone, or both."""

    entry: Entry | None = None
    tier: TierName | None = None
    response: Any = None


# Of whole answers; keys hold the tenant, so that nothing is shared but between those who hold the same credential.
_FLIGHTS: SingleFlight[Flown] = SingleFlight()


async def travel(trip: Trip) -> Any:
    """The response, from the cache or by the app's own call. Raises what that raises."""
    use = asked_of(trip.request)
    ending = begin(trip)
    wish = None if ending is None or trip.caching is None else _wish(trip, use, ending)
    if ending is None or trip.caching is None or wish is None or wish.key is None:
        return await observe(trip, ending)
    try:
        return await _with_cache(trip, trip.caching, wish, wish.key, ending)
    except BaseException as exc:
        _raised(trip, ending, exc)
        raise


def _wish(trip: Trip, use: Use, ending: Ending) -> Wish | None:
    try:
        wish = wish_of_call(trip.desk, trip.seen, trip.request, use, plain=trip.plain)
    except Exception as exc:  # noqa: BLE001  (a cache that cannot be asked is none)
        trip.desk.fault("wish", exc)
        return None
    if wish.key is None:
        ending.cache = CacheFacts(status="bypass", reason=wish.reason)
    return wish


async def _with_cache(trip: Trip, caching: Caching, wish: Wish, key: Key, ending: Ending) -> Any:
    response = _at_hand(trip, caching, wish, key, ending)
    if response is not None:
        return response
    if not wish.reads:
        return await _buy(trip, caching, wish, key, ending)
    if trip.seen.stream or trip.read is None:  # a body that is handed over as it comes is one reader's own
        found = await _find(trip, caching, key, ending)
        response = None if found is None else _answer(trip, caching, found, ending)
        return await _buy(trip, caching, wish, key, ending) if response is None else response
    return await _together(trip, caching, wish, key, ending)


def _at_hand(trip: Trip, caching: Caching, wish: Wish, key: Key, ending: Ending) -> Any:
    try:
        entry = caching.at_hand(wish, key, ending)
    except Exception as exc:  # noqa: BLE001
        trip.desk.fault("cache", exc)
        return None
    return None if entry is None else _answer(trip, caching, Flown(entry=entry, tier="l1"), ending)


async def _find(trip: Trip, caching: Caching, key: Key, ending: Ending) -> Flown | None:
    """What the slower tiers have."""
    try:
        found, _ = await caching.find(key, ending)
    except Exception as exc:  # noqa: BLE001
        trip.desk.fault("cache", exc)
        return None
    return None if found is None else Flown(entry=found.entry, tier=found.tier or "l1")


async def _together(trip: Trip, caching: Caching, wish: Wish, key: Key, ending: Ending) -> Any:
    """One call for all that ask the same at the same time; what went wrong is the leader's alone."""

    async def lead() -> Flown:
        found = await _find(trip, caching, key, ending)
        if found is not None:
            return found
        made: list[Entry] = []
        response = await _buy(trip, caching, wish, key, ending, made)
        return Flown(entry=made[0] if made else None, response=response)

    landed = await _FLIGHTS.join(key.digest, caching.runtime, lead, _patience(trip.request), detached=False)
    if landed.error is not None and not landed.collapsed:
        raise landed.error
    flown = landed.value or Flown()
    if not landed.collapsed and flown.response is not None:
        return flown.response
    response = _answer(trip, caching, flown, ending, collapsed=landed.collapsed)
    return await _buy(trip, caching, wish, key, ending) if response is None else response


def _patience(request: Any) -> float:
    """How long this caller waits for another's call: as long as it would for its own."""
    timeouts = request.extensions.get("timeout")
    read = timeouts.get("read") if isinstance(timeouts, Mapping) else None
    return min(read, _PATIENCE) if isinstance(read, int | float) else _PATIENCE


def _answer(trip: Trip, caching: Caching, flown: Flown, ending: Ending, *, collapsed: bool = False) -> Any:
    """The stored answer as a response, with which the request ends; None when there is none that can be given."""
    entry, before = flown.entry, ending.cache
    if entry is None:
        return None
    try:
        if flown.tier is not None and before.status != "hit":
            caching.hit(entry, flown.tier, ending)
        response = response_of(
            trip.library, trip.request, trip.seen, entry,
            said=f"hit; tier={flown.tier or 'flight'}", read=trip.read is not None, encoding=trip.encoding,
        )  # fmt: skip
    except Exception as exc:  # noqa: BLE001  (what cannot be given as a response is no answer)
        trip.desk.fault("replay", exc)
        ending.cache = replace(before, status="miss", tier=None, match=None, age=None)
        return None
    ending.cache = replace(ending.cache, collapsed=collapsed)
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


class _Left:
    """A request whose coroutine the garbage collector has closed: told when nothing can be locked."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def abandon(self) -> None:
        self._ending.finish("abandoned")


def _raised(trip: Trip, ending: Ending, exc: BaseException) -> None:
    if is_collecting():
        trip.desk.streams.orphan(_Left(ending))
        return
    try:
        ending.raised(exc)
    except Exception as fault:  # noqa: BLE001
        trip.desk.fault("ending", fault)
