"""One request from door to answer, ended exactly once whatever happens; the router as the cache flow's upstream."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, NoReturn

from beastmode_otel.cache import FlightResult, Key, KeyMemo, Warmed
from beastmode_otel.config.settings import ASK_FOR_CACHE, Config, Route
from beastmode_otel.engine import validate
from beastmode_otel.engine.answer import AccessRule, Answer, Question
from beastmode_otel.engine.cache_flow import CacheFlow, not_cached
from beastmode_otel.engine.cache_request import CacheRequest, Options, cache_request_of, target_of
from beastmode_otel.engine.ending import Ending, new_request_id
from beastmode_otel.engine.entries import ReplayedStream, StoredAnswer
from beastmode_otel.engine.invalidation import invalidate
from beastmode_otel.engine.ports import AnswerStore, CacheResult, ChunkSource, Delivery
from beastmode_otel.engine.shared_stream import LiveStream, LiveStreams, SharedReader, SharedStream
from beastmode_otel.engine.stream import OpenStreams, StreamCore
from beastmode_otel.engine.warming import Prompt, PromptRun
from beastmode_otel.errors import AttemptRecord, BeastModeError, Context, RequestError, UpstreamError
from beastmode_otel.observer import CacheFacts, Observer, RequestFacts
from beastmode_otel.router import Call, RoutedRequest, Router, resolve


class Engine:
    """Ties cache, router and observer together; holds no request state but the open streams.

    flow: None where the cache is off.
    """

    def __init__(
        self,
        *,
        config: Config,
        router: Router,
        observer: Observer,
        flow: CacheFlow | None = None,
        tenant: str | None = None,
        access: AccessRule | None = None,
        door: str = "router",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._router, self._observer = config, router, observer
        self._flow, self._live = flow, LiveStreams()
        self._tenant, self._access, self._door, self._clock = tenant, access, door, clock
        self._keys, self._labels = KeyMemo(), validate.DeclaredLabels(config.labels)
        self.streams: OpenStreams[StreamCore] = OpenStreams(clock)
        observer.before_collect(self.streams.sweep)

    async def answer(self, question: Question) -> Answer:
        """The whole answer. Raises a BeastModeError, recorded before it is raised."""
        ending = self._begin(question)
        with ending:
            call, wanted = self._validate(question, ending)
            delivery = await self._deliver(call, wanted, ending)
            ending.ok()
        return answer_of(call.model_id, ending, delivery)

    async def _deliver(self, call: Call, wanted: CacheRequest | None, ending: Ending) -> Delivery:
        flow = self._flow
        if flow is not None and wanted is not None and wanted.key is not None:
            upstream = AnswerUpstream(self._router, call, ending, flow)
            return await flow.answer(wanted, wanted.key, ending, upstream)
        routed = ending.delivery = self._router.whole(call, ending.scope)
        await routed.fetch()
        return routed

    async def open(self, question: Question) -> StreamCore:
        """A stream whose provider has answered with a good head. Raises a BeastModeError, recorded before that."""
        ending = self._begin(question)
        with ending:
            call, wanted = self._validate(question, ending)
            source = ending.delivery = await self._source(call, wanted, ending)
            ending.hand_over()
        return StreamCore(
            model=call.model_id, source=source, ending=ending, streams=self.streams, idle=call.timeouts.idle
        )

    async def _source(self, call: Call, wanted: CacheRequest | None, ending: Ending) -> ChunkSource:
        flow = self._flow
        if flow is not None and wanted is not None and wanted.key is not None:
            upstream = StreamUpstream(self._router, call, ending, flow, self._live, wanted, wanted.key)
            return await flow.answer(wanted, wanted.key, ending, upstream)
        routed = ending.delivery = self._router.stream(call, ending.scope)
        await routed.open()
        return routed

    def invalidate(self, *, tenant: str | None = None, **by: Any) -> int:
        """Remove stored answers; see invalidation.invalidate."""
        chosen = tenant or self._tenant or self._config.namespace
        tiered = None if self._flow is None else self._flow.tiered
        try:
            return invalidate(tiered, self._observer, tenant=chosen, everything=tenant is not None, **by)
        finally:
            if self._flow is not None:
                self._flow.forget_flights()
            self._live.forget()

    def warm(self, *, seconds: float | None = None, entries: int | None = None) -> Warmed:
        """L1 gets what slower tiers hold and is asked for most; see cache.Warmer. Blocks. Raises RequestError."""
        if self._flow is None or self._flow.warmer is None:
            raise RequestError("there is no cache to warm", hints=(f"ask for one: {ASK_FOR_CACHE}",))
        return self._flow.warmer.warm(seconds=seconds, entries=entries)

    def warm_with(
        self,
        prompts: Iterable[Prompt | Mapping[str, Any]],
        *,
        usd: float | None,
        seconds: float | None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> PromptRun:
        """A run through prompts, for the face to ask them. Raises RequestError."""
        if self._flow is None:
            raise RequestError("there is no cache to warm", hints=(f"ask for one: {ASK_FOR_CACHE}",))
        return PromptRun(
            prompts, usd=0.0 if usd is None else usd, seconds=inf if seconds is None else seconds,
            observer=self._observer, progress=progress,
        )  # fmt: skip

    def report_false_hit(self, request_id: str) -> None:
        """The similar answer that this request got was wrong. Raises RequestError where it is not known to have got
        one."""
        matcher = None if self._flow is None else self._flow.matcher
        if matcher is None or not matcher.report(request_id):
            raise RequestError(
                "no answer to a similar question is remembered under this request id",
                hints=(
                    "pass the request_id of an Answer whose cache.match is semantic, to the router that gave it, once",
                ),
            )

    def _begin(self, question: Question) -> Ending:
        if self.streams.open or self.streams.orphans:
            self.streams.sweep()
        labels = self._labels.of(question.labels)
        model = question.model_id if isinstance(question.model_id, str) and question.model_id else "_OTHER"
        scope = self._observer.request(
            RequestFacts(model=model, door=self._door, stream=question.stream, labels=labels)
        )
        return Ending(scope, request_id=new_request_id())

    def _validate(self, question: Question, ending: Ending) -> tuple[Call, CacheRequest | None]:
        timeouts = validate.check(question, self._config)
        options = validate.cache_options(question)
        tenant = question.tenant if question.tenant is not None else self._tenant
        validate.allow(question, self._access, tenant)
        route = resolve(self._config, question.model_id)
        ending.route = route.name
        wanted = self._cache_request(question, route, tenant, options, ending)
        call = Call(
            model_id=question.model_id,
            route=route,
            body=question.body,
            stream=question.stream,
            timeouts=timeouts,
            deadline=self._clock() + timeouts.total,
        )
        return call, wanted

    def _cache_request(
        self, question: Question, route: Route, tenant: str | None, options: Options, ending: Ending
    ) -> CacheRequest | None:
        if self._flow is None:
            if options.use == "only":
                raise not_cached(question.model_id, off=True)
            return None
        wanted = cache_request_of(
            self._config,
            route,
            model_id=question.model_id,
            body=question.body,
            tenant=tenant,
            options=options,
            key_of=self._keys.derive,
            client=self._router.client_adds(),
            mocked=not self._router.asks_hosts(route),
        )
        if wanted.key is None:
            ending.cache = CacheFacts(status="bypass", reason=wanted.reason)
            if options.use == "only":
                raise not_cached(question.model_id)
        return wanted


def answer_of(model: str, ending: Ending, delivery: Delivery) -> Answer:
    """What the caller gets; of a stream that goes on, what has come so far."""
    if isinstance(delivery, StoredAnswer):
        text: str = delivery.entry.text
        source: Any = delivery.entry.body
    else:
        reply = delivery.reply
        text, source = (reply.text, reply.body) if reply else ("", None)
    return Answer(
        text=text,
        source=source,
        usage=delivery.usage,
        cost=delivery.cost,
        model=model,
        deployment=delivery.deployment,
        attempts=delivery.records,
        request_id=ending.request_id,
        cache=ending.cache,
    )


# The router as the cache flow's upstream.


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
        if isinstance(flight.error, BeastModeError):
            raise flight.error
        return False  # what somebody has raised into the leader's call is the leader's affair: somebody leads anew

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
