"""One run of the demo, from its first request to its report."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from beastmode_otel.cli.demo.interrupt import interruptible
from beastmode_otel.cli.demo.perform import perform
from beastmode_otel.cli.demo.progress import Progress
from beastmode_otel.cli.demo.providers import Providers, providers_of
from beastmode_otel.cli.demo.stage import Stage
from beastmode_otel.cli.report.figures import Report
from beastmode_otel.cli.report.text import text_of, verdict_of
from beastmode_otel.cli.terminal import Style, style_of, wrapped
from beastmode_otel.cli.units import json_of


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
        with interruptible(stop):
            report = await perform(plan.stage, providers, plan.seconds, stop, _progress(plan, providers))
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


def _progress(plan: Plan, providers: Providers) -> Progress | None:
    """With --json only on a terminal, and beside stdout."""
    out = sys.stderr if plan.as_json else plan.out
    if plan.as_json and not out.isatty():
        return None
    style = style_of(out, plan.environ)
    return Progress(out=out, style=style, seconds=plan.seconds, read=providers.witness.reading)


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
        {
            "signal": one.signal,
            "endpoint": one.endpoint,
            "ok": one.results.last_ok is True,
            "done": one.results.done,
            "failed": one.results.failed,
        }
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
        mark = style.paint(" ok", "good") if export.results.last_ok else style.paint(" NO", "bad")
        failed = f", {export.results.failed} failed" if export.results.failed else ""
        yield f" {mark}  {export.signal.ljust(9)}  {export.results.done} exports to {export.endpoint}{failed}"
    if flushed is False:
        yield style.paint("  Not everything was exported.", "bad")
        yield from wrapped(providers.complaints.last, style, indent=2)
