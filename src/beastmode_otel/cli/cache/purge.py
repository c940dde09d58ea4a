"""`cache purge`: removing what has expired."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cli.cache.output import note, say
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.terminal import Style
from beastmode_otel.cli.units import counted, lasting

NAME: Final = "purge"
HELP: Final = "Remove what has expired from L3, of all tenants, and give the room back."


def add(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(given: argparse.Namespace, store: Store) -> int:
    removed, now = 0, time.time()
    while gone := store.tier.purge(now):  # one call stops after a bounded number
        removed += gone
    told = {"removed": removed, "path": store.tier.location}
    say(given, told, lambda style: _lines(store, removed, style))
    return OK


def _lines(store: Store, removed: int, style: Style) -> Iterator[str]:
    yield f"{counted(removed, 'expired entry', 'expired entries')} removed from {store.tier.location}"
    kept = store.config.cache.stale_if_error
    if kept:
        yield from note(f"cache.stale_if_error keeps them for {lasting(kept)} after they expired.", style)
