"""`cache flush`: everything of everybody."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cache import Filter
from beastmode_otel.cli.cache.output import l1_remains, note, say
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.terminal import Style
from beastmode_otel.cli.units import counted

NAME: Final = "flush"
HELP: Final = "Remove everything of all tenants from L3."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="yes, everything of everybody")


def run(given: argparse.Namespace, store: Store) -> int:
    owners = [owner.tenant for owner in store.tier.totals_by_tenant()]
    if not given.yes:
        given.check(
            f"this removes everything of {counted(len(owners), 'tenant')} from {store.tier.location}: say --yes"
        )
    now = time.time()
    removed = sum(store.tier.invalidate(Filter(tenant=owner), now) for owner in owners)
    store.tier.purge(now)  # which gives the room back to the file system
    told = {"removed": removed, "tenants": len(owners), "path": store.tier.location}
    say(given, told, lambda style: _lines(store, removed, len(owners), style))
    return OK


def _lines(store: Store, removed: int, owners: int, style: Style) -> Iterator[str]:
    of = f" of {counted(owners, 'tenant')}" if owners else ""
    yield f"{counted(removed, 'entry', 'entries')}{of} removed from {store.tier.location}"
    yield from note(l1_remains(store), style)
