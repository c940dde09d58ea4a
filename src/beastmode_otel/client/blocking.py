"""The router for synchronous code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel.assembly import ConfigLike, build_blocking
from beastmode_otel.cache import Warmed
from beastmode_otel.client.face import RouteOptions, answer_so_far, askers, orphan
from beastmode_otel.config import Ttl
from beastmode_otel.engine import AccessRule, Answer, Prompt, Question, StreamCore
from beastmode_otel.runtime import run_sync
from beastmode_otel.wire import Chunk


class ModelRouter:
    """Routes LLM requests from synchronous code. Thread-safe; make one and keep it.

    config: a path of a TOML file, a mapping of the same shape, a Config, or None: BEASTMODE_CONFIG, ./beastmode.toml,
    else only prefixed ids (openai:gpt-4o-mini, anthropic:claude-sonnet-4-5).
    cache: "on" to have one, "semantic" for one that answers similar questions too, "shadow" to only measure that, "off"
    for none whatever is configured, or a mapping in the place of `[cache]`; None: where `[cache]` or BEASTMODE_CACHE
    asks for it.
    ttl: seconds for which answers may be served, or a function that is given the Answer and returns them, or None for
    not storing it; a route's own and a call's outrank it.
    tenant: whom the requests are for, when a call does not say. client: your own httpx or httpx2 Client; it stays open.
    access: a callable that gets an AccessRequest and returns True, False, or the reason of a refusal.
    *_provider: OpenTelemetry providers; None: the global ones. Raises ConfigError.
    """

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
        self._parts = build_blocking(
            config, cache=cache, ttl=ttl, tenant=tenant, client=client, access=access, providers=providers
        )

    def route(
        self, model_id: str, request: Mapping[str, Any], user_id: str | None = None, **options: Unpack[RouteOptions]
    ) -> Answer:
        """The whole answer of the model.

        model_id: a configured route, or a prefixed id. request: the provider's own JSON body; its model is replaced.
        user_id: for the access rule only. options: tenant, labels, timeout, cache, ttl, max_age, no_store, tags: see
        RouteOptions.
        Raises UpstreamError, RequestError, AccessDenied; each is recorded before it is raised.
        """
        asked = Question(model_id=model_id, body=request, stream=False, user_id=user_id, **options)
        return run_sync(self._parts.engine.answer(asked))

    def stream(
        self, model_id: str, request: Mapping[str, Any], user_id: str | None = None, **options: Unpack[RouteOptions]
    ) -> AnswerStream:
        """The answer as it is generated; arguments and errors as in `route`. Use it in a `with` statement."""
        asked = Question(model_id=model_id, body=request, stream=True, user_id=user_id, **options)
        return AnswerStream(run_sync(self._parts.engine.open(asked)))

    def invalidate(
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
        return self._parts.engine.invalidate(
            key=key,
            request_id=request_id,
            model=model,
            tag=tag,
            scope=scope,
            tenant=tenant,
            older_than=older_than,
        )

    def warm(
        self,
        prompts: Iterable[Prompt | Mapping[str, Any]] | None = None,
        *,
        usd: float | None = None,
        seconds: float | None = None,
        entries: int | None = None,
        concurrency: int = 8,
        progress: Callable[[int], None] = lambda _: None,
    ) -> Warmed:
        """Fill the cache before anybody asks; what came of it.

        Without prompts L1 gets what the slower tiers hold and is asked for most: no model is called. seconds, entries:
        the most it may take; None for what `[cache.warm]` says.
        prompts: requests that are answered and stored now; each a body with the model id as its `model`, or a Prompt.
        They cost money: usd is what they may cost. concurrency: how many are under way at once. progress: hears how
        many are done. Raises RequestError.
        """
        many = askers(concurrency)
        if prompts is None:
            return self._parts.engine.warm(seconds=seconds, entries=entries)
        run = self._parts.engine.warm_with(prompts, usd=usd, seconds=seconds, progress=progress)

        def ask() -> None:
            while (prompt := run.next()) is not None:
                try:
                    run.answered(run_sync(self._parts.engine.answer(prompt.question())))
                except Exception as exc:  # noqa: BLE001  (what is no error of a request ends the run)
                    run.failed(exc)

        threads = [threading.Thread(target=ask, daemon=True, name="beastmode-warm") for _ in range(many)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:
            run.cancel()
            raise
        return run.end()

    def report_false_hit(self, request_id: str) -> None:
        """The answer to this request (`Answer.request_id`), which was a similar question's, was wrong: it is counted,
        and this router does not answer that question with that entry again. Raises RequestError."""
        self._parts.engine.report_false_hit(request_id)

    def close(self) -> None:
        """End open streams (as cancelled), close connections of our own, stop background threads. Idempotent."""
        for core in self._parts.engine.streams.finish_all():
            run_sync(core.release())
        self._parts.close_tiers()
        run_sync(self._parts.http.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ModelRouter({self._parts.summary()})"


class AnswerStream:
    """An iterator over chunks: `for chunk in stream: print(chunk.text, end="")`.

    Leaving its `with` block before the end cancels the request. `answer` holds everything received so far. With
    `on_cut = "restart"` a chunk with `void` may come: what came before it is no part of the answer, which begins anew.
    """

    _core: StreamCore | None = None

    def __init__(self, core: StreamCore) -> None:
        self._core = core

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
        return answer_so_far(self._core)

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
        orphan(self._core)
