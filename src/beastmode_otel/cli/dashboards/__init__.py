"""`beastmode-otel dashboards`: the dashboards that come with the package, into a folder or into a Grafana."""

from __future__ import annotations

import argparse
from typing import Final

from beastmode_otel.cli.dashboards import export, listing, push
from beastmode_otel.cli.verb import Verb, add_verbs

NAME: Final = "dashboards"
HELP: Final = "List the Grafana dashboards that come with the package, write them to a folder, push them to Grafana."
PARTS: Final[tuple[Verb, ...]] = (listing, export, push)


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Exit status: 0, 1 for failure, 2 for wrong usage."
    add_verbs(parser, PARTS, "part", json=True)


def run(given: argparse.Namespace) -> int:
    """Exit status: see `add`."""
    status: int = given.part(given)
    return status
