"""What the module of a verb offers, and how verbs are hung below a command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Protocol


class Verb(Protocol):
    """A module, of `beastmode-otel` itself or of one of its verbs."""

    NAME: str
    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare its options."""

    def run(self, given: argparse.Namespace) -> int:
        """Do it; the exit status. Raises ConfigError for what cannot be meant, Failed, BeastModeError."""


def add_verbs(parser: argparse.ArgumentParser, verbs: Sequence[Verb], run: str, *, json: bool = False) -> None:
    """run: where the chosen verb's `run` is found in the namespace. json: every verb has --json."""
    below = parser.add_subparsers(metavar="VERB", required=True)
    for verb in verbs:
        own = below.add_parser(verb.NAME, help=verb.HELP, description=verb.HELP)
        if json:
            own.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        own.set_defaults(**{run: verb.run, "check": own.error})
        verb.add(own)
