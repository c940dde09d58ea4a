"""What the cache verbs share: options, and how they print, one JSON object or lines for people."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.terminal import Style, style_of, wrapped
from beastmode_otel.cli.units import lasting, rounded

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


def note(text: str, style: Style) -> list[str]:
    return [style.paint(line, "dim") for line in wrapped(text, style, indent=2)]


def l1_remains(store: Store) -> str:
    """What removing from L3 does not do."""
    ttl = lasting(store.config.cache.l1.ttl)
    return (
        f"Only L3 was asked. A running process may still answer from its L1, for at most {ttl} (cache.l1.ttl): call "
        "router.invalidate() there, or restart it."
    )
