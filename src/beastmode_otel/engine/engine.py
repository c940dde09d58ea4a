"""One request from door to answer, ended exactly once whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from beastmode_otel.cache import KeyMemo
from beastmode_otel.config import Config, Route
from beastmode_otel.engine import validate as admit
from beastmode_otel.engine.answer import AccessRule, Answer, Question
from beastmode_otel.engine.cache_flow import Caching, not_cached
from beastmode_otel.engine.cache_request import Options, Wish, wish_of
from beastmode_otel.engine.caching_streams import StreamCaching
from beastmode_otel.engine.ending import Ending, new_request_id
from beastmode_otel.engine.entries import StoredAnswer
from beastmode_otel.engine.invalidation import invalidate
from beastmode_otel.engine.ports import Delivered, Source
from beastmode_otel.engine.stream import OpenStreams, StreamCore
from beastmode_otel.observer import CacheFacts, Observer, RequestFacts
from beastmode_otel.router import Call, Router


class Engine:
    """Ties cache, router and observer together; holds no request state but the open streams.

    caching: None where the cache is off.
    """

    def __init__(
        self,
        *,
        config: Config,
        router: Router,
        observer: Observer,
        caching: Caching | None = None,
        stream_caching: StreamCaching | None = None,
        tenant: str | None = None,
        access: AccessRule | None = None,
        door: str = "router",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._router, self._observer = config, router, observer
        self._caching, self._stream_caching = caching, stream_caching
        self._tenant, self._access, self._door, self._clock = tenant, access, door, clock
        self._keys = KeyMemo()
        self.streams: OpenStreams[StreamCore] = OpenStreams(clock)
        observer.before_collect(self.streams.sweep)

    async def answer(self, question: Question) -> Answer:
        """The whole answer. Raises a BeastModeError, recorded before it is raised."""
        ending = self._begin(question)
        with ending:
            call, wish = self._admit(question, ending)
            delivered = await self._deliver(call, wish, ending)
            ending.ok()
        return answer_of(call.model_id, ending, delivered)

    async def _deliver(self, call: Call, wish: Wish | None, ending: Ending) -> Delivered:
        if self._caching is not None and wish is not None and wish.key is not None:
            return await self._caching.answer(
                call, wish, wish.key, ending, lambda: self._router.whole(call, ending.scope)
            )
        delivery = ending.delivery = self._router.whole(call, ending.scope)
        await delivery.fetch()
        return delivery

    async def open(self, question: Question) -> StreamCore:
        """A stream whose provider has answered with a good head. Raises a BeastModeError, recorded before that."""
        ending = self._begin(question)
        with ending:
            call, wish = self._admit(question, ending)
            source = ending.delivery = await self._source(call, wish, ending)
            ending.hand_over()
        return StreamCore(
            model=call.model_id, source=source, ending=ending, streams=self.streams, idle=call.timeouts.idle
        )

    async def _source(self, call: Call, wish: Wish | None, ending: Ending) -> Source:
        if self._stream_caching is not None and wish is not None and wish.key is not None:
            return await self._stream_caching.open(
                call, wish, wish.key, ending, lambda: self._router.stream(call, ending.scope, include_usage=True)
            )
        routed = self._router.stream(call, ending.scope)
        ending.delivery = routed
        await routed.open()
        return routed

    def invalidate(self, *, tenant: str | None = None, **by: Any) -> int:
        """Remove stored answers; see invalidation.invalidate."""
        chosen = tenant or self._tenant or self._config.namespace
        tiered = None if self._caching is None else self._caching.tiered
        try:
            return invalidate(tiered, self._observer, tenant=chosen, everything=tenant is not None, **by)
        finally:
            for part in (self._caching, self._stream_caching):
                if part is not None:
                    part.forget_flights()

    def _begin(self, question: Question) -> Ending:
        self.streams.sweep()
        given = question.labels if isinstance(question.labels, Mapping) else None  # what it is else, admit refuses
        labels = {key: value for key, value in given.items() if key in self._config.labels} if given else {}
        model = question.model_id if isinstance(question.model_id, str) and question.model_id else "_OTHER"
        scope = self._observer.request(
            RequestFacts(model=model, door=self._door, stream=question.stream, labels=labels)
        )
        return Ending(scope, request_id=new_request_id())

    def _admit(self, question: Question, ending: Ending) -> tuple[Call, Wish | None]:
        timeouts = admit.check(question, self._config)
        options = admit.cache_options(question)
        tenant = question.tenant if question.tenant is not None else self._tenant
        admit.allow(question, self._access, tenant)
        route = self._router.resolve(question.model_id)
        ending.route = route.name
        wish = self._wish(question, route, tenant, options, ending)
        call = Call(
            model_id=question.model_id,
            route=route,
            body=question.body,
            stream=question.stream,
            timeouts=timeouts,
            deadline=self._clock() + timeouts.total,
        )
        return call, wish

    def _wish(
        self, question: Question, route: Route, tenant: str | None, options: Options, ending: Ending
    ) -> Wish | None:
        if self._caching is None:
            if options.use == "only":
                raise not_cached(question.model_id)
            return None
        wish = wish_of(
            self._config,
            route,
            model_id=question.model_id,
            body=question.body,
            tenant=tenant,
            options=options,
            key_of=self._keys.derive,
        )
        if wish.key is None:
            ending.cache = CacheFacts(status="bypass", reason=wish.reason)
            if options.use == "only":
                raise not_cached(question.model_id)
        return wish


def answer_of(model: str, ending: Ending, delivered: Delivered) -> Answer:
    """What the caller gets; of a stream that goes on, what has come so far."""
    if isinstance(delivered, StoredAnswer):
        text: str = delivered.entry.text
        source: Any = delivered.entry.body
    else:
        reply = delivered.reply
        text, source = (reply.text, reply.body) if reply else ("", None)
    return Answer(
        text=text,
        source=source,
        usage=delivered.usage,
        cost=delivered.cost,
        model=model,
        deployment=delivered.deployment,
        attempts=delivered.records,
        request_id=ending.request_id,
        cache=ending.cache,
    )
