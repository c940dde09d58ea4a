"""Reading `[cache]`, and the variables that override it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from beastmode_otel.config.parse_semantic import PLACE, read_semantic
from beastmode_otel.config.postgres_url import SCHEMES, BadPostgresUrl, read_postgres_url
from beastmode_otel.config.redis_url import BadRedisUrl, RedisUrl, read_redis_url
from beastmode_otel.config.settings import (
    DEFAULT_L3,
    OFF,
    CacheMode,
    CacheSettings,
    MemoryTier,
    OwnLevel,
    OwnTier,
    SaidBy,
    Secret,
    SharedTier,
    StoreTier,
    Ttl,
    WarmSettings,
    WriteMode,
)
from beastmode_otel.config.table import Source, Table
from beastmode_otel.errors import ConfigError, public_url
from beastmode_otel.errors.redact import shown


def read_cache(top: Table, source: Source) -> CacheSettings:
    """What a program passes in wins over the environment, and that over a file. Off where nobody says anything.

    `cache = "on"` is a table with that mode, and `l3 = "off"` one with that url. Raises ConfigError.
    """
    table = top.table("cache", short="mode")
    mode, said_by = _mode(table, source, written=top.has("cache"))
    settings = CacheSettings(
        mode=mode,
        said_by=said_by,
        ttl=read_ttl(table),
        jitter=_jitter(table),
        obey_cache_control=read_switch(table, "obey_cache_control"),
        l1=_memory(table.table("l1")),
        l2=_shared(table.table("l2", short="url"), source),
        l3=_store(table.table("l3", short="url"), source),
        own=_own(table.table("own")) if table.has("own") else None,
        semantic=read_semantic(table.table("semantic", short="profile")),
        stale_if_error=table.number("stale_if_error", 0.0),
        write_mode=table.choice("write_mode", WriteMode, "background"),
        lease=table.flag("lease", False),
        lease_seconds=table.number("lease_seconds", 5.0, above=True),
        warm=_warm(table.table("warm")),
        max_body=table.whole("max_body", 1024 * 1024, least=1),
        secret=_secret(table, source),
    )
    table.done()
    return settings


_LONGEST = 1e12
_SPAN = "a number of seconds above 0, or a function that takes the answer and returns one, or None"


def read_ttl(table: Table) -> Ttl:
    """A function only from Python, which TOML has none of. Raises ConfigError."""
    ttl: Ttl = table.get("ttl")
    if ttl is not None and not is_ttl(ttl):
        raise table.fail("ttl", f"is {ttl!r:.40}", f"write {_SPAN}")
    return ttl


def is_ttl(value: Any) -> bool:
    """Whether it is seconds above 0, or can be called."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return callable(value)
    return 0 < value <= _LONGEST or value == math.inf


def with_ttl(settings: CacheSettings, ttl: Ttl) -> CacheSettings:
    """The settings with a constructor's `ttl=`, which outranks them. Raises ConfigError."""
    if ttl is None:
        return settings
    if not is_ttl(ttl):
        raise ConfigError(f"ttl is {ttl!r:.40}", hints=(f"pass {_SPAN}",))
    return replace(settings, ttl=ttl)


def read_switch(table: Table, key: str) -> bool | None:
    """true, false, or not said. Raises ConfigError."""
    value = table.get(key)
    if value is not None and not isinstance(value, bool):
        raise table.fail(key, f"is {value!r:.40}", "write true or false")
    return value


def _jitter(table: Table) -> float:
    jitter = table.number("jitter", 0.1)
    if jitter >= 1:
        raise table.fail("jitter", f"is {jitter:g}", "write a part below 1, such as 0.1, or 0 for none")
    return jitter


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


def _mode(table: Table, source: Source, *, written: bool) -> tuple[CacheMode, SaidBy]:
    """written: whether there is a `[cache]`, which asks for the cache when it says no mode; for a semantic one where it
    says what that is like."""
    said = _overridden(table, "mode", "BEASTMODE_CACHE", source)
    if said is not None:
        named = Table(source, "environment", {"BEASTMODE_CACHE": said})
        return named.choice("BEASTMODE_CACHE", CacheMode, "off"), "BEASTMODE_CACHE"
    usual = "semantic" if table.has("semantic") else "on" if written else "off"
    return table.choice("mode", CacheMode, usual), "[cache]" if written else "nobody"


_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")


