"""The program that makes the calls: each of the ways in which real callers treat a request. It counts its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any

from beastmode_otel.errors import BeastModeError

if TYPE_CHECKING:
    from beastmode_otel.client import AsyncAnswerStream, AsyncModelRouter
    from beastmode_otel.engine import Answer, CacheUse


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCall:
    """One request, whatever is going to become of it. patience: seconds until an impatient caller leaves.

    cache: what the caller wants of it; off, as for "write me another one". right: whether a text answers it, for who
    can tell: a similar question's answer that does not is reported.
    """

    model: str
    body: Mapping[str, Any]
    user_id: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    patience: float = 0.2
    cache: CacheUse = "on"
    right: Callable[[str], bool] | None = None


class Caller:
    """Every method makes exactly one call, and returns the error that it got, if any.

    A call is counted in the step in which a router gets it, so that nothing can come between. With several routers,
    which are the instances of one service, they take turns, as behind a load balancer.
    """

    def __init__(self, routers: Sequence[AsyncModelRouter]) -> None:
        self._turns = cycle(routers)
        self.calls = 0

    def _open(self, router: AsyncModelRouter, ask: DemoCall) -> AsyncAnswerStream:
        return router.stream(ask.model, ask.body, ask.user_id, labels=ask.labels, cache=ask.cache)

    async def whole(self, ask: DemoCall) -> BeastModeError | None:
        """Wait for the answer."""
        try:
            self.calls += 1
            router = next(self._turns)
            answer = await router.route(ask.model, ask.body, ask.user_id, labels=ask.labels, cache=ask.cache)
            await _check(router, ask, answer)
        except BeastModeError as error:
            return error
        return None

    async def stream(self, ask: DemoCall) -> BeastModeError | None:
        """Read a stream to its end."""
        try:
            self.calls += 1
            router = next(self._turns)
            async with self._open(router, ask) as stream:
                async for _ in stream:
                    pass
                await _check(router, ask, stream.answer)
        except BeastModeError as error:
            return error
        return None

    async def leave(self, ask: DemoCall) -> BeastModeError | None:
        """Leave a stream after its first chunk, as a user does who has seen enough."""
        try:
            self.calls += 1
            async with self._open(next(self._turns), ask) as stream:
                async for _ in stream:
                    break
        except BeastModeError as error:
            return error
        return None

    async def cancel(self, ask: DemoCall) -> BeastModeError | None:
        """Give up waiting, as a web server does whose client hung up."""
        try:
            async with asyncio.timeout(ask.patience):
                return await self.whole(ask)
        except TimeoutError:
            return None

    async def abandon(self, ask: DemoCall) -> BeastModeError | None:
        """Forget a stream without closing it, as buggy programs do."""
        try:
            self.calls += 1
            stream = await self._open(next(self._turns), ask)
            await anext(stream, None)
        except BeastModeError as error:
            return error
        return None


async def _check(router: AsyncModelRouter, ask: DemoCall, answer: Answer) -> None:
    if answer.cache.match == "semantic" and ask.right is not None and not ask.right(answer.text):
        await router.report_false_hit(answer.request_id)
