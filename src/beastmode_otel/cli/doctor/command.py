"""Run a command, and collect what its processes report from inside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from beastmode_otel.cli.exits import NOT_EXECUTABLE, NOT_FOUND
from beastmode_otel.doctor.child_report_reader import ChildReport, read_reports
from beastmode_otel.doctor.child_report_writer import VARIABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """status: as a shell would report it, 128 + n for signal n."""

    status: int
    reports: tuple[ChildReport, ...] = ()


def observe(command: Sequence[str]) -> Observed:
    """Run it with our stdin, stdout and stderr. Its OTEL_* variables are ours from then on: it may have set them."""
    with tempfile.TemporaryDirectory(prefix="beastmode-doctor-") as folder:  # for this user only
        try:
            process = subprocess.Popen(command, env={**os.environ, VARIABLE: folder})  # noqa: S603  (the user's own)
        except FileNotFoundError:
            return _cannot(command, "command not found", NOT_FOUND)
        except PermissionError:
            return _cannot(command, "permission denied", NOT_EXECUTABLE)
        with _passed_on(process):
            status = process.wait()
        reports = read_reports(Path(folder))
    if reports:
        _adopt(reports[0])
    return Observed(status=status if status >= 0 else 128 - status, reports=tuple(reports))


def _cannot(command: Sequence[str], why: str, status: int) -> Observed:
    print(f"beastmode-otel: {command[0]}: {why}", file=sys.stderr)
    return Observed(status=status)


def _adopt(report: ChildReport) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_") and name not in report.environ]:
        del os.environ[name]
    os.environ.update(report.environ)


@contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Being asked to end means the command; Ctrl-C reaches it through the terminal anyway."""

    def pass_on(number: int, frame: object) -> None:
        process.send_signal(number)

    handlers = {signal.SIGINT: lambda number, frame: None, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
