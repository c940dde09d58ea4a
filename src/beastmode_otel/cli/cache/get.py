"""`cache get`: the facts of one entry; its text only on demand."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from beastmode_otel.cache import Entry, StoredEntry
from beastmode_otel.cli.cache.output import add_tenant, name, note, say
from beastmode_otel.cli.cache.store import Answer, Store
from beastmode_otel.cli.exits import OK, Failed
from beastmode_otel.cli.terminal import Cell, Style, facts
from beastmode_otel.cli.units import counted, lasting, size

NAME: Final = "get"
HELP: Final = "Show an entry: what it is, how old, what it cost; not what it says."


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
    found, now = _named(store, given.handle), time.time()
    readable = [one for one in found if isinstance(one.value.entry, Entry)]
    if not readable:
        stored = found[0].value
        reason = "" if isinstance(stored.entry, Entry) else stored.entry.reason
        raise Failed(
            f"{stored.key.digest.hex()}: the entry is there, but cannot be read here: {reason}",
            "`beastmode-otel cache stats` says how many are like it, and why",
        )
    told = _told(readable, now, given.show_content)
    say(given, told, lambda style: _lines(readable, now, style, given))
    return OK


def _named(store: Store, handle: str) -> list[Answer[StoredEntry]]:
    """Of each tier that has it; the fastest first, which is the one that is served."""
    answers = store.each(lambda tier: tier.named(store.tenant, handle))
    found = [Answer(tier=one.tier, location=one.location, value=stored) for one in answers for stored in one.value]
    if not found:
        raise Failed(
            f"{handle} is no entry of tenant {store.tenant!r} in {' or '.join(one.location for one in answers)}",
            "another tenant's entries are seen with --tenant",
            "a hit has a request id of its own: look for its key, beastmode.cache.key on its span",
            "it may be in the L1 of a running process only, which this command cannot see",
            *(f"{ill.location} did not answer: {ill.reason}" for ill in store.problems.values()),
        )
    if len({one.value.key.digest for one in found}) > 1:
        raise Failed(f"{handle} is the beginning of more than one key", "give more of its digits")
    return found


def _entry(one: Answer[StoredEntry]) -> Entry:
    assert isinstance(one.value.entry, Entry)  # noqa: S101  (it was readable)
    return one.value.entry


def _told(found: list[Answer[StoredEntry]], now: float, content: bool) -> dict[str, Any]:
    entry, hits = _entry(found[0]), [one.value.hits for one in found if one.value.hits is not None]
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
        "hits": sum(hits) if hits else None,
        "finish_reason": entry.finish_reason,
        "usage": None if entry.usage is None else asdict(entry.usage),
        "cost_usd": entry.cost,
        "tags": list(entry.tags),
        "body_bytes": len(entry.body),
        "stored_bytes": found[0].value.size,
        "tiers": [
            {
                "tier": one.tier,
                "fresh": _entry(one).fresh(now),
                "remaining_seconds": max(0.0, _entry(one).expires_at - now),
                "hits": one.value.hits,
                "stored_bytes": one.value.size,
            }
            for one in found
        ],
    }
    return {**told, "text": entry.text} if content else told


def _lines(found: list[Answer[StoredEntry]], now: float, style: Style, given: argparse.Namespace) -> Iterator[str]:
    entry = _entry(found[0])
    stored = ", ".join(f"{size(one.value.size)} ({one.name})" for one in found)
    fresh = all(_entry(one).fresh(now) for one in found)
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
            ("expires", Cell("; ".join(_remaining(one, now) for one in found), None if fresh else "warn")),
            ("hits", "; ".join(_hits(one, now) for one in found)),
            ("tokens", _tokens(entry)),
            ("cost", Cell("not known", "warn") if entry.cost is None else f"${entry.cost:.6f}, which each hit saves"),
            ("finish", entry.finish_reason or "-"),
            ("tags", ", ".join(entry.tags) or "none"),
            ("size", f"{size(len(entry.body))}, stored in {stored}"),
        ],
        style,
    )
    if not given.show_content:
        yield from note(f"The text has {counted(len(entry.text), 'character')}: --show-content prints it.", style)
        return
    yield from ("", style.paint("TEXT", "bold"))
    for line in entry.text.splitlines():
        yield "".join(char if char.isprintable() else " " for char in line)


def _remaining(one: Answer[StoredEntry], now: float) -> str:
    entry = _entry(one)
    if entry.ahead(now):
        return f"{one.name}: not served, its clock ran {lasting(entry.created_at - now)} ahead"
    if entry.fresh(now):
        return f"{one.name}: fresh for {lasting(entry.expires_at - now)}"
    return f"{one.name}: expired {lasting(now - entry.expires_at)} ago"


def _hits(one: Answer[StoredEntry], now: float) -> str:
    hits, accessed = one.value.hits, one.value.accessed_at
    if hits is None:
        return f"{one.name} counts none"
    last = f", last {lasting(now - accessed)} ago" if hits and accessed is not None else ""
    return f"{hits:,} from {one.name}{last}"


def _tokens(entry: Entry) -> str:
    usage = entry.usage
    if usage is None:
        return "nobody counted them"
    parts = [f"{usage.input_tokens or 0:,} in", f"{usage.output_tokens or 0:,} out"]
    parts += [f"{usage.cached_input_tokens:,} of the input cached"] if usage.cached_input_tokens else []
    return ", ".join(parts) + (" (estimated by us)" if usage.estimated else "")
