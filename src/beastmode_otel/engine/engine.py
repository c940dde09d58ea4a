"""One request from door to answer, ended exactly once whatever happens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from beastmode_otel.config import Config
from beastmode_otel.engine import admit
from beastmode_otel.engine.answer import AccessRule, Answer, Question
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.stream import OpenStreams, StreamCore
from beastmode_otel.observer import Observer, RequestFacts
from beastmode_otel.router import Call, Delivery, Router


class Engine:
    """Ties router and observer together; holds no request state but the open streams."""

    def __init__(
        self,
        *,
        config: Config,
        router: Router,
        observer: Observer,
        tenant: str | None = None,
        access: AccessRule | None = None,
        door: str = "router",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._router, self._observer = config, router, observer
        self._tenant, self._access, self._door, self._clock = tenant, access, door, clock
        self.streams = OpenStreams(clock)
        observer.before_collect(self.streams.sweep)

    async def answer(self, question: Question) -> Answer:
        """The whole answer. Raises a BeastModeError, recorded before it is raised."""
        ending = self._begin(question)
        with ending:
            call = self._admit(question, ending)
            delivery = self._router.whole(call, ending.scope)
            ending.delivery = delivery
            await delivery.fetch()
            ending.ok()
        return answer_of(question.model_id, ending.request_id, delivery)

    async def open(self, question: Question) -> StreamCore:
        """A stream whose provider has answered with a good head. Raises a BeastModeError, recorded before that."""
        ending = self._begin(question)
        with ending:
            call = self._admit(question, ending)
            routed = self._router.stream(call, ending.scope)
            ending.delivery = routed
            await routed.open()
            ending.hand_over()
        return StreamCore(
            model=call.model_id, routed=routed, ending=ending, streams=self.streams, idle=call.timeouts.idle
        )

    def _begin(self, question: Question) -> Ending:
        self.streams.sweep()
        labels = {key: value for key, value in (question.labels or {}).items() if key in self._config.labels}
        model = question.model_id if isinstance(question.model_id, str) and question.model_id else "_OTHER"
        scope = self._observer.request(
            RequestFacts(model=model, door=self._door, stream=question.stream, labels=labels)
        )
        return Ending(scope, request_id=os.urandom(16).hex())

    def _admit(self, question: Question, ending: Ending) -> Call:
        timeouts = admit.check(question, self._config)
        tenant = question.tenant if question.tenant is not None else self._tenant
        admit.allow(question, self._access, tenant)
        route = self._router.resolve(question.model_id)
        ending.route = route.name
        return Call(
            model_id=question.model_id,
            route=route,
            body=question.body,
            stream=question.stream,
            timeouts=timeouts,
            deadline=self._clock() + timeouts.total,
        )


def answer_of(model: str, request_id: str, delivery: Delivery) -> Answer:
    reply = delivery.reply
    return Answer(
        text=reply.text if reply else "",
        body=reply.body if reply else None,
        usage=delivery.usage,
        cost=delivery.cost,
        model=model,
        deployment=delivery.deployment,
        attempts=delivery.records,
        request_id=request_id,
    )
