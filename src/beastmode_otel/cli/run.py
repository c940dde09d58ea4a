"""`beastmode-otel run`: start a program with OpenTelemetry's zero-code instrumentation, and defaults that fit."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from beastmode_otel.cli.exits import NOT_FOUND, Failed
from beastmode_otel.telemetry.exporters import ignored_protocols, protocol
from beastmode_otel.telemetry.setup import LIVE, is_on

NAME: Final = "run"
HELP: Final = "Run a program under opentelemetry-instrument, with defaults for the OTEL_* variables that are not set."
_SIGNALS: Final = ("traces", "metrics", "logs")
_INSTRUMENT: Final = "opentelemetry-instrument"


def add(parser: argparse.ArgumentParser) -> None:
    parser.usage = "beastmode-otel run [--live] -- COMMAND [ARGUMENT ...]"
    parser.epilog = (
        "No variable that you have set is changed, but a protocol that Python's exporters do not speak. "
        "The program takes the place of this one: signals and exit status "
        "are its own. 127 when the command is not found, 1 without the extra beastmode-otel[auto]."
    )
    parser.add_argument("--live", action="store_true", help="export within a second (also: BEASTMODE_LIVE=1)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command and its arguments, after --")


def run(given: argparse.Namespace) -> int:  # noqa: RET503  (exec does not return)
    """Returns only when there is nothing to run. Raises Failed."""
    command = command_of(given.command)
    if not command:
        given.check("what shall be run? beastmode-otel run -- python app.py")
    if shutil.which(command[0]) is None:
        print(f"beastmode-otel: {command[0]}: command not found", file=sys.stderr)
        return NOT_FOUND
    environ = prepared(os.environ, live=given.live)
    for ignored in ignored_protocols(os.environ).values():
        print(f"beastmode-otel: {ignored}", file=sys.stderr)
    instrument = _instrument()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execve(instrument, [_INSTRUMENT, *command], environ)  # noqa: S606  (no shell is what we want)


def command_of(words: Sequence[str]) -> list[str]:
    """Without the first `--`, which only ends our own options."""
    return list(words[1:] if words[:1] == ["--"] else words)


def prepared(environ: Mapping[str, str], *, live: bool) -> dict[str, str]:
    """`environ` with defaults for what is unset or empty.

    opentelemetry-distro takes gRPC for granted, whatever the endpoint's port: so the protocol is said here. One that no
    exporter speaks is taken out: the SDK would refuse it, and the program would run without telemetry.
    """
    environ = {name: value for name, value in environ.items() if name not in ignored_protocols(environ)}
    defaults = {f"OTEL_{signal.upper()}_EXPORTER": "otlp" for signal in _SIGNALS}
    defaults |= _protocols(environ)
    if live or is_on("BEASTMODE_LIVE", environ):
        defaults |= {"BEASTMODE_LIVE": "1", **{name: f"{delay:g}" for name, delay in LIVE.items()}}
    unset = {name: value for name, value in defaults.items() if not environ.get(name)}
    return {**environ, **unset}


def _protocols(environ: Mapping[str, str]) -> dict[str, str]:
    spoken = {signal: protocol(signal, environ) for signal in _SIGNALS}
    if len(set(spoken.values())) == 1:
        return {"OTEL_EXPORTER_OTLP_PROTOCOL": spoken["traces"]}
    return {f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL": name for signal, name in spoken.items()}


def _instrument() -> str:
    """The program beside this interpreter, also where its environment is not activated. Raises Failed."""
    if not entry_points(group="opentelemetry_distro"):
        raise Failed(
            "no OpenTelemetry distro is installed: without one nothing is exported",
            "pip install 'beastmode-otel[auto]'",
        )
    beside = Path(sys.executable).parent / _INSTRUMENT
    found = str(beside) if beside.exists() else shutil.which(_INSTRUMENT)
    if found is None:
        raise Failed(f"{_INSTRUMENT} is not installed", "pip install 'beastmode-otel[auto]'")
    return found
