"""The router as users meet it: ModelRouter for threads, AsyncModelRouter for asyncio. Thin faces of the engine."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from types import TracebackType
from typing import Any, Self

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel.assembly import Parts, build_async, build_blocking
from beastmode_otel.config import Config
from beastmode_otel.engine import AccessRule, Answer, Question, StreamCore, answer_of
from beastmode_otel.runtime import run_sync
from beastmode_otel.wire import Chunk

ConfigLike = Config | Mapping[str, Any] | str | os.PathLike[str] | None


class ModelRouter:
    """Routes LLM requests from synchronous code. Thread-safe; make one and keep it.

    config: a path of a TOML file, a mapping of the same shape, a Config, or None: BEASTMODE_CONFIG, ./beastmode.toml,
    else only prefixed ids (openai:gpt-4o-mini, anthropic:claude-sonnet-4-5).
    tenant: whom the requests are for, when a call does not say. client: your own httpx or httpx2 Client; it stays open.
    access: a callable that gets an Access and returns True, False, or the reason of a refusal.
    *_provider: OpenTelemetry providers; None: the global ones. Raises ConfigError.
    """

    def __init__(
        self,
        config: ConfigLike = None,
        *,
        tenant: str | None = None,
        client: Any = None,
        access: AccessRule | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
    ) -> None:
        self._tenant = tenant
        providers = (tracer_provider, meter_provider, logger_provider)
        self._parts: Parts = build_blocking(config, client=client, access=access, providers=providers)

    def route(
        self,
        model_id: str,
        request: Mapping[str, Any],
        user_id: str | None = None,
        *,
        tenant: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: float | Mapping[str, float] | None = None,
    ) -> Answer:
        """The whole answer of the model.

        model_id: a configured route, or a prefixed id. request: the provider's own JSON body; its model is replaced.
        user_id: for the access rule only. labels: the configured allow-list's values. timeout: total seconds, or a
        mapping such as {"total": 60, "read": 20}.
        Raises UpstreamError, RequestError, AccessDenied; each is recorded before it is raised.
        """
        return run_sync(
            self._parts.engine.answer(
                Question(
                    model_id=model_id,
                    body=request,
                    stream=False,
                    user_id=user_id,
                    tenant=tenant if tenant is not None else self._tenant,
                    labels=labels,
                    timeout=timeout,
                )
            )
        )

    def stream(
        self,
        model_id: str,
        request: Mapping[str, Any],
        user_id: str | None = None,
        *,
        tenant: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: float | Mapping[str, float] | None = None,
    ) -> AnswerStream:
        """The answer as it is generated; arguments and errors as in `route`. Use it in a `with` statement."""
        core = run_sync(
            self._parts.engine.open(
                Question(
                    model_id=model_id,
                    body=request,
                    stream=True,
                    user_id=user_id,
                    tenant=tenant if tenant is not None else self._tenant,
                    labels=labels,
                    timeout=timeout,
                )
            )
        )
        return AnswerStream(core)

    def close(self) -> None:
        """End open streams (as cancelled), close connections of our own, stop background threads. Idempotent."""
        for core in self._parts.engine.streams.finish_all():
            run_sync(core.release())
        run_sync(self._parts.http.close())
        self._parts.lane.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ModelRouter({self._parts.summary()})"


class AnswerStream:
    """An iterator over chunks: `for chunk in stream: print(chunk.text, end="")`.

    Leaving its `with` block before the end cancels the request. `answer` holds everything received so far.
    """

    def __init__(self, core: StreamCore) -> None:
        self._core: StreamCore | None = core

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Chunk:
        chunk = None if self._core is None else run_sync(self._core.next())
        if chunk is None:
            raise StopIteration
        return chunk

    @property
    def answer(self) -> Answer:
        """Everything received so far; the whole answer once the iteration has ended."""
        return _answer_so_far(self._core)

    def close(self) -> None:
        """Stop reading: a stream that has not ended is cancelled. Idempotent."""
        if self._core is not None:
            self._core.finish("cancelled")
            run_sync(self._core.release())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        _orphan(self)


class AsyncModelRouter:
    """Routes LLM requests from asyncio code; arguments as in ModelRouter (client: an AsyncClient)."""

    def __init__(
        self,
        config: ConfigLike = None,
        *,
        tenant: str | None = None,
        client: Any = None,
        access: AccessRule | None = None,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
    ) -> None:
        self._tenant = tenant
        providers = (tracer_provider, meter_provider, logger_provider)
        self._parts: Parts = build_async(config, client=client, access=access, providers=providers)

    async def route(
        self,
        model_id: str,
        request: Mapping[str, Any],
        user_id: str | None = None,
        *,
        tenant: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: float | Mapping[str, float] | None = None,
    ) -> Answer:
        """The whole answer of the model; see ModelRouter.route."""
        return await self._parts.engine.answer(
            Question(
                model_id=model_id,
                body=request,
                stream=False,
                user_id=user_id,
                tenant=tenant if tenant is not None else self._tenant,
                labels=labels,
                timeout=timeout,
            )
        )

    def stream(
        self,
        model_id: str,
        request: Mapping[str, Any],
        user_id: str | None = None,
        *,
        tenant: str | None = None,
        labels: Mapping[str, str] | None = None,
        timeout: float | Mapping[str, float] | None = None,
    ) -> AsyncAnswerStream:
        """The answer as it is generated: `async with router.stream(…) as stream: async for chunk in stream: …`.

        The request is sent on entering, on `await`, or on the first step, whichever comes first.
        """
        question = Question(
            model_id=model_id,
            body=request,
            stream=True,
            user_id=user_id,
            tenant=tenant if tenant is not None else self._tenant,
            labels=labels,
            timeout=timeout,
        )
        return AsyncAnswerStream(self._parts, question)

    async def aclose(self) -> None:
        """End open streams (as cancelled), close this loop's connections, stop background threads. Idempotent."""
        for core in self._parts.engine.streams.finish_all():
            await core.release()
        await self._parts.http.close()
        self._parts.lane.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"AsyncModelRouter({self._parts.summary()})"


class AsyncAnswerStream:
    """AnswerStream for asyncio. Can be awaited, entered and iterated over; each of them opens it when needed."""

    def __init__(self, parts: Parts, question: Question) -> None:
        self._parts, self._question = parts, question
        self._core: StreamCore | None = None

    async def _open(self) -> StreamCore:
        if self._core is None:
            self._core = await self._parts.engine.open(self._question)
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
        return _answer_so_far(self._core)

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
        _orphan(self)


def _answer_so_far(core: StreamCore | None) -> Answer:
    if core is None:
        raise RuntimeError("the stream is not open yet: await it, or enter it with `async with`")
    return answer_of(core.model, core.request_id, core.routed)


def _orphan(face: AnswerStream | AsyncAnswerStream) -> None:
    # In a finalizer: an append and nothing else (see OpenStreams).
    core = getattr(face, "_core", None)
    if core is not None:
        core.orphan()
