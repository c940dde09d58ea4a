"""`cache migrate`: bringing the schema of L3 up to date, which no request ever does."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, Final

from beastmode_otel.cache import Migrator, TierUnavailable
from beastmode_otel.cache.tiers import migrate_l3
from beastmode_otel.cli.cache.output import note, say
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.exits import OK, Failed
from beastmode_otel.cli.terminal import Style

NAME: Final = "migrate"
HELP: Final = "Make or update the schema of an L3 in Postgres, as the role that cache.l3.url names."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="print the SQL that it would run, and run nothing")
    parser.add_argument("--pgvector", action="store_true", help="also what searches scopes too large for a process")
    parser.add_argument("--sql", action="store_true", help="print the SQL for an empty database; no server is asked")


def run(given: argparse.Namespace, store: Store) -> int:
    migrator = migrate_l3(store.config.cache)
    if migrator is None:
        told: dict[str, Any] = {"path": store.tiers["l3"].location, "applied": [], "needed": False}
        say(given, told, lambda style: [f"{store.tiers['l3'].location} is brought up to date whenever it is opened"])
        return OK
    try:
        _migrate(given, migrator)
    except TierUnavailable as ill:
        raise Failed(f"{migrator.location}: {ill.reason}") from None
    return OK


def _migrate(given: argparse.Namespace, migrator: Migrator) -> None:
    if given.sql:
        whole = migrator.script(anew=True, vectors=given.pgvector)
        say(given, {"applied": [], "sql": whole}, lambda style: [whole])
    elif given.dry_run:
        script = migrator.script(vectors=given.pgvector)
        told = {"path": migrator.location, "version": migrator.version(), "applied": [], "sql": script}
        say(given, told, lambda style: [script or f"-- {migrator.location} is up to date\n"])
    else:
        before = migrator.version()
        applied = migrator.apply(vectors=given.pgvector)
        told = {"path": migrator.location, "before": before, "version": migrator.version(), "applied": applied}
        say(given, told, lambda style: _lines(migrator, told, style))


def _lines(migrator: Migrator, told: dict[str, Any], style: Style) -> Iterator[str]:
    if not told["applied"]:
        yield f"{migrator.location} is up to date (version {told['version']})"
        return
    yield f"{migrator.location}: version {told['before']} -> {told['version']}"
    yield from (f"  {name}" for name in told["applied"])
    if told["before"] == 0:
        yield from note(migrator.afterwards, style)
