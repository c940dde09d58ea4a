"""Whether an L3 in a file can be what the cache takes it for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from beastmode_otel.cache import FileFacts
from beastmode_otel.cache.tiers import examine_l3_file
from beastmode_otel.config import load
from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.errors import ConfigError


def l3_file_findings(environ: Mapping[str, str], path: str | None = None) -> list[Finding]:
    """None where L3 is in no file, or all is well with it, or no configuration can be read: that is told elsewhere."""
    try:
        settings = load(path, environ=environ).cache
    except ConfigError:
        return []
    if settings.mode == "off":
        return []
    try:
        facts = examine_l3_file(settings)
    except ConfigError as bad:
        return [found("l3_file_unusable", bad.message, hint="; ".join(bad.hints) or None)]
    return [] if facts is None else list(_of_file(facts))


def _of_file(facts: FileFacts) -> Iterator[Finding]:
    if facts.problem is not None:
        yield found("l3_file_damaged" if facts.mends_itself else "l3_file_unusable", facts.problem)
    if facts.distrusted is not None:
        yield found("l3_file_open", facts.distrusted)
    if facts.aside:
        yield found("l3_file_aside", f"beside {facts.where}: {', '.join(facts.aside)}")
