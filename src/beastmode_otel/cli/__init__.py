"""The `beastmode-otel` command: a table of verbs, each a module with `NAME`, `HELP`, `add(parser)` and `run(given)`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final, Protocol

from beastmode_otel.cli import cache, collector, dashboards, demo, run
from beastmode_otel.cli.doctor import verb as doctor
from beastmode_otel.cli.exits import FAILED, INTERRUPTED, USAGE, Failed
from beastmode_otel.errors import BeastModeError, ConfigError
from beastmode_otel.version import VERSION

__all__ = ["main"]


class Verb(Protocol):
    """What a verb's module offers."""

    NAME: str
    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare its options."""

    def run(self, given: argparse.Namespace) -> int:
        """Do it; the exit status. Raises ConfigError for what cannot be meant, Failed, BeastModeError."""


VERBS: Final[tuple[Verb, ...]] = (demo, run, doctor, cache, collector, dashboards)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns its exit status: 0, 1 for failure, 2 for wrong usage, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character must not stop us
    try:
        given = _parser().parse_args(argv)
        status: int = given.run(given)
    except SystemExit as exc:  # argparse has said why
        return exc.code if isinstance(exc.code, int) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Failed as exc:
        print(f"beastmode-otel: {exc}", file=sys.stderr)
        return FAILED
    except BeastModeError as exc:
        print(f"beastmode-otel: {exc}", file=sys.stderr)
        return USAGE if isinstance(exc, ConfigError) else FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="beastmode-otel",
        description="A model router whose every request, attempt and error is visible in Grafana.",
    )
    parser.add_argument("--version", action="version", version=f"beastmode-otel {VERSION}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for verb in VERBS:
        own = verbs.add_parser(verb.NAME, help=verb.HELP, description=verb.HELP)
        verb.add(own)
        own.set_defaults(run=verb.run)
    return parser
