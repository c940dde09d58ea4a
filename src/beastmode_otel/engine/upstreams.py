"""The router as the cache flow's upstream: for whole answers, and for streams that several readers share."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NoReturn

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.single_flight import FlightResult
from beastmode_otel.engine.cache_flow import CacheFlow
from beastmode_otel.engine.cache_request import CacheRequest, target_of
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.entries import ReplayedStream, StoredAnswer
from beastmode_otel.engine.ports import AnswerStore, CacheResult, ChunkSource, Delivery
from beastmode_otel.engine.shared_stream import SharedReader, SharedStream
from beastmode_otel.errors import AttemptRecord, Context, UpstreamError
from beastmode_otel.router import Call, RoutedRequest, Router
from beastmode_otel.runtime import in_child


class _RouterUpstream:
    """What both have in common: the keys are the router's, a leader's error is everybody's."""

    callers_account = False

    def __init__(self, router: Router, call: Call, ending: Ending) -> None:
        self._router, self._call, self._ending = router, call, ending
        self._routed: RoutedRequest | None = None

    @property
    def patience(self) -> float:
        return max(0.0, self._call.deadline - time.monotonic())

    @property
    def _records(self) -> tuple[AttemptRecord, ...]:
        """The attempts of this request: those of a flight are its leader's."""
        return () if self._routed is None else self._routed.records

    def missed(self, flight: FlightResult[CacheResult]) -> bool:
        if flight.late:
            raise UpstreamError(
                f"total timeout after {self._call.timeouts.total:g} s of waiting for an identical request",
                category="total_timeout",
                context=Context(model=self._call.model_id),
            )
        if flight.error is not None:
            raise flight.error
        return False

    def fault(self, where: str, exc: Exception) -> NoReturn:
        """The router's caller hears of it: nothing of this is to be expected, and a tier that is ill raises nothing."""
        raise exc


class AnswerUpstream(_RouterUpstream):
    """ports.Upstream for a whole answer. It goes on when its caller is cancelled: others may wait for it too."""

    detached = True

    def __init__(self, router: Router, call: Call, ending: Ending, flow: CacheFlow) -> None:
        super().__init__(router, call, ending)
        self.flights = flow.answers

    def under_way(self) -> None:
        return None

    async def fetch(self, store: AnswerStore, expired: CacheResult | None) -> CacheResult:
        routed = self._routed = self._router.whole(self._call, self._ending.scope)
        self._ending.watch(routed)
        await routed.fetch()
        return await store.keep(routed, answered=target_of(routed.answered_by, self._call.body))

    def give(self, result: CacheResult, *, collapsed: bool) -> Delivery:
        if result.delivery is not None and not collapsed:
            own: Delivery = result.delivery
            return own
        assert result.entry is not None  # noqa: S101  (a whole answer that has landed)
        stored = self._ending.delivery = StoredAnswer(result.entry, records=self._records)
        return stored


@dataclass(slots=True)
class LiveStream:
    """A stream that is under way. entry: what it became."""

    shared: SharedStream
    entry: Entry | None = None


class LiveStreams:
    """Those that callers of this router may still join, by key digest. A child after fork starts with none."""

    def __init__(self) -> None:
        self.forget()
        in_child(self.forget)

    def forget(self) -> None:
        """After an invalidation nobody joins what was asked for before it."""
        self._live: dict[bytes, LiveStream] = {}

    def get(self, key: Key) -> LiveStream | None:
        return self._live.get(key.digest)

    def add(self, key: Key, live: LiveStream) -> None:
        self._live[key.digest] = live

    def over(self, key: Key, live: LiveStream) -> None:
        if self._live.get(key.digest) is live:
            del self._live[key.digest]


class StreamUpstream(_RouterUpstream):
    """ports.Upstream for a stream: what is shared is its opening, and then the stream itself."""

    detached = False

    def __init__(
        self, router: Router, call: Call, ending: Ending, flow: CacheFlow, streams: LiveStreams, wanted: CacheRequest,
        key: Key,
    ) -> None:  # fmt: skip
        super().__init__(router, call, ending)
        self.flights = flow.openings
        self._runtime, self._streams, self._wanted, self._key = flow.runtime, streams, wanted, key

    def under_way(self) -> CacheResult | None:
        live = self._streams.get(self._key)
        return None if live is None else CacheResult(delivery=live)

    async def fetch(self, store: AnswerStore, expired: CacheResult | None) -> CacheResult:
        call, key = self._call, self._key
        routed = self._router.stream(call, self._ending.scope, include_usage=True)
        self._routed = self._ending.delivery = routed
        await routed.open()
        if expired is not None:
            await routed.reach_content()  # until then, everything may still fail and the expired entry serve
        live = LiveStream(
            SharedStream(
                routed, self._runtime, landed=lambda: land(), over=lambda: self._streams.over(key, live)
            )
        )  # fmt: skip

        async def land() -> None:
            live.entry = (await store.keep(routed, answered=target_of(routed.answered_by, call.body))).entry

        live.shared.enter()
        if self._wanted.use != "refresh":
            self._streams.add(key, live)
        live.shared.start()
        return CacheResult(delivery=live)

    def give(self, result: CacheResult, *, collapsed: bool) -> ChunkSource | None:
        """A stream of somebody else is entered; None when it has failed or everybody has left it."""
        live: LiveStream | None = result.delivery
        if live is None:
            assert result.entry is not None  # noqa: S101  (either)
            return ReplayedStream(result.entry, include_usage=self._call.include_usage, records=self._records)
        if collapsed and not live.shared.enter():
            return None
        return SharedReader(live.shared, self._call, collapsed=collapsed, kept=lambda: live.entry)
