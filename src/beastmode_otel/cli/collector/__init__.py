"""`beastmode-otel collector`: the Collector configurations and the Docker stack that come with the package."""

from __future__ import annotations

import argparse
from typing import Final, Protocol

from beastmode_otel.cli.collector import export, listing

NAME: Final = "collector"
HELP: Final = "List or write out the Collector configurations and the Docker stack that come with the package."


class Part(Protocol):
    """What the module of one of its verbs offers."""

    NAME: str
    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare its options."""

    def run(self, given: argparse.Namespace) -> int:
        """Do it; the exit status."""


PARTS: Final[tuple[Part, ...]] = (listing, export)


def add(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for part in PARTS:
        own = verbs.add_parser(part.NAME, help=part.HELP, description=part.HELP)
        own.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        part.add(own)
        own.set_defaults(part=part.run)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0; 1 for what could not be done; 2 for wrong usage."""
    status: int = given.part(given)
    return status
