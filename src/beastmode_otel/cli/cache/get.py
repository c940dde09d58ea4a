"""`cache get`: the facts of one entry; its text only on demand."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.tiers.sqlite import inspect as rows
from beastmode_otel.cli.cache.options import add_tenant, name
from beastmode_otel.cli.cache.output import note, say
from beastmode_otel.cli.cache.store import Store, store_of
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


def run(given: argparse.Namespace) -> int:
    store, now = store_of(given), time.time()
    row = _row(store, given.handle)
    entry = store.codec.decode(row.payload, row.key)
    if not isinstance(entry, Entry):
        raise Failed(
            f"{row.key.digest.hex()}: the entry is there, but cannot be read here: {entry.reason}",
            "`beastmode-otel cache stats` says how many are like it, and why",
        )
    say(given, _told(entry, row, now, given.show_content), lambda style: _lines(entry, row, now, style, given))
    return OK


def _row(store: Store, handle: str) -> rows.Row:
    found = store.read(lambda db: rows.by_handle(db, store.tenant, handle))
    if not found:
        raise Failed(
            f"{handle} is no entry of tenant {store.tenant!r} in {store.path}",
            "another tenant's entries are seen with --tenant",
            "a hit has a request id of its own: look for its key, beastmode.cache.key on its span",
            "it may be in the L1 of a running process only, which this command cannot see",
        )
    if len(found) > 1:
        raise Failed(f"{handle} is the beginning of more than one key", "give more of its digits")
    return found[0]


def _told(entry: Entry, row: rows.Row, now: float, content: bool) -> dict[str, Any]:
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
        "hits": row.hits,
        "finish_reason": entry.finish_reason,
        "usage": None if entry.usage is None else asdict(entry.usage),
        "cost_usd": entry.cost,
        "tags": list(entry.tags),
        "body_bytes": len(entry.body),
        "stored_bytes": len(row.payload),
    }
    return {**told, "text": entry.text} if content else told


def _lines(entry: Entry, row: rows.Row, now: float, style: Style, given: argparse.Namespace) -> Iterator[str]:
    fresh = entry.fresh(now)
    remaining = f"fresh for {lasting(entry.expires_at - now)}" if fresh else f"{lasting(now - entry.expires_at)} ago"
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
            ("hits", f"{row.hits:,} from L3" + (f", last {lasting(now - row.accessed_at)} ago" if row.hits else "")),
            ("tokens", _tokens(entry)),
            ("cost", Cell("not known", "warn") if entry.cost is None else f"${entry.cost:.6f}, which each hit saves"),
            ("finish", entry.finish_reason or "-"),
            ("tags", ", ".join(entry.tags) or "none"),
            ("size", f"{size(len(entry.body))}, stored in {size(len(row.payload))}"),
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
