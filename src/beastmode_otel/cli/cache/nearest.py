"""What `cache explain` says of similar questions: the nearest stored ones, and what keeps them from serving."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from beastmode_otel.cache import Entry, InspectableTier
from beastmode_otel.cli.cache.cache_request import KeyedRequest
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.exits import Failed
from beastmode_otel.cli.terminal import Cell, Column, Style, facts, table
from beastmode_otel.errors import ConfigError
from beastmode_otel.router.upstream import PlainPost
from beastmode_otel.telemetry.suppress import unseen

if TYPE_CHECKING:
    from beastmode_otel.cache.semantic import ExplainedMatch

_MOST: Final = 50_000  # entries of the tenant that are looked at
_HALF_LIFE: Final = 6 * 3600.0


def search(store: Store, asked: KeyedRequest, now: float) -> ExplainedMatch | None:
    """Over all tiers. None where similar questions do not count. Raises Failed where they cannot be compared."""
    cache = store.config.cache
    if not cache.matches_similar or asked.key is None:
        return None
    from beastmode_otel.cache import semantic

    stored: dict[bytes, Entry] = {}
    for answer in store.each(lambda tier: _of_scope(tier, asked, now)):
        for entry in answer.value:
            stored.setdefault(entry.key.digest, entry)
    wording = asked.wording
    try:
        return semantic.explain_match(
            None if wording is None else wording.text, None if wording is None else wording.temperature, asked.key,
            stored.values(), cache.semantic, threshold=asked.threshold, post=PlainPost(unseen),
        )  # fmt: skip
    except ConfigError as exc:
        raise Failed(f"similar questions cannot be compared: {exc.message}", *exc.hints) from None
    except semantic.EmbedderFailed as exc:
        raise Failed(f"similar questions cannot be compared: the embedder failed: {exc}") from None


def _of_scope(tier: InspectableTier, asked: KeyedRequest, now: float) -> list[Entry]:
    key = asked.key
    scan = tier.scan_by_frequency(asked.tenant, _MOST, half_life=_HALF_LIFE, now=now)
    entries = (one.entry for one in scan if key is not None and one.key.scope == key.scope)
    return [entry for entry in entries if isinstance(entry, Entry)]


def told(found: ExplainedMatch, *, show_content: bool) -> dict[str, Any]:
    return {
        "verdict": found.verdict,
        "threshold": found.threshold,
        "embedder": found.embedder,
        "compared": found.compared,
        "candidates": [
            {
                "key": one.entry.key.digest.hex(),
                "request_id": one.entry.request_id,
                "similarity": one.similarity,
                "refused_by": list(one.refused_by),
                "template": one.template,
                "verdict": one.verdict,
                **({"question": one.entry.question} if show_content else {}),
            }
            for one in found.candidates
        ],
    }


def lines(found: ExplainedMatch, style: Style, *, show_content: bool) -> Iterator[str]:
    yield from ("", style.paint("SIMILAR QUESTIONS", "bold"))
    rows: list[tuple[str, Cell | str]] = [
        ("verdict", Cell(found.verdict.replace("_", " "), "good" if found.verdict == "served" else "warn")),
        ("threshold", f"{found.threshold:g}"),
        ("compared", f"{found.compared:,} of the same scope, by {found.embedder}"),
    ]
    if found.other:
        rows.append(("not compared", f"{found.other:,} of the same scope, which this embedder has not read"))
    yield from facts(rows, style)
    if not found.candidates:
        return
    columns = [
        Column(title="key", right=False), Column(title="similarity"), Column(title="verdict", right=False),
        Column(title="rules that refuse", right=False, elastic=True), Column(title="template"),
    ]  # fmt: skip
    cells = [
        [
            Cell(one.entry.key.digest.hex()[:12]),
            Cell(f"{one.similarity:.3f}"),
            Cell(one.verdict.replace("_", " "), "good" if one.verdict == "served" else None),
            Cell(", ".join(one.refused_by) or "-"),
            Cell("-" if one.template is None else f"{one.template:.3f}"),
        ]
        for one in found.candidates
    ]
    yield ""
    yield from table(columns, cells, style)
    if show_content:
        yield ""
        for one in found.candidates:
            yield f"  {one.entry.key.digest.hex()[:12]}  {one.entry.question or ''!r}"
