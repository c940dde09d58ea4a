"""The `beastmode-otel` command: a table of verbs, each a module with `NAME`, `HELP`, `add(parser)` and `run(given)`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from beastmode_otel.cli import cache, collector, dashboards, demo, doctor, run
from beastmode_otel.cli.exits import FAILED, INTERRUPTED, USAGE, Failed
from beastmode_otel.cli.verb import Verb, add_verbs
from beastmode_otel.errors import BeastModeError, ConfigError
from beastmode_otel.version import VERSION

__all__ = ["main"]

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
    add_verbs(parser, VERBS, "run")
    return parser
