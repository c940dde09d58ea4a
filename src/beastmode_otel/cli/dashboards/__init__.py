"""`beastmode-otel dashboards`: the dashboards that come with the package, into a folder or into a Grafana."""

from __future__ import annotations

import argparse
from typing import Final, Protocol

from beastmode_otel.cli.dashboards import export, listing, push

NAME: Final = "dashboards"
HELP: Final = "List the Grafana dashboards that come with the package, write them to a folder, push them to Grafana."


class Part(Protocol):
    """What the module of one of its verbs offers."""

    NAME: str
    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare its options."""

    def run(self, given: argparse.Namespace) -> int:
        """Do it; the exit status."""


PARTS: Final[tuple[Part, ...]] = (listing, export, push)


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Exit status: 0, 1 for failure, 2 for wrong usage."
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for part in PARTS:
        own = verbs.add_parser(part.NAME, help=part.HELP, description=part.HELP)
        own.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        part.add(own)
        own.set_defaults(part=part.run, check=own.error)


def run(given: argparse.Namespace) -> int:
    """Exit status: see `add`."""
    status: int = given.part(given)
    return status
