"""What the cache verbs share: options, and how they print, one JSON object or lines for people."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from beastmode_otel.cli.cache.store import Answer, Store
from beastmode_otel.cli.terminal import Style, style_of, wrapped
from beastmode_otel.cli.units import lasting, rounded

_BAR: Final = 30  # characters
NOTHING_YET: Final = "There is nothing in it yet: no process has stored anything there."


def add_tenant(parser: argparse.ArgumentParser, default: str = "the configuration's namespace") -> None:
    parser.add_argument("--tenant", type=name, metavar="ID", help=f"whose entries (default: {default})")


def name(text: str) -> str:
    """Anything but nothing."""
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text


def say(given: argparse.Namespace, told: Mapping[str, Any], lines: Callable[[Style], Iterable[str]]) -> None:
    """The object with --json, else the lines."""
    if given.json:
        print(json.dumps(rounded(dict(told))))
        return
    for line in lines(style_of(sys.stdout, os.environ)):
        print(line)


@contextmanager
def progress_bar(given: argparse.Namespace, total: int) -> Iterator[Callable[[int], None]]:
    """Hears how many of `total` are done. On a terminal, and not with --json."""
    out = sys.stderr
    if given.json or not out.isatty() or not total:
        yield lambda done: None
        return
    style = style_of(out, os.environ)

    def show(done: int) -> None:
        out.write(f"\r{style.bar(done / total, _BAR)} {done:,} of {total:,}")
        out.flush()

    try:
        yield show
    finally:
        out.write(f"\r{' ' * (style.width - 1)}\r")


def by_tier(told: Mapping[str, Any], each: Sequence[Mapping[str, Any]], store: Store) -> dict[str, Any]:
    """What a verb says of all tiers together, and of each: in a list, or at once where one alone was asked."""
    if len(store.tiers) == 1:
        return {**told, **each[0]}
    ill = [{"tier": one.tier, "path": one.location, "error": one.reason} for one in store.problems.values()]
    return {**told, "tiers": sorted([*each, *ill], key=lambda one: str(one["tier"]))}


def removals(told: Mapping[str, Any], removed: Sequence[Answer[int]], store: Store) -> dict[str, Any]:
    """What a verb says that removes. removed: of the tier that had the most, as `invalidate` of a router counts."""
    most = max(one.value for one in removed)
    if len(store.tiers) == 1:
        return {"removed": most, **told, "path": removed[0].location}
    each = [{"tier": one.tier, "path": one.location, "removed": one.value} for one in removed]
    return by_tier({"removed": most, **told, "told": store.told}, each, store)


def note(text: str, style: Style) -> list[str]:
    return [style.paint(line, "dim") for line in wrapped(text, style, indent=2)]


def l1_remains(store: Store) -> str:
    """What removing from these tiers does to memories."""
    ttl = lasting(store.config.cache.l1.ttl)
    if store.told:
        return "The processes that share L2 were told: it is gone from their L1, too."
    asked = f"{store.names} {'were' if len(store.tiers) > 1 else 'was'}"
    return (
        f"Only {asked} asked. A running process may still answer from its L1, for at most {ttl} (cache.l1.ttl): call "
        "router.invalidate() there, or restart it."
    )
