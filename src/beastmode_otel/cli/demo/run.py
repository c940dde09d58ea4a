"""One run of the demo, from its first request to its report."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from beastmode_otel.cli.coverage import Heard
from beastmode_otel.cli.demo.caller import Caller
from beastmode_otel.cli.demo.progress import Progress
from beastmode_otel.cli.demo.providers import Providers, providers_of
from beastmode_otel.cli.demo.stage import Stage
from beastmode_otel.cli.report import Report, report_of
from beastmode_otel.cli.report_json import json_of
from beastmode_otel.cli.report_text import text_of, verdict_of
from beastmode_otel.cli.terminal import Style, style_of, wrapped
from beastmode_otel.client import AsyncModelRouter


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run, and how to tell about it."""

    stage: Stage
    seconds: float
    as_json: bool
    environ: Mapping[str, str]
    out: TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """interrupted: by Ctrl-C; the report is on what happened so far."""

    report: Report
    interrupted: bool


async def run_plan(plan: Plan) -> Ending:
    """Send the load, tell what its telemetry says, export what is to be exported."""
    style, providers, stop = style_of(plan.out, plan.environ), providers_of(plan.environ), asyncio.Event()
    say = _silence if plan.as_json else functools.partial(_write, plan.out)
    try:
        say(_opening(plan, style, providers))
        with _interruptible(stop):
            report = await _perform(plan, providers, stop)
        ending = Ending(report=report, interrupted=stop.is_set())
        say(_body(ending, plan.stage.load.remark, style))
        flushed = providers.flush() if providers.exports else None
    finally:
        providers.close()
    say([*_export_lines(providers, style, flushed), "", verdict_of(report, style)])
    if plan.as_json:
        _write(plan.out, [json.dumps(_json(ending, plan.stage.load.remark, providers, flushed))])
    return ending


def _write(out: TextIO, lines: Iterable[str]) -> None:
    out.write("".join(f"{line}\n" for line in lines))
    out.flush()


def _silence(lines: Iterable[str]) -> None:
    """With --json only the JSON is written."""


async def _perform(plan: Plan, providers: Providers, stop: asyncio.Event) -> Report:
    began = time.monotonic()
    client = plan.stage.client() if plan.stage.client else None
    router = AsyncModelRouter(
        plan.stage.config,
        client=client,
        access=plan.stage.access,
        tracer_provider=providers.tracer,
        meter_provider=providers.meter,
        logger_provider=providers.logger,
    )
    caller = Caller(router)
    async with _shown(_progress(plan, providers)):
        await plan.stage.load.send(caller, plan.seconds, stop)
    gc.collect()  # abandoned streams in reference cycles
    await router.aclose()
    if client is not None:
        await client.aclose()
    seconds = time.monotonic() - began
    heard = await _heard(plan.stage, caller, providers)
    witness = providers.witness
    return report_of(witness.reading(), heard, seconds=seconds, recent=tuple(witness.failures.recent))


async def _heard(stage: Stage, caller: Caller, providers: Providers) -> Heard:
    spans, failures = providers.witness.spans, providers.witness.failures
    return Heard(
        calls=caller.calls,
        received=await asyncio.to_thread(stage.received) if stage.received else None,
        requests=spans.requests,
        attempts=spans.attempts,
        sent=spans.sent,
        failures=failures.count,
    )


def _progress(plan: Plan, providers: Providers) -> Progress | None:
    """With --json only on a terminal, and beside stdout."""
    out = sys.stderr if plan.as_json else plan.out
    if plan.as_json and not out.isatty():
        return None
    style = style_of(out, plan.environ)
    return Progress(out=out, style=style, seconds=plan.seconds, read=providers.witness.reading)


@contextlib.asynccontextmanager
async def _shown(progress: Progress | None) -> Any:
    task = asyncio.create_task(progress.show()) if progress else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@contextlib.contextmanager
def _interruptible(stop: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C sets `stop`; the second one is as rude as ever."""
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


def _opening(plan: Plan, style: Style, providers: Providers) -> list[str]:
    lines = [style.paint("beastmode-otel demo", "bold"), *wrapped(plan.stage.title, style, indent=2)]
    where = sorted({export.endpoint for export in providers.exports})
    told = f"exporting OTLP to {', '.join(where)}" if where else "no OTEL_EXPORTER_OTLP_ENDPOINT: nothing is exported"
    return [*lines, *wrapped(told, style, indent=2)]


def _body(ending: Ending, remark: str, style: Style) -> list[str]:
    title = f"What the telemetry of these {ending.report.seconds:.1f} seconds says"
    return [
        style.paint(title + (" (interrupted)" if ending.interrupted else ""), "bold"),
        *(style.paint(line, "warn") for line in wrapped(remark, style, indent=2)),
        *text_of(ending.report, style),
    ]


def _json(ending: Ending, remark: str, providers: Providers, flushed: bool | None) -> dict[str, Any]:
    exports = [
        {"signal": one.signal, "endpoint": one.endpoint, "ok": one.last_ok, "done": one.done, "failed": one.failed}
        for one in providers.exports
    ]
    return {
        **json_of(ending.report),
        "interrupted": ending.interrupted,
        "remark": remark,
        "exports": exports,
        "flushed": flushed,
    }


def _export_lines(providers: Providers, style: Style, flushed: bool | None) -> Iterator[str]:
    if providers.exports:
        yield from ("", style.paint("EXPORT", "bold"))
    for export in providers.exports:
        mark = style.paint(" ok", "good") if export.last_ok else style.paint(" NO", "bad")
        failed = f", {export.failed} failed" if export.failed else ""
        yield f" {mark}  {export.signal.ljust(9)}  {export.done} exports to {export.endpoint}{failed}"
    if flushed is False:
        yield style.paint("  Not everything was exported.", "bad")
        yield from wrapped(providers.complaints.last, style, indent=2)
