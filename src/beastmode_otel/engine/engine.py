"""One request from door to answer, ended exactly once whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from beastmode_otel.cache.key_memo import KeyMemo
from beastmode_otel.config import Config, Route
from beastmode_otel.engine import validate
from beastmode_otel.engine.answer import AccessRule, Answer, Question
from beastmode_otel.engine.cache_flow import CacheFlow, not_cached
from beastmode_otel.engine.cache_request import CacheRequest, Options, cache_request_of
from beastmode_otel.engine.ending import Ending, new_request_id
from beastmode_otel.engine.entries import StoredAnswer
from beastmode_otel.engine.invalidation import invalidate
from beastmode_otel.engine.ports import ChunkSource, Delivery
from beastmode_otel.engine.stream import OpenStreams, StreamCore
from beastmode_otel.engine.upstreams import AnswerUpstream, LiveStreams, StreamUpstream
from beastmode_otel.observer import CacheFacts, Observer, RequestFacts
from beastmode_otel.router import Call, Router


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
        self._keys = KeyMemo()
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

    def _begin(self, question: Question) -> Ending:
        self.streams.sweep()
        given = question.labels if isinstance(question.labels, Mapping) else None  # what it is else, validate refuses
        labels = {key: value for key, value in given.items() if key in self._config.labels} if given else {}
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
        route = self._router.resolve(question.model_id)
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
                raise not_cached(question.model_id)
            return None
        wanted = cache_request_of(
            self._config,
            route,
            model_id=question.model_id,
            body=question.body,
            tenant=tenant,
            options=options,
            key_of=self._keys.derive,
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
