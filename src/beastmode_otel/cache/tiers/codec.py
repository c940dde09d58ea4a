"""How a tier turns an entry into bytes and back. Whoever assembles the cache binds secret and compression."""

from __future__ import annotations

from typing import Protocol

from beastmode_otel.cache.entry import Entry, Key


class Damage(Protocol):
    """Why bytes are not an entry. foreign: they may be one to another release, so they are not ours to delete."""

    @property
    def reason(self) -> str: ...
    @property
    def foreign(self) -> bool: ...


class Codec(Protocol):
    """Bytes say themselves which version and compression they are."""

    def encode(self, entry: Entry) -> bytes: ...

    def decode(self, data: bytes, key: Key) -> Entry | Damage:
        """The entry of exactly this key (tenant and digest). Never raises."""
