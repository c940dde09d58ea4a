"""`cache purge`: removing what has expired."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cache import InspectableTier
from beastmode_otel.cli.cache.output import note, removals, say
from beastmode_otel.cli.cache.store import Answer, Store
from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.terminal import Style
from beastmode_otel.cli.units import counted, lasting

NAME: Final = "purge"
HELP: Final = "Remove what has expired, of all tenants, and give the room back."


def add(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(given: argparse.Namespace, store: Store) -> int:
    now = time.time()

    def purge(tier: InspectableTier) -> int:
        return sum(iter(lambda: tier.purge(now), 0))  # one call stops after a bounded number

    removed = store.each(purge)
    told = removals({}, removed, store)
    say(given, told, lambda style: _lines(store, removed, style))
    return OK


def _lines(store: Store, removed: list[Answer[int]], style: Style) -> Iterator[str]:
    for one in removed:
        yield f"{counted(one.value, 'expired entry', 'expired entries')} removed from {one.location}"
    kept = store.config.cache.stale_if_error
    if kept:
        yield from note(f"cache.stale_if_error keeps them for {lasting(kept)} after they expired.", style)
