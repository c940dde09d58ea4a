"""The router for asyncio code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel.assembly import ConfigLike, RouterParts, build_async
from beastmode_otel.cache import Warmed
from beastmode_otel.client.face import RouteOptions, answer_so_far, askers, orphan
from beastmode_otel.config import Ttl
from beastmode_otel.engine import AccessRule, Answer, Prompt, Question, StreamCore
from beastmode_otel.wire import Chunk


class AsyncModelRouter:
    """Routes LLM requests from asyncio code; arguments as in ModelRouter (client: an AsyncClient)."""

    def __init__(
        self,
        config: ConfigLike = None,
        *,
        cache: Any = None,
        ttl: Ttl = None,
        tenant: str | None = None,
        client: Any = None,
        access: AccessRule | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
    ) -> None:
        providers = (tracer_provider, meter_provider, logger_provider)
        self._parts = build_async(
            config, cache=cache, ttl=ttl, tenant=tenant, client=client, access=access, providers=providers
        )

    async def route(
        self,
        model_id: str,
        request: Mapping[str, Any],
        user_id: str | None = None,
        **options: Unpack[RouteOptions],
    ) -> Answer:
        """The whole answer of the model; see ModelRouter.route."""
        asked = Question(model_id=model_id, body=request, stream=False, user_id=user_id, **options)
        return await self._parts.engine.answer(asked)

    def stream(
        self, model_id: str, request: Mapping[str, Any], user_id: str | None = None, **options: Unpack[RouteOptions]
    ) -> AsyncAnswerStream:
        """The answer as it is generated: `async with router.stream(…) as stream: async for chunk in stream: …`.

        The request is sent on entering, on `await`, or on the first step, whichever comes first.
        """
        asked = Question(model_id=model_id, body=request, stream=True, user_id=user_id, **options)
        return AsyncAnswerStream(self._parts, asked)

    async def invalidate(
        self,
        *,
        key: str | None = None,
        request_id: str | None = None,
        model: str | None = None,
        tag: str | None = None,
        scope: str | None = None,
        tenant: str | None = None,
        older_than: float | None = None,
    ) -> int:
        """Remove stored answers that match everything that is given; how many.

        tenant: whose, the router's own if None; alone it removes all of that tenant. key, scope: 64 hex digits, as
        `beastmode-otel cache explain` shows them. older_than: seconds. Raises RequestError.
        """
        return await asyncio.to_thread(
            self._parts.engine.invalidate,
            key=key,
            request_id=request_id,
            model=model,
            tag=tag,
            scope=scope,
            tenant=tenant,
            older_than=older_than,
        )

    async def warm(
        self,
        prompts: Iterable[Prompt | Mapping[str, Any]] | None = None,
        *,
        usd: float | None = None,
        seconds: float | None = None,
        entries: int | None = None,
        concurrency: int = 8,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Warmed:
        """Fill the cache before anybody asks; see ModelRouter.warm."""
        engine, many = self._parts.engine, askers(concurrency)
        if prompts is None:
            return await asyncio.to_thread(engine.warm, seconds=seconds, entries=entries)
        run = engine.warm_with(prompts, usd=usd, seconds=seconds, progress=progress)

        async def ask() -> None:
            while (prompt := run.next()) is not None:
                try:
                    run.answered(await engine.answer(prompt.question()))
                except Exception as exc:  # noqa: BLE001  (what is no error of a request ends the run)
                    run.failed(exc)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(many):
                    group.create_task(ask())
        except BaseException:
            run.cancel()
            raise
        return run.end()

    async def report_false_hit(self, request_id: str) -> None:
        """A similar question's answer was wrong; see ModelRouter.report_false_hit."""
        self._parts.engine.report_false_hit(request_id)

    async def aclose(self) -> None:
        """End open streams (as cancelled), close this loop's connections, stop background threads. Idempotent."""
        for core in self._parts.engine.streams.finish_all():
            await core.release()
        await self._parts.runtime.aclose()
        await self._parts.aclose_tiers()
        await self._parts.http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncModelRouter({self._parts.summary()})"


class AsyncAnswerStream:
    """AnswerStream for asyncio. Can be awaited, entered and iterated over; each of them opens it when needed."""

    _core: StreamCore | None = None

    def __init__(self, parts: RouterParts, asked: Question) -> None:
        self._parts, self._asked = parts, asked

    async def _open(self) -> StreamCore:
        if self._core is None:
            self._core = await self._parts.engine.open(self._asked)
        return self._core

    def __await__(self) -> Generator[Any, Any, Self]:
        yield from self._open().__await__()
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        core = self._core or await self._open()
        chunk = await core.next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    @property
    def answer(self) -> Answer:
        """Everything received so far; the whole answer once the iteration has ended."""
        return answer_so_far(self._core)

    async def aclose(self) -> None:
        """Stop reading: a stream that has not ended is cancelled. Idempotent."""
        if self._core is not None:
            self._core.finish("cancelled")
            await self._core.release()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        orphan(self._core)
