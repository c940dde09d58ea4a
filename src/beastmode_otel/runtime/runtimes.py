"""The two runtimes: asyncio, and plain blocking threads (gevent's greenlets count as threads)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import TimeoutError as JobTimeout
from typing import Any, TypeVar

from beastmode_otel.errors import raised_by_signal
from beastmode_otel.runtime.ports import Expired, Job, running_loop

T = TypeVar("T")


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine whose ports all block, on this thread and in this context. 1 µs; a portal thread costs 112.

    Raises RuntimeError if anything did suspend: an asynchronous port was handed to a synchronous door.
    """
    try:
        work.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    work.close()
    raise RuntimeError(
        "a port suspended in a blocking call: an asynchronous client or tier was given to a synchronous router"
    )


async def lead_here(job: Job[Any], work: Coroutine[Any, Any, Any]) -> None:
    """Run `work` as part of the caller, whose end is its end, and settle `job`. Raises what is no Exception."""
    try:
        result = await work
    except BaseException as exc:
        job.set_exception(exc)
        if not isinstance(exc, Exception):
            raise
    else:
        job.set_result(result)


class AsyncioRuntime:
    """Waits on the running loop."""

    suspends = True

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references

    async def lead(self, job: Job[Any], work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(lead_here(job, work))
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not job.done():  # cancelled before its first step, at the end of asyncio.run: waiters must hear of it
                work.close()
                job.set_exception(asyncio.CancelledError())

        task.add_done_callback(ended)
        await asyncio.shield(task)

    async def wait(self, job: Job[Any], timeout: float | None) -> bool:
        if not job.done():
            # Only the fact that it is settled crosses over, not its exception: a waiter that has left
            # would otherwise leave a "Future exception was never retrieved" behind.
            settled = _settled_event(job)
            await asyncio.wait({settled}, timeout=timeout)
        return job.done()

    def may_wait(self, job: Job[Any]) -> bool:
        # A blocking leader on this thread cannot go on while the loop waits for it; it runs below us on the stack.
        return job.done() or job.loop is not None or job.thread != threading.get_ident()

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await work
        except TimeoutError:
            if limit.expired():
                raise Expired from None
            raise

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def background(self, work: Callable[[], Coroutine[Any, Any, None]], lost: Callable[[], None]) -> Callable[[], None]:
        loop, begun = asyncio.get_running_loop(), False

        async def run() -> None:
            nonlocal begun
            begun = True
            await work()

        task = loop.create_task(run())
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not begun:
                lost()

        task.add_done_callback(ended)

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and the task with it
                loop.call_soon_threadsafe(task.cancel)

        return stop

    async def aclose(self) -> None:
        """Cancel what still runs on this loop, and wait until it has ended."""
        loop = asyncio.get_running_loop()
        left = [task for task in self._tasks if task.get_loop() is loop and task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _settled_event(job: Job[Any]) -> asyncio.Future[None]:
    loop = asyncio.get_running_loop()
    event: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not event.done():
            event.set_result(None)

    def wake(_: object) -> None:
        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:
            return  # the loop was closed in the meantime: nobody waits there any more

    job.add_done_callback(wake)
    return event


class BlockingRuntime:
    """Waits by blocking the calling thread; its coroutines never suspend."""

    suspends = False

    async def lead(self, job: Job[Any], work: Coroutine[Any, Any, Any]) -> None:
        await lead_here(job, work)

    async def wait(self, job: Job[Any], timeout: float | None) -> bool:
        try:
            job.exception(timeout)
        except JobTimeout as exc:
            if raised_by_signal(exc) is not None:  # the same class, from a handler
                raise
            return job.done()
        return True

    def may_wait(self, job: Job[Any]) -> bool:
        # The leader may be a frame below us on this thread, or a task of the loop that we are blocking right now.
        if job.done():
            return True
        return job.thread != threading.get_ident() and (job.loop is None or job.loop is not running_loop())

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        return await work

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)  # noqa: ASYNC251  (blocking callers)

    def background(self, work: Callable[[], Coroutine[Any, Any, None]], lost: Callable[[], None]) -> None:
        return None

    async def aclose(self) -> None: ...
