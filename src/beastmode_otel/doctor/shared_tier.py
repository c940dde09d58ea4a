"""Whether L2 can be what the cache takes it for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from beastmode_otel.cache import StoreFacts, TierUnavailable
from beastmode_otel.cache.tiers import examine_l2
from beastmode_otel.config import load
from beastmode_otel.config.settings import CacheSettings
from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.errors import ConfigError

OLDEST: Final = (6, 2)  # which has ZADD GT
SKEW: Final = 5.0  # seconds
MiB: Final = 1024 * 1024


def l2_findings(environ: Mapping[str, str], path: str | None = None) -> list[Finding]:
    """None where there is no L2, or no configuration that can be read: that is told elsewhere."""
    try:
        settings = load(path, environ=environ).cache
    except ConfigError:
        return []
    if settings.mode == "off" or settings.l2.url is None:
        return []
    shown = settings.l2.url.shown
    try:
        facts = examine_l2(settings)
    except TierUnavailable as ill:
        return [found("l2_unreachable", f"{shown}: {ill.reason}")]
    return [*(finding for one in facts for finding in _of_server(one)), *_of_settings(settings)]


def _of_server(facts: StoreFacts) -> Iterator[Finding]:
    version = ".".join(map(str, facts.version or ())) or "?"
    product = facts.product or "a server"
    yield found("l2_answers", f"{product} {version} at {facts.where}, {facts.seconds * 1000:.1f} ms")
    if facts.version is None:
        yield found("l2_unexamined", f"{facts.where}: INFO is refused")
        return
    if facts.product == "Redis" and facts.version[:2] < OLDEST:
        yield found("l2_old", f"{facts.where}: Redis {version}")
    if facts.read_only:
        yield found("l2_read_only", facts.where)
    if facts.limit == 0:
        yield found("l2_unbounded", f"{facts.where}: maxmemory is 0, {facts.used / MiB:,.0f} MiB are used")
    elif facts.policy == "noeviction":
        yield found("l2_noeviction", f"{facts.where}: {facts.used / MiB:,.0f} of {(facts.limit or 0) / MiB:,.0f} MiB")
    if facts.skew is not None and abs(facts.skew) > SKEW:
        yield found("l2_clock", f"{facts.where} is {abs(facts.skew):,.0f} s {'ahead' if facts.skew > 0 else 'behind'}")


def _of_settings(settings: CacheSettings) -> Iterator[Finding]:
    if settings.secret is None:
        yield found("l2_unsigned", "cache.secret is not set")
