"""Whether an L3 in Postgres can be what the cache takes it for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from beastmode_otel.cache import MOST_OF_A_SCOPE, DatabaseFacts, TierUnavailable
from beastmode_otel.cache.tiers import examine_l3
from beastmode_otel.config import load
from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.errors import ConfigError

OLDEST: Final = 120_000  # WITH … AS MATERIALIZED
SKEW: Final = 5.0  # seconds


def l3_findings(environ: Mapping[str, str], path: str | None = None) -> list[Finding]:
    """None where L3 is no server, or no configuration can be read: that is told elsewhere."""
    try:
        settings = load(path, environ=environ).cache
    except ConfigError:
        return []
    server = settings.l3.server
    if settings.mode == "off" or server is None:
        return []
    try:
        facts = examine_l3(settings)
    except ConfigError as bad:
        return [found("l3_unusable", bad.message, hint="; ".join(bad.hints) or None)]
    except TierUnavailable as ill:
        return [found("l3_unreachable", f"{server.shown}: {ill.reason}")]
    findings = [] if facts is None else list(_of_server(facts))
    if facts is not None and settings.mode != "on":
        findings += _of_scopes(facts)
    if settings.secret is None:
        findings.append(found("l3_unsigned", "cache.secret is not set"))
    return findings


def _of_server(facts: DatabaseFacts) -> Iterator[Finding]:
    major, minor = divmod(facts.version, 10_000)
    yield found("l3_answers", f"Postgres {major}.{minor} at {facts.where}, {facts.seconds * 1000:.1f} ms")
    if facts.version < OLDEST:
        yield found("l3_old", f"{facts.where}: Postgres {major}.{minor}")
    if facts.read_only:
        yield found("l3_read_only", facts.where)
    if abs(facts.skew) > SKEW:
        yield found("l3_clock", f"{facts.where} is {abs(facts.skew):,.0f} s {'ahead' if facts.skew > 0 else 'behind'}")
    if facts.problem is not None:
        yield found("l3_schema", f"{facts.where}: {facts.problem}")
        return
    if not facts.tenants:
        yield found("l3_not_admitted", f"{facts.role!r} at {facts.where}")
    if not facts.guarded:
        yield found("l3_unguarded", facts.where)
    if facts.exempt is not None:
        yield found("l3_role_exempt", f"{facts.role!r} is {facts.exempt}")


def _of_scopes(facts: DatabaseFacts) -> Iterator[Finding]:
    """Where similar questions are sought."""
    if facts.largest_scope is not None and facts.largest_scope > MOST_OF_A_SCOPE and not facts.vectors:
        yield found("l3_scope_large", f"{facts.where}: {facts.largest_scope:,} entries or more in one")
