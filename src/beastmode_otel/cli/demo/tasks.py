"""RunEnd asyncio tasks, and Ctrl-C as an event."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterable, Iterator


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel those that still run, wait for all, and raise the first exception that one of them died of."""
    each = list(tasks)
    for task in each:
        task.cancel()
    for result in await asyncio.gather(*each, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, or the seconds are over."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        pass


@contextlib.contextmanager
def interruptible(stop: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C sets `stop`, so that what happened so far can be told; the second one is as rude as ever."""
    loop = asyncio.get_running_loop()

    def on_interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        loop.call_soon_threadsafe(stop.set)

    try:
        before = signal.signal(signal.SIGINT, on_interrupt)
    except ValueError:  # not the main thread: somebody else handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
