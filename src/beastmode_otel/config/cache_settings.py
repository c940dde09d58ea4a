"""The cache's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

from beastmode_otel.config.secret import Secret

CacheMode = Literal["off", "on"]
WriteMode = Literal["background", "sync"]
DEFAULT_L3 = "sqlite:///~/.cache/beastmode_otel/cache.db"
OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTier:
    """L1. ttl: seconds."""

    ttl: float = 3600.0
    max_bytes: int = 64 * 1024 * 1024
    max_entries: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTier:
    """A slower tier. url: where; "off" for none. ttl: seconds. soft: seconds that a request waits for it.

    max_bytes: of a file, about. given: somebody asked for this very url, so that it must work; the default may be left
    out where it cannot.
    """

    url: str = DEFAULT_L3
    ttl: float = 86_400.0
    soft: float = 0.15
    max_bytes: int = 1024 * 1024 * 1024
    given: bool = False

    @property
    def path(self) -> str | None:
        """The file of a sqlite URL; None when the tier is off."""
        return None if self.url == OFF else unquote(urlsplit(self.url).path)[1:] or None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """mode: off, or on (exact matches). stale_if_error: seconds for which an expired entry may still answer when every
    deployment failed. write_mode: sync writes the slower tiers before the answer is returned. max_body: bytes of a
    stored answer. secret: signs what is stored outside of the process.
    """

    mode: CacheMode = "on"
    l1: MemoryTier = MemoryTier()
    l3: StoreTier = StoreTier()
    stale_if_error: float = 0.0
    write_mode: WriteMode = "background"
    max_body: int = 1024 * 1024
    secret: Secret | None = None
