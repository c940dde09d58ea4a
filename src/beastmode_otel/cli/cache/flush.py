"""`cache flush`: everything of everybody."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cache import Filter, InspectableTier
from beastmode_otel.cli.cache.output import l1_remains, note, removals, say
from beastmode_otel.cli.cache.store import Answer, Store
from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.terminal import Style
from beastmode_otel.cli.units import counted

NAME: Final = "flush"
HELP: Final = "Remove everything of all tenants."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="yes, everything of everybody")


def run(given: argparse.Namespace, store: Store) -> int:
    found = store.each(lambda tier: [owner.tenant for owner in tier.totals_by_tenant()])
    owners = sorted({owner for one in found for owner in one.value})
    if not given.yes:
        where = " and ".join(one.location for one in found)
        given.check(f"this removes everything of {counted(len(owners), 'tenant')} from {where}: say --yes")
    everything, now = [Filter(tenant=owner) for owner in owners], time.time()

    def empty(tier: InspectableTier) -> int:
        removed = sum(tier.invalidate(which, now) for which in everything)
        tier.purge(now)  # which gives the room back to the file system
        return removed

    removed = store.remove(empty, *everything)
    told = removals({"tenants": len(owners)}, removed, store)
    say(given, told, lambda style: _lines(store, removed, len(owners), style))
    return OK


def _lines(store: Store, removed: list[Answer[int]], owners: int, style: Style) -> Iterator[str]:
    of = f" of {counted(owners, 'tenant')}" if owners else ""
    for one in removed:
        yield f"{counted(one.value, 'entry', 'entries')}{of} removed from {one.location}"
    yield from note(l1_remains(store), style)
