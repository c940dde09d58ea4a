"""Reading `[cache]`, and the variables that override it."""

from __future__ import annotations

from urllib.parse import urlsplit

from beastmode_otel.config.settings import (
    DEFAULT_L3,
    OFF,
    CacheMode,
    CacheSettings,
    MemoryTier,
    Secret,
    StoreTier,
    WriteMode,
)
from beastmode_otel.config.table import Source, Table


def read_cache(table: Table, source: Source) -> CacheSettings:
    """What a program passes in wins over the environment, and that over a file. Raises ConfigError."""
    settings = CacheSettings(
        mode=_mode(table, source),
        l1=_memory(table.table("l1")),
        l3=_store(table.table("l3"), source),
        stale_if_error=table.number("stale_if_error", 0.0),
        write_mode=table.choice("write_mode", WriteMode, "background"),
        lease=table.flag("lease", False),
        lease_seconds=table.number("lease_seconds", 5.0, above=True),
        max_body=table.whole("max_body", 1024 * 1024, least=1),
        secret=_secret(table, source),
    )
    table.done()
    return settings


def _memory(table: Table) -> MemoryTier:
    tier = MemoryTier(
        ttl=table.number("ttl", 3600.0, above=True),
        max_bytes=table.whole("max_bytes", 64 * 1024 * 1024, least=1),
        max_entries=table.whole("max_entries", 10_000, least=1),
    )
    table.done()
    return tier


def _overridden(table: Table, key: str, variable: str, source: Source) -> str | None:
    """The variable's value where it counts."""
    said = table.get(key) is not None and not source.file
    return None if said else source.environ.get(variable) or None


def _mode(table: Table, source: Source) -> CacheMode:
    said = _overridden(table, "mode", "BEASTMODE_CACHE", source)
    if said is not None:
        table = Table(source, "environment", {"BEASTMODE_CACHE": said})
    mode: CacheMode = table.choice("mode" if said is None else "BEASTMODE_CACHE", CacheMode, "on")
    return mode


def _store(table: Table, source: Source) -> StoreTier:
    given = _overridden(table, "url", "BEASTMODE_L3_URL", source) or table.text("url")
    url = given or DEFAULT_L3
    parts = urlsplit(url)
    if url != OFF and (parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2):
        hint = "write sqlite:///relative.db, sqlite:////absolute.db, sqlite:///~/file.db, or off"
        raise table.fail("url", f"is {url!r}", hint)
    store = StoreTier(
        url=url,
        ttl=table.number("ttl", 86_400.0, above=True),
        soft=table.number("soft", 0.15, above=True),
        max_bytes=table.whole("max_bytes", 1024 * 1024 * 1024, least=1024 * 1024),
        given=given is not None,
    )
    table.done()
    return store


def _secret(table: Table, source: Source) -> Secret | None:
    said = _overridden(table, "secret", "BEASTMODE_SECRET", source)
    return table.secret("secret") if said is None else Secret(said)
