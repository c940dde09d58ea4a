"""`beastmode-otel cache`: what the configured L3 holds, why a request hits it or not, and removing what it holds."""

from __future__ import annotations

import argparse
from typing import Final

from beastmode_otel.cli.cache import explain, flush, get, invalidate, purge, stats
from beastmode_otel.cli.verb import Verb, add_verbs

NAME: Final = "cache"
HELP: Final = "Look into the configured L3 of the cache, explain its hits and misses, remove entries."
PARTS: Final[tuple[Verb, ...]] = (stats, get, invalidate, flush, purge, explain)


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "All of them work on the file of the configured L3. What running processes hold in their memory (L1) is out of "
        "their sight and reach. Exit status: 0, 1 for failure, 2 for wrong usage."
    )
    add_verbs(parser, PARTS, "part", config=True, json=True)


def run(given: argparse.Namespace) -> int:
    """Exit status: see `add`."""
    status: int = given.part(given)
    return status
