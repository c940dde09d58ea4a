"""Ending asyncio tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


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