def _shared(table: Table, source: Source) -> SharedTier:
    url = _overridden(table, "url", "BEASTMODE_L2_URL", source) or table.text("url")
    prefix = table.text("prefix", "beastmode") or ""
    if not _PREFIX.fullmatch(prefix):
        # Braces in it would be the cluster's hash tag, and put everything on one node.
        raise table.fail("prefix", f"is {prefix!r}", "use letters, digits and _ . : - (64 at most)")
    tier = SharedTier(
        url=None if url in (None, OFF) else _redis(table, url),
        ttl=table.number("ttl", 7_200.0, above=True),
        soft=table.number("soft", 0.05, above=True),
        hard=table.number("hard", 0.25, above=True),
        prefix=prefix,
    )
    if tier.hard < tier.soft:
        raise table.fail("hard", f"is {tier.hard:g}, less than soft ({tier.soft:g})", "use at least the same")
    table.done()
    return tier


def _redis(table: Table, url: str) -> RedisUrl:
    try:
        return read_redis_url(url)
    except BadRedisUrl as exc:
        bad = exc
    # Outside of `except`: what an option is called may be a piece of the password, and would hang on as context.
    raise table.fail("url", f"{_place(url)!r} {bad.problem}", bad.hint)


def _place(url: str) -> str:
    """Without its options too: in a URL that is wrong, they may be a piece of the password."""
    return public_url(url).partition("?")[0]


def _store(table: Table, source: Source) -> StoreTier:
    given = _overridden(table, "url", "BEASTMODE_L3_URL", source) or table.text("url")
    url = given or DEFAULT_L3
    if url.strip().partition("://")[0] in SCHEMES:
        problem: BadPostgresUrl | None = None
        try:
            read_postgres_url(url)
        except BadPostgresUrl as exc:
            problem = exc
        if problem is not None:  # outside of `except`, as with Redis
            raise table.fail("url", f"{_place(url)!r} {problem.problem}", problem.hint)
    elif url != OFF and not _is_sqlite(url):
        hint = (
            "write sqlite:///relative.db, sqlite:////absolute.db, sqlite:///~/file.db, "
            "postgresql://user:password@host:5432/database, or off"
        )
        raise table.fail("url", f"is {shown(url)}", hint)
    soft = table.number("soft", 0.15, above=True)
    store = StoreTier(
        url=url,
        ttl=table.number("ttl", 86_400.0, above=True),
        soft=soft,
        hard=table.number("hard", max(1.0, soft), above=True),
        max_bytes=table.whole("max_bytes", 1024 * 1024 * 1024, least=1024 * 1024),
        prepare=table.flag("prepare", False),
        given=given is not None,
    )
    if store.hard < store.soft:
        raise table.fail("hard", f"is {store.hard:g}, less than soft ({store.soft:g})", "use at least the same")
    if store.prepare and store.server is None:
        raise table.fail("prepare", "is set, and L3 is no Postgres", "take it out, or write url = postgresql://…")
    table.done()
    return store


def _warm(table: Table) -> WarmSettings:
    usual = WarmSettings()
    warm = WarmSettings(
        at_start=table.flag("at_start", usual.at_start),
        every=table.number("every", 0.0, least=10.0) if table.has("every") else None,
        seconds=table.number("seconds", usual.seconds, above=True),
        entries=table.whole("entries", usual.entries, least=1),
        max_bytes=table.whole("max_bytes", usual.max_bytes, least=1024),
        half_life=table.number("half_life", usual.half_life, above=True),
        tenant=table.text("tenant"),
    )
    if warm.every is not None and not warm.at_start:
        raise table.fail("every", "is set, and at_start is not", "write at_start = true: the first run is then")
    table.done()
    return warm


def _is_sqlite(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "sqlite" and not parts.netloc and len(parts.path) >= 2


def _own(table: Table) -> OwnTier:
    tier = table.get("tier")
    if not callable(tier) and (not isinstance(tier, str) or not PLACE.fullmatch(tier)):
        raise table.fail("tier", f"is {tier!r:.80}", 'name what makes it: tier = "package.module:name"')
    level: OwnLevel = table.choice("level", OwnLevel, "l2")
    usual = OwnTier(tier=tier) if level == "l2" else OwnTier(tier=tier, ttl=StoreTier().ttl, soft=StoreTier().soft)
    own = OwnTier(
        tier=tier,
        level=level,
        ttl=table.number("ttl", usual.ttl, above=True),
        soft=table.number("soft", usual.soft, above=True),
    )
    table.done()
    return own


def _secret(table: Table, source: Source) -> Secret | None:
    said = _overridden(table, "secret", "BEASTMODE_SECRET", source)
    return table.secret("secret") if said is None else Secret(said)
