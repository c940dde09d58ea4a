"""`beastmode-otel cache`: what the shared tiers hold, why a request hits them or not, and removing what they hold."""

from __future__ import annotations

import argparse
from typing import Final, Protocol

from beastmode_otel.cli.cache import calibrate, explain, flush, get, invalidate, migrate, purge, stats, warm
from beastmode_otel.cli.cache.store import TIERS, Store, opened

NAME: Final = "cache"
HELP: Final = "Look into the shared tiers of the cache, explain hits and misses, remove entries."


class Part(Protocol):
    """What the module of one of its verbs offers."""

    NAME: str
    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare its options."""

    def run(self, given: argparse.Namespace, store: Store) -> int:
        """Do it; the exit status. Raises Failed."""


class PartAlone(Protocol):
    """One that looks into no tier."""

    NAME: str
    HELP: str

    def add(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, given: argparse.Namespace) -> int: ...


PARTS: Final[tuple[Part, ...]] = (stats, get, invalidate, flush, purge, explain, warm, migrate)

ALONE: Final[tuple[PartAlone, ...]] = (calibrate,)


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "They work on the configured L2 and L3. What running processes hold in their memory (L1) is out of their "
        "sight; they hear of what is removed where they share an L2. Exit status: 0, 1 for failure, also of one tier, "
        "2 for wrong usage."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    every: tuple[Part | PartAlone, ...] = (*PARTS, *ALONE)
    for part in every:
        own = verbs.add_parser(part.NAME, help=part.HELP, description=part.HELP)
        own.add_argument("--config", metavar="PATH", help="a beastmode.toml (default: as the router finds its own)")
        own.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        if part in ALONE:
            own.set_defaults(alone=True)
        elif part is migrate:
            own.set_defaults(tier="l3")
        else:
            own.add_argument("--tier", choices=TIERS, help="of this tier alone (default: all that are configured)")
        part.add(own)
        own.set_defaults(part=part.run, check=own.error)


def run(given: argparse.Namespace) -> int:
    """Exit status: see `add`."""
    status: int
    if getattr(given, "alone", False):
        status = given.part(given)
        return status
    with opened(given) as store:
        status = given.part(given, store)
    return status
