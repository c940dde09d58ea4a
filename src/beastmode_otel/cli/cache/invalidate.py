"""`cache invalidate`: removing a tenant's entries that match everything that is given."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cache import Filter
from beastmode_otel.cli.cache.output import add_tenant, l1_remains, name, note, removals, say
from beastmode_otel.cli.cache.store import Answer, Store
from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.terminal import Style
from beastmode_otel.cli.units import counted

NAME: Final = "invalidate"
HELP: Final = "Remove entries of one tenant: those that match everything that is given."
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_MOST: Final = 100 * 365 * 86_400.0
_BY: Final = ("digest", "request_id", "model", "tag", "scope", "older_than")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", dest="digest", type=digest, metavar="HEX", help="its 64 digits")
    parser.add_argument("--request-id", type=name, metavar="ID", help="of the request whose answer was stored")
    parser.add_argument("--model", type=name, metavar="ID", help="the model id that callers ask for")
    parser.add_argument("--tag", type=name, metavar="NAME", help="one of the tags that route(tags=…) was given")
    parser.add_argument("--scope", type=digest, metavar="HEX", help="64 digits: same but for the last user text")
    parser.add_argument("--older-than", type=duration, metavar="TIME", help="such as 90s, 15m, 24h, 7d")
    parser.add_argument("--all-of-tenant", action="store_true", help="everything that the tenant has")
    add_tenant(parser)


def run(given: argparse.Namespace, store: Store) -> int:
    by = {field: getattr(given, field) for field in _BY if getattr(given, field) is not None}
    if not by and not given.all_of_tenant:
        given.check("say which: --key, --request-id, --model, --tag, --scope, --older-than, or --all-of-tenant")
    if by and given.all_of_tenant:
        given.check("--all-of-tenant is everything: leave it out, or the others")
    which, now = Filter(tenant=store.tenant, **by), time.time()
    removed = store.remove(lambda tier: tier.invalidate(which, now), which)
    told = removals({"tenant": store.tenant, "by": sorted(by) or ["tenant"]}, removed, store)
    say(given, told, lambda style: _lines(store, removed, style))
    return OK


def _lines(store: Store, removed: list[Answer[int]], style: Style) -> Iterator[str]:
    for one in removed:
        yield f"{counted(one.value, 'entry', 'entries')} of tenant {store.tenant!r} removed from {one.location}"
    yield from note(l1_remains(store), style)


def digest(text: str) -> bytes:
    """32 bytes, as 64 hex digits."""
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        hint = "; `cache get` shows the whole key for its first digits" if text else ""
        raise argparse.ArgumentTypeError(f"{text!r} is not 64 hex digits{hint}")
    return bytes.fromhex(text)


def duration(text: str) -> float:
    """Seconds: 90, 90s, 15m, 24h, 7d."""
    match = _DURATION.fullmatch(text.strip())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no time above 0, such as 90s, 15m, 24h, 7d")
    return seconds
