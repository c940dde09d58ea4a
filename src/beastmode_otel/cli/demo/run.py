"""One run of the demo: the load, from its first request until nothing is under way, and what is told about it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO

from beastmode_otel import semconv
from beastmode_otel.cli.demo.caller import Caller
from beastmode_otel.cli.demo.sdk import DemoSdk, demo_sdk
from beastmode_otel.cli.demo.signals import SpanTally
from beastmode_otel.cli.demo.stage import Stage
from beastmode_otel.cli.demo.tasks import interruptible
from beastmode_otel.cli.report.coverage import Heard
from beastmode_otel.cli.report.figures import Report, json_of, report_of
from beastmode_otel.cli.report.reading import Reading, answered, quantiles
from beastmode_otel.cli.report.text import text_of, verdict_of
from beastmode_otel.cli.terminal import Style, style_of, wrapped
from beastmode_otel.cli.units import seconds as shown
from beastmode_otel.client import AsyncModelRouter

_TERMINAL_PAUSE: Final = 0.2
_PIPED_PAUSE: Final = 5.0
_BAR: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """read: the metrics as they are now. seconds: how long the run takes."""

    out: TextIO
    style: Style
    seconds: float
    read: Callable[[], Reading]

    async def show(self) -> None:
        """Until it is cancelled."""
        terminal, began = self.out.isatty(), time.monotonic()
        try:
            while True:
                await asyncio.sleep(_TERMINAL_PAUSE if terminal else _PIPED_PAUSE)
                line = self._line(time.monotonic() - began)
                self.out.write(f"\r{line.ljust(self.style.width - 1)}" if terminal else f"{line}\n")
                self.out.flush()
        finally:
            if terminal:
                self.out.write(f"\r{' ' * (self.style.width - 1)}\r")

    def _line(self, elapsed: float) -> str:
        reading = self.read()
        p95 = quantiles(answered(reading, semconv.REQUEST_DURATION, {})).p95
        parts = (
            f"{min(elapsed, self.seconds):4.1f} s {self.style.bar(elapsed / self.seconds, _BAR)}",
            f"{reading.count(semconv.REQUESTS_STARTED):5,} requests",
            f"{reading.count(semconv.REQUESTS_ACTIVE):3} active",
            f"{reading.count(semconv.ERRORS):4,} errors",
            f"P95 {shown(p95)}",
        )
        return "  ".join(parts)[: self.style.width - 1]


_SETTLING_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run, and how to tell about it."""

    stage: Stage
    seconds: float
    as_json: bool
    environ: Mapping[str, str]
    out: TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """interrupted: by Ctrl-C; the report is on what happened so far."""

    report: Report
    interrupted: bool


async def run_plan(plan: Plan) -> RunEnd:
    """Send the load, tell what its telemetry says, export what is to be exported."""
    style, sdk, stop = style_of(plan.out, plan.environ), demo_sdk(plan.environ), asyncio.Event()
    say = _silence if plan.as_json else functools.partial(_write, plan.out)
    try:
        say(_opening(plan, style, sdk))
        with interruptible(stop):
            report = await _perform(plan.stage, sdk, plan.seconds, stop, _progress(plan, sdk))
        ending = RunEnd(report=report, interrupted=stop.is_set())
        say(_body(ending, plan.stage.load.remark, style))
        flushed = sdk.flush() if sdk.exports else None
    finally:
        sdk.close()
    say([*_export_lines(sdk, style, flushed), "", verdict_of(report, style)])
    if plan.as_json:
        _write(plan.out, [json.dumps(_json(ending, plan.stage.load.remark, sdk, flushed))])
    return ending


