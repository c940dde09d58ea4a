"""The load, from its first request until nothing is under way, and the report on it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator
from typing import Final

from beastmode_otel.cli.demo.caller import Caller
from beastmode_otel.cli.demo.progress import Progress
from beastmode_otel.cli.demo.providers import Providers
from beastmode_otel.cli.demo.stage import Stage
from beastmode_otel.cli.demo.witness import SpanTally
from beastmode_otel.cli.report.coverage import Heard
from beastmode_otel.cli.report.figures import Report, report_of
from beastmode_otel.client import AsyncModelRouter

_SETTLING_SECONDS: Final = 3.0


async def perform(
    stage: Stage, providers: Providers, seconds: float, stop: asyncio.Event, progress: Progress | None
) -> Report:
    """Send the stage's load through routers of its own, and report on it before they are closed: closing ends
    whatever was left open, and would hide it."""
    began = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        caller = Caller([await stack.enter_async_context(_router(stage, providers)) for _ in range(stage.instances)])
        async with _showing(progress):
            await stage.load.send(caller, seconds, stop)
        took = time.monotonic() - began
        witness = providers.witness
        gc.collect()  # abandoned streams in reference cycles
        witness.reading()  # a collection ends the abandoned
        heard = await _heard(stage, caller, providers)
        return report_of(witness.reading(), heard, seconds=took, recent=tuple(witness.failures.recent))


@contextlib.asynccontextmanager
async def _router(stage: Stage, providers: Providers) -> AsyncIterator[AsyncModelRouter]:
    client = stage.client() if stage.client else None
    try:
        async with AsyncModelRouter(
            stage.config,
            client=client,
            access=stage.access,
            tracer_provider=providers.tracer,
            meter_provider=providers.meter,
            logger_provider=providers.logger,
        ) as router:
            yield router
    finally:
        if client is not None:
            await client.aclose()


async def _heard(stage: Stage, caller: Caller, providers: Providers) -> Heard:
    received = await asyncio.to_thread(stage.received) if stage.received else None
    spans, failures = providers.witness.spans, providers.witness.failures
    await _settled(spans, received or 0)
    return Heard(
        calls=caller.calls,
        received=received,
        requests=spans.requests,
        attempts=spans.attempts,
        sent=spans.sent,
        failures=failures.count,
    )


async def _settled(spans: SpanTally, received: int) -> None:
    """A call that others may share outlives the caller who began it: wait for the end of what the provider has got."""
    until = time.monotonic() + _SETTLING_SECONDS
    while spans.sent < received and time.monotonic() < until:  # noqa: ASYNC110  (spans end without telling anybody)
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def _showing(progress: Progress | None) -> AsyncIterator[None]:
    task = asyncio.create_task(progress.show()) if progress else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
