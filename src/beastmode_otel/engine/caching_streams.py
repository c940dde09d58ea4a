"""The cache's part in a request for a stream: a stored answer replayed, or one upstream stream for all that ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from beastmode_otel.cache import Entry, Key, SingleFlight
from beastmode_otel.engine.cache_flow import Caching, Loaded, may_serve_stale
from beastmode_otel.engine.cache_request import Wish, target_of
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.entries import ReplayedStream
from beastmode_otel.engine.ports import Source
from beastmode_otel.engine.shared_stream import SharedReader, SharedStream
from beastmode_otel.errors import BeastModeError
from beastmode_otel.record import record
from beastmode_otel.router import Call, RoutedStream
from beastmode_otel.runtime import Runtime, in_child


@dataclass(slots=True)
class Live:
    """A stream that is under way. entry: what it became."""

    shared: SharedStream
    entry: Entry | None = None


@record(frozen=True, slots=True, kw_only=True)
class Opened:
    """What opening a stream brought: a stored answer, or a live stream that its opener has entered."""

    loaded: Loaded | None = None
    live: Live | None = None


class StreamCaching:
    """Streams from the cache where it may; live ones are stored at their terminal event."""

    def __init__(self, caching: Caching, runtime: Runtime) -> None:
        self._caching, self._runtime = caching, runtime
        self._opening: SingleFlight[Opened] = SingleFlight()
        self._start_empty()
        in_child(self._start_empty)  # a parent's streams are its own

    def _start_empty(self) -> None:
        self._live: dict[bytes, Live] = {}

    def forget_flights(self) -> None:
        """After an invalidation nobody joins what was asked for before it."""
        self._opening.forget()
        self._live.clear()

    async def open(self, call: Call, wish: Wish, key: Key, ending: Ending, begin: Callable[[], RoutedStream]) -> Source:
        """The stream, from wherever. Raises a BeastModeError."""
        entry = self._caching.at_hand(wish, key, ending)
        if entry is not None:
            return ReplayedStream(entry, include_usage=call.include_usage)
        if wish.use == "only":
            return self._replay(await self._caching.only(call, key, ending), call, ending)
        if wish.use == "refresh":
            return self._lead(await self._buy(call, wish, key, ending, begin, None), call, ending)
        return await self._share(call, wish, key, ending, begin)

    async def _share(
        self, call: Call, wish: Wish, key: Key, ending: Ending, begin: Callable[[], RoutedStream]
    ) -> Source:
        while True:
            live = self._live.get(key.digest)
            if live is not None and live.shared.enter():
                return self._follow(live, call, ending)
            left = max(0.0, call.deadline - time.monotonic())
            landed = await self._opening.join(
                key.digest, self._runtime, lambda: self._load(call, wish, key, ending, begin), left, detached=False
            )
            opened = self._caching.value(call, landed, ending)
            if opened.loaded is not None:
                return self._replay(opened.loaded, call, ending, collapsed=landed.collapsed)
            if not landed.collapsed:
                return self._lead(opened, call, ending)
            # A live stream was opened by somebody else: enter it, if it has not ended in the meantime.

    def _replay(self, loaded: Loaded, call: Call, ending: Ending, *, collapsed: bool = False) -> Source:
        self._caching.hit(loaded.entry, loaded.tier or "l1", ending, stale=loaded.stale)
        records = () if collapsed else loaded.records
        return ReplayedStream(loaded.entry, include_usage=call.include_usage, records=records)

    def _lead(self, opened: Opened, call: Call, ending: Ending) -> Source:
        if opened.live is None:
            assert opened.loaded is not None  # noqa: S101  (one of both)
            return self._replay(opened.loaded, call, ending)
        live = opened.live
        return SharedReader(live.shared, call, collapsed=False, kept=lambda: live.entry)

    def _follow(self, live: Live, call: Call, ending: Ending) -> Source:
        ending.cache = replace(ending.cache, collapsed=True)
        return SharedReader(live.shared, call, collapsed=True, kept=lambda: live.entry)

    # What the opener does.

    async def _load(
        self, call: Call, wish: Wish, key: Key, ending: Ending, begin: Callable[[], RoutedStream]
    ) -> Opened:
        found, expired = await self._caching.find(key, ending)
        if found is not None:
            return Opened(loaded=found)
        return await self._buy(call, wish, key, ending, begin, expired)

    async def _buy(
        self, call: Call, wish: Wish, key: Key, ending: Ending, begin: Callable[[], RoutedStream],
        expired: Loaded | None,
    ) -> Opened:  # fmt: skip
        asked = time.monotonic()
        routed = ending.delivery = begin()
        try:
            await routed.open()
            if expired is not None:
                await routed.reach_content()  # until then, everything may still fail and the expired entry serve
        except BeastModeError as error:
            if expired is not None and may_serve_stale(error):
                return Opened(loaded=replace(expired, delivery=routed))
            raise
        live = Live(SharedStream(routed, self._runtime, landed=lambda: land(), over=lambda: self._over(key, live)))

        async def land() -> None:
            answered = target_of(routed.answered_by, call.body)
            keep = self._caching.storing.keep
            live.entry, reason = await keep(routed, wish, key, ending, answered=answered, asked=asked)
            ending.cache = replace(ending.cache, reason=reason)

        live.shared.enter()
        if wish.use != "refresh":
            self._live[key.digest] = live
        live.shared.start()
        return Opened(live=live)

    def _over(self, key: Key, live: Live) -> None:
        if self._live.get(key.digest) is live:
            del self._live[key.digest]
