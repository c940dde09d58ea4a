"""The `beastmode-otel` command: a table of verbs, each a module with `NAME`, `HELP`, `add(parser)` and `run(given)`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from beastmode_otel.cli import cache, collector, dashboards, demo, doctor, output, run
from beastmode_otel.cli.exits import FAILED, INTERRUPTED, USAGE, Failed
from beastmode_otel.cli.verb import Verb, add_verbs
from beastmode_otel.errors import BeastModeError, ConfigError, public_url
from beastmode_otel.version import VERSION

__all__ = ["main"]

VERBS: Final[tuple[Verb, ...]] = (demo, run, doctor, cache, collector, dashboards)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns its exit status: 0, 1 for failure, 2 for wrong usage, 130 after Ctrl-C.

    Whatever the standard streams are, and whatever the machine refuses, there is one line to read and no traceback.
    """
    output.prepare()
    try:
        status = _run(argv)
        output.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough, as `| head` does
        status = FAILED
    except OSError as exc:
        output.complain(_reason(exc))
        status = FAILED
    output.abandon()
    return status


def _run(argv: Sequence[str] | None) -> int:
    try:
        given = _parser().parse_args(argv)
        status: int = given.run(given)
    except SystemExit as exc:  # argparse has said why
        return exc.code if isinstance(exc.code, int) else FAILED
    except Failed as exc:
        output.complain(str(exc))
        return FAILED
    except BeastModeError as exc:
        output.complain(str(exc))
        return USAGE if isinstance(exc, ConfigError) else FAILED
    return status


def _reason(exc: OSError) -> str:
    """Of what the machine refused: most often that standard output takes any more."""
    where = f"{public_url(os.fsdecode(exc.filename))}: " if isinstance(exc.filename, str | bytes) else "cannot write: "
    return f"{where}{exc.strerror or type(exc).__name__}"


class _Parser(argparse.ArgumentParser):
    """argparse says nothing where its help cannot be written."""

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            (file or sys.stderr).write(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="beastmode-otel",
        description="A model router whose every request, attempt and error is visible in Grafana.",
    )
    parser.add_argument("--version", action="version", version=f"beastmode-otel {VERSION}")
    add_verbs(parser, VERBS, "run")
    return parser
