"""`cache flush`: everything of everybody."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cache.tier import Filter
from beastmode_otel.cache.tiers.sqlite import inspect as rows
from beastmode_otel.cli.cache.output import l1_remains, note, say
from beastmode_otel.cli.cache.store import Store, store_of
from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.terminal import Style
from beastmode_otel.cli.units import counted

NAME: Final = "flush"
HELP: Final = "Remove everything of all tenants from L3."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="yes, everything of everybody")


def run(given: argparse.Namespace) -> int:
    store = store_of(given)
    owners = store.read(rows.tenants) or []
    if not given.yes:
        given.check(f"this removes everything of {counted(len(owners), 'tenant')} from {store.path}: say --yes")
    removed = _remove(store, owners) if owners else 0
    told = {"removed": removed, "tenants": len(owners), "path": str(store.path)}
    say(given, told, lambda style: _lines(store, removed, len(owners), style))
    return OK


def _remove(store: Store, owners: list[str]) -> int:
    with store.tier() as tier:
        now = time.time()
        removed = sum(tier.invalidate(Filter(tenant=tenant), now) for tenant in owners)
        tier.purge(now)  # which gives the room back to the file system
    return removed


def _lines(store: Store, removed: int, owners: int, style: Style) -> Iterator[str]:
    of = f" of {counted(owners, 'tenant')}" if owners else ""
    yield f"{counted(removed, 'entry', 'entries')}{of} removed from {store.path}"
    yield from note(l1_remains(store), style)
