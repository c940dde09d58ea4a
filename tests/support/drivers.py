"""Both worlds do the same things to a router, so that every behaviour test runs in both."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from beastmode_otel import AsyncModelRouter, ModelRouter
from beastmode_otel.simulator import Simulator

Result = Any  # an Answer, a list of chunks, or None
QUESTION = {"messages": [{"role": "user", "content": "the PLANTED prompt"}], "max_tokens": 64}


class Driver(Protocol):
    """One world. `act` does one thing with one request and returns its result, or the exception that it raised."""

    world: str

    def act(self, action: str, model: Any, **options: Any) -> Result | BaseException: ...
    def close(self) -> None: ...


class SyncDriver:
    world = "sync"

    def __init__(self, simulator: Simulator, config: Mapping[str, Any], **options: Any) -> None:
        self._simulator = simulator
        self.router = ModelRouter(config, **options)

    def act(self, action: str, model: Any, request: Any = QUESTION, **options: Any) -> Result | BaseException:
        try:
            return getattr(self, action)(model, request, **options)
        except BaseException as exc:  # the test looks at it
            return exc

    def close(self) -> None:
        self.router.close()

    def route(self, model: Any, request: Any, **options: Any) -> Result:
        return self.router.route(model, request, **options)

    def read(self, model: Any, request: Any, **options: Any) -> Result:
        stream = self.router.stream(model, request, **options)
        chunks = list(stream)
        return chunks, stream.answer

    def bare_break(self, model: Any, request: Any, **options: Any) -> None:
        for _ in self.router.stream(model, request, **options):
            break

    def with_break(self, model: Any, request: Any, **options: Any) -> None:
        with self.router.stream(model, request, **options) as stream:
            for _ in stream:
                break

    def close_at_once(self, model: Any, request: Any, **options: Any) -> None:
        self.router.stream(model, request, **options).close()

    def abandon(self, model: Any, request: Any, **options: Any) -> None:
        stream: Any = self.router.stream(model, request, **options)
        next(stream)
        stream.itself = stream  # only the garbage collector can find it now
        del stream
        gc.collect()

    def raise_inside(self, model: Any, request: Any, **options: Any) -> None:
        with self.router.stream(model, request, **options) as stream:
            next(stream)
            raise ZeroDivisionError

    def cancel_before(self, model: Any, request: Any, **options: Any) -> None:
        with _interrupted_when(lambda: self._simulator.in_flight > 0):
            self.router.route(model, request, **options)

    def cancel_mid(self, model: Any, request: Any, **options: Any) -> None:
        reading = threading.Event()
        with _interrupted_when(reading.is_set), self.router.stream(model, request, **options) as stream:
            for chunk in stream:
                if chunk.content:
                    reading.set()

    interrupt = cancel_before


class _interrupted_when:
    """Ctrl-C, sent to the main thread as soon as `condition` holds."""

    def __init__(self, condition: Callable[[], bool]) -> None:
        self._condition = condition
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while not self._condition():
            if self._over.wait(0.005):
                return
        time.sleep(0.02)
        main = threading.main_thread().ident
        if not self._over.is_set() and main is not None:
            signal.pthread_kill(main, signal.SIGINT)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()


class AsyncDriver:
    world = "async"

    def __init__(self, simulator: Simulator, config: Mapping[str, Any], **options: Any) -> None:
        self._simulator = simulator
        self._runner = asyncio.Runner()
        self.router = AsyncModelRouter(config, **options)

    def act(self, action: str, model: Any, request: Any = QUESTION, **options: Any) -> Result | BaseException:
        try:
            return self._runner.run(getattr(self, action)(model, request, **options))
        except BaseException as exc:  # the test looks at it
            return exc

    def close(self) -> None:
        self._runner.run(self.router.aclose())
        self._runner.close()

    async def route(self, model: Any, request: Any, **options: Any) -> Result:
        return await self.router.route(model, request, **options)

    async def read(self, model: Any, request: Any, **options: Any) -> Result:
        stream = await self.router.stream(model, request, **options)
        chunks = [chunk async for chunk in stream]
        return chunks, stream.answer

    async def bare_break(self, model: Any, request: Any, **options: Any) -> None:
        async for _ in self.router.stream(model, request, **options):
            break

    async def with_break(self, model: Any, request: Any, **options: Any) -> None:
        async with self.router.stream(model, request, **options) as stream:
            async for _ in stream:
                break

    async def close_at_once(self, model: Any, request: Any, **options: Any) -> None:
        await (await self.router.stream(model, request, **options)).aclose()

    async def abandon(self, model: Any, request: Any, **options: Any) -> None:
        stream: Any = self.router.stream(model, request, **options)
        await anext(stream)
        stream.itself = stream  # only the garbage collector can find it now
        del stream
        gc.collect()

    async def raise_inside(self, model: Any, request: Any, **options: Any) -> None:
        async with self.router.stream(model, request, **options) as stream:
            await anext(stream)
            raise ZeroDivisionError

    async def cancel_before(self, model: Any, request: Any, **options: Any) -> None:
        task = asyncio.create_task(self.router.route(model, request, **options))
        while not self._simulator.in_flight:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        task.cancel()
        await task

    async def cancel_mid(self, model: Any, request: Any, **options: Any) -> None:
        reading = asyncio.Event()

        async def consume() -> None:
            async with self.router.stream(model, request, **options) as stream:
                async for chunk in stream:
                    if chunk.content:
                        reading.set()

        task = asyncio.create_task(consume())
        await reading.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        await task

    async def interrupt(self, model: Any, request: Any, **options: Any) -> None:
        with _interrupted_when(lambda: self._simulator.in_flight > 0):
            await self.router.route(model, request, **options)


DRIVERS: dict[str, type[SyncDriver] | type[AsyncDriver]] = {"sync": SyncDriver, "async": AsyncDriver}
