"""The load, from its first request until nothing is under way, and the report on it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator

from beastmode_otel.cli.coverage import Heard
from beastmode_otel.cli.demo.caller import Caller
from beastmode_otel.cli.demo.progress import Progress
from beastmode_otel.cli.demo.providers import Providers
from beastmode_otel.cli.demo.stage import Stage
from beastmode_otel.cli.report import Report, report_of
from beastmode_otel.client import AsyncModelRouter


async def perform(
    stage: Stage, providers: Providers, seconds: float, stop: asyncio.Event, progress: Progress | None
) -> Report:
    """Send the stage's load through a router of its own, and report on it before that router is closed: closing ends
    whatever was left open, and would hide it."""
    began = time.monotonic()
    async with _router(stage, providers) as router:
        caller = Caller(router)
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
    return Heard(
        calls=caller.calls,
        received=received,
        requests=spans.requests,
        attempts=spans.attempts,
        sent=spans.sent,
        failures=failures.count,
    )


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