async def _perform(
    stage: Stage, sdk: DemoSdk, seconds: float, stop: asyncio.Event, progress: Progress | None
) -> Report:
    """Send the stage's load through routers of its own, and report on it before they are closed: closing ends
    whatever was left open, and would hide it."""
    began = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        caller = Caller([await stack.enter_async_context(_router(stage, sdk)) for _ in range(stage.instances)])
        async with _showing(progress):
            await stage.load.send(caller, seconds, stop)
        took = time.monotonic() - began
        signals = sdk.signals
        gc.collect()  # abandoned streams in reference cycles
        signals.reading()  # a collection ends the abandoned
        heard = await _heard(stage, caller, sdk)
        return report_of(signals.reading(), heard, seconds=took, recent=tuple(signals.failures.recent))


@contextlib.asynccontextmanager
async def _router(stage: Stage, sdk: DemoSdk) -> AsyncIterator[AsyncModelRouter]:
    client = stage.client() if stage.client else None
    try:
        async with AsyncModelRouter(
            stage.config,
            client=client,
            access=stage.access,
            tracer_provider=sdk.tracer,
            meter_provider=sdk.meter,
            logger_provider=sdk.logger,
        ) as router:
            yield router
    finally:
        if client is not None:
            await client.aclose()


async def _heard(stage: Stage, caller: Caller, sdk: DemoSdk) -> Heard:
    received = await asyncio.to_thread(stage.received) if stage.received else None
    spans, failures = sdk.signals.spans, sdk.signals.failures
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


def _write(out: TextIO, lines: Iterable[str]) -> None:
    out.write("".join(f"{line}\n" for line in lines))
    out.flush()


def _silence(lines: Iterable[str]) -> None:
    """With --json only the JSON is written."""


def _progress(plan: Plan, sdk: DemoSdk) -> Progress | None:
    """With --json only on a terminal, and beside stdout."""
    out = sys.stderr if plan.as_json else plan.out
    if plan.as_json and not out.isatty():
        return None
    style = style_of(out, plan.environ)
    return Progress(out=out, style=style, seconds=plan.seconds, read=sdk.signals.reading)


def _opening(plan: Plan, style: Style, sdk: DemoSdk) -> list[str]:
    lines = [style.paint("beastmode-otel demo", "bold"), *wrapped(plan.stage.title, style, indent=2)]
    where = sorted({export.endpoint for export in sdk.exports})
    told = f"exporting OTLP to {', '.join(where)}" if where else "no OTEL_EXPORTER_OTLP_ENDPOINT: nothing is exported"
    return [*lines, *wrapped(told, style, indent=2)]


def _body(ending: RunEnd, remark: str, style: Style) -> list[str]:
    title = f"What the telemetry of these {ending.report.seconds:.1f} seconds says"
    return [
        style.paint(title + (" (interrupted)" if ending.interrupted else ""), "bold"),
        *(style.paint(line, "warn") for line in wrapped(remark, style, indent=2)),
        *text_of(ending.report, style),
    ]


def _json(ending: RunEnd, remark: str, sdk: DemoSdk, flushed: bool | None) -> dict[str, Any]:
    exports = [
        {
            "signal": one.signal,
            "endpoint": one.endpoint,
            "ok": one.results.last_ok is True,
            "done": one.results.done,
            "failed": one.results.failed,
        }
        for one in sdk.exports
    ]
    return {
        **json_of(ending.report),
        "interrupted": ending.interrupted,
        "remark": remark,
        "exports": exports,
        "flushed": flushed,
    }


def _export_lines(sdk: DemoSdk, style: Style, flushed: bool | None) -> Iterator[str]:
    if sdk.exports:
        yield from ("", style.paint("EXPORT", "bold"))
    for export in sdk.exports:
        mark = style.paint(" ok", "good") if export.results.last_ok else style.paint(" NO", "bad")
        failed = f", {export.results.failed} failed" if export.results.failed else ""
        yield f" {mark}  {export.signal.ljust(9)}  {export.results.done} exports to {export.endpoint}{failed}"
    if flushed is False:
        yield style.paint("  Not everything was exported.", "bad")
        yield from wrapped(sdk.complaints.last, style, indent=2)
