"""`beastmode-otel collector`: the Collector configurations and the Docker stack that come with the package."""

from __future__ import annotations

import argparse
from typing import Final

from beastmode_otel.cli.collector import export, listing
from beastmode_otel.cli.verb import Verb, add_verbs

NAME: Final = "collector"
HELP: Final = "List or write out the Collector configurations and the Docker stack that come with the package."
PARTS: Final[tuple[Verb, ...]] = (listing, export)


def add(parser: argparse.ArgumentParser) -> None:
    add_verbs(parser, PARTS, "part", json=True)


def run(given: argparse.Namespace) -> int:
    """Exit status: 0; 1 for what could not be done; 2 for wrong usage."""
    status: int = given.part(given)
    return status
