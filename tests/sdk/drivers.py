"""Both worlds do the same things with an SDK: what an app may do with a call, and how it may leave it."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

from beastmode_otel.simulator import Simulator
from sdk.adapters import Sdk
from support.drivers import _interrupted_when as interrupted_when

Result = Any


class SyncDriver:
    """`act` does one thing with one call and returns its result, or the exception that it raised."""

    world = "sync"

    def __init__(self, sdk: Sdk, simulator: Simulator, url: str, retries: int, timeout: float) -> None:
        self._sdk, self._simulator = sdk, simulator
        self._client = sdk.blocking(url, retries, timeout)

    def act(self, action: str) -> Result | BaseException:
        try:
            with self._client:
                return getattr(self, action)()
        except BaseException as exc:  # the test looks at it
            return exc

    def _stream(self) -> Any:
        return self._sdk.stream(self._client, "")

    def whole(self) -> Result:
        return self._sdk.whole(self._client, "")

    def read(self) -> Result:
        return list(self._stream())

    def bare_break(self) -> None:
        for _ in self._stream():
            break
        gc.collect()  # httpx's responses are circles: it always takes the collector

    def with_break(self) -> None:
        with self._stream() as stream:
            for _ in stream:
                break

    def close_at_once(self) -> None:
        with self._stream():
            pass

    def close(self) -> None:
        stream = self._stream()
        next(stream)
        stream.close()

    def abandon(self) -> None:
        stream = self._stream()
        next(stream)
        stream.itself = stream  # only the garbage collector can find it now
        del stream
        gc.collect()

    def forget(self) -> None:
        self._stream()
        gc.collect()

    def raise_inside(self) -> None:
        with self._stream() as stream:
            next(stream)
            raise ZeroDivisionError

    def cancel_before(self) -> None:
        with interrupted_when(lambda: self._simulator.in_flight > 0):
            self.whole()

    def cancel_mid(self) -> None:
        reading = threading.Event()
        with interrupted_when(reading.is_set), self._stream() as stream:
            for _ in stream:
                reading.set()


class AsyncDriver:
    world = "async"

    def __init__(self, sdk: Sdk, simulator: Simulator, url: str, retries: int, timeout: float) -> None:
        self._sdk, self._simulator = sdk, simulator
        self._make = lambda: sdk.asynchronous(url, retries, timeout)

    def act(self, action: str) -> Result | BaseException:
        async def go() -> Result:
            async with self._make() as self._client:
                return await getattr(self, action)()

        try:
            return asyncio.run(go())
        except BaseException as exc:  # the test looks at it
            return exc
        finally:
            if action == "bare_break":  # asyncio keeps the generators that it has to close
                gc.collect()

    async def _stream(self) -> Any:
        return await self._sdk.stream(self._client, "_async")

    async def whole(self) -> Result:
        return await self._sdk.whole(self._client, "_async")

    async def read(self) -> Result:
        return [event async for event in await self._stream()]

    async def bare_break(self) -> None:
        async for _ in await self._stream():
            break

    async def with_break(self) -> None:
        async with await self._stream() as stream:
            async for _ in stream:
                break

    async def close_at_once(self) -> None:
        async with await self._stream():
            pass

    async def close(self) -> None:
        stream = await self._stream()
        await anext(stream)
        await stream.close()

    async def abandon(self) -> None:
        stream = await self._stream()
        await anext(stream)
        stream.itself = stream  # only the garbage collector can find it now
        del stream
        gc.collect()

    async def forget(self) -> None:
        await self._stream()
        gc.collect()

    async def raise_inside(self) -> None:
        async with await self._stream() as stream:
            await anext(stream)
            raise ZeroDivisionError

    async def cancel_before(self) -> None:
        task = asyncio.create_task(self.whole())
        while not self._simulator.in_flight:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        task.cancel()
        await task

    async def cancel_mid(self) -> None:
        reading = asyncio.Event()

        async def consume() -> None:
            async with await self._stream() as stream:
                async for _ in stream:
                    reading.set()

        task = asyncio.create_task(consume())
        await reading.wait()
        await asyncio.sleep(0.02)
        task.cancel()
        await task


DRIVERS: dict[str, type[SyncDriver] | type[AsyncDriver]] = {"sync": SyncDriver, "async": AsyncDriver}
