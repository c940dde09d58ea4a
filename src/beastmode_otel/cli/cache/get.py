"""`cache get`: the facts of one entry; its text only on demand."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from beastmode_otel.cache import Entry, StoredEntry
from beastmode_otel.cli.cache.output import add_tenant, name, note, say
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.exits import OK, Failed
from beastmode_otel.cli.terminal import Cell, Style, facts
from beastmode_otel.cli.units import counted, lasting, size

NAME: Final = "get"
HELP: Final = "Show an entry of L3: what it is, how old, what it cost; not what it says."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "handle",
        type=name,
        metavar="KEY|REQUEST_ID",
        help="a key, its first digits (beastmode.cache.key on spans), or the id of the request that was stored",
    )
    add_tenant(parser)
    parser.add_argument("--show-content", action="store_true", help="print the stored text too")


def run(given: argparse.Namespace, store: Store) -> int:
    stored, now = _named(store, given.handle), time.time()
    entry = stored.entry
    if not isinstance(entry, Entry):
        raise Failed(
            f"{stored.key.digest.hex()}: the entry is there, but cannot be read here: {entry.reason}",
            "`beastmode-otel cache stats` says how many are like it, and why",
        )
    told = _told(entry, stored, now, given.show_content)
    say(given, told, lambda style: _lines(entry, stored, now, style, given))
    return OK


def _named(store: Store, handle: str) -> StoredEntry:
    found = store.tier.named(store.tenant, handle)
    if not found:
        raise Failed(
            f"{handle} is no entry of tenant {store.tenant!r} in {store.tier.location}",
            "another tenant's entries are seen with --tenant",
            "a hit has a request id of its own: look for its key, beastmode.cache.key on its span",
            "it may be in the L1 of a running process only, which this command cannot see",
        )
    if len(found) > 1:
        raise Failed(f"{handle} is the beginning of more than one key", "give more of its digits")
    return found[0]


def _told(entry: Entry, stored: StoredEntry, now: float, content: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "key": entry.key.digest.hex(),
        "scope": entry.key.scope.hex(),
        "tenant": entry.key.tenant,
        "namespace": entry.key.namespace,
        "request_id": entry.request_id,
        "model": entry.key.model,
        "model_served": entry.model_served,
        "provider": entry.provider,
        "deployment": entry.deployment,
        "api": entry.api,
        "fresh": entry.fresh(now),
        "age_seconds": entry.age(now),
        "remaining_seconds": max(0.0, entry.expires_at - now),
        "hits": stored.hits,
        "finish_reason": entry.finish_reason,
        "usage": None if entry.usage is None else asdict(entry.usage),
        "cost_usd": entry.cost,
        "tags": list(entry.tags),
        "body_bytes": len(entry.body),
        "stored_bytes": stored.size,
    }
    return {**told, "text": entry.text} if content else told


def _lines(entry: Entry, stored: StoredEntry, now: float, style: Style, given: argparse.Namespace) -> Iterator[str]:
    fresh = entry.fresh(now)
    remaining = f"fresh for {lasting(entry.expires_at - now)}" if fresh else f"{lasting(now - entry.expires_at)} ago"
    if entry.ahead(now):
        remaining = f"not served: its clock ran {lasting(entry.created_at - now)} ahead"
    yield style.paint("ENTRY", "bold")
    yield from facts(
        [
            ("key", entry.key.digest.hex()),
            ("scope", entry.key.scope.hex()),
            ("tenant", entry.key.tenant),
            ("namespace", entry.key.namespace),
            ("request id", entry.request_id),
            ("model", f"{entry.key.model} (served by {entry.model_served or '-'})"),
            ("deployment", f"{entry.deployment} ({entry.provider}, {entry.api})"),
            ("age", lasting(entry.age(now))),
            ("expires", Cell(remaining) if fresh else Cell(f"expired {remaining}", "warn")),
            (
                "hits",
                f"{stored.hits:,} from L3" + (f", last {lasting(now - stored.accessed_at)} ago" if stored.hits else ""),
            ),
            ("tokens", _tokens(entry)),
            ("cost", Cell("not known", "warn") if entry.cost is None else f"${entry.cost:.6f}, which each hit saves"),
            ("finish", entry.finish_reason or "-"),
            ("tags", ", ".join(entry.tags) or "none"),
            ("size", f"{size(len(entry.body))}, stored in {size(stored.size)}"),
        ],
        style,
    )
    if not given.show_content:
        yield from note(f"The text has {counted(len(entry.text), 'character')}: --show-content prints it.", style)
        return
    yield from ("", style.paint("TEXT", "bold"))
    for line in entry.text.splitlines():
        yield "".join(char if char.isprintable() else " " for char in line)


def _tokens(entry: Entry) -> str:
    usage = entry.usage
    if usage is None:
        return "nobody counted them"
    parts = [f"{usage.input_tokens or 0:,} in", f"{usage.output_tokens or 0:,} out"]
    parts += [f"{usage.cached_input_tokens:,} of the input cached"] if usage.cached_input_tokens else []
    return ", ".join(parts) + (" (estimated by us)" if usage.estimated else "")
