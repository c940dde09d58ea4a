"""The ports of the cache: what a tier promises. Every tier runs the same contract suite (tests/contract)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


class TierUnavailable(Exception):
    """The tier cannot answer now; only the tiered cache catches it, counts it and goes on.

    healthy: False when it says something about the tier's health (its breaker counts it), True for a fault of the data
    or of this one call.
    """

    def __init__(self, reason: str, *, healthy: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.healthy = reason, healthy


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries to invalidate: all that match every field that is not None. tenant is never None: no filter crosses
    tenants. older_than: seconds since creation."""

    tenant: str
    digest: bytes | None = None
    request_id: str | None = None
    model: str | None = None
    tag: str | None = None
    scope: bytes | None = None
    older_than: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStats:
    """entries, size in bytes; oldest: age in seconds of the oldest entry, None when empty."""

    entries: int
    size: int
    oldest: float | None = None


class Pending(Protocol):
    """A question already sent."""

    def ready(self, timeout: float) -> bool:
        """Whether `take` will return without waiting, after at most `timeout` seconds."""

    def take(self) -> Entry | None:
        """The answer; waits for it. A late one may be taken on the lane, and still promotes. Raises TierUnavailable."""


class BlockingTier(Protocol):
    """Sync reads, and every background write, delete and probe of both worlds.

    - Thread-safe. Anything that goes wrong is TierUnavailable, nothing else is ever raised.
    - What cannot be decoded, or fails its checksum or signature, is a miss: counted in `damaged` and deleted; unless
      it is `foreign` (a newer release's, or in a compression that is not installed here), then it stays for others.
    - An entry of another tenant is never returned, deleted or counted.
    - `ask` returns expired entries too while they are within the stale limit that the tier was made with: whether an
      expired entry may be served is the caller's decision (`Entry.fresh`).
    """

    name: str
    damaged: int

    def ask(self, key: Key) -> Pending: ...
    def put(self, entry: Entry) -> None: ...
    def delete(self, key: Key) -> None: ...
    def invalidate(self, which: Filter, now: float) -> int: ...
    def purge(self, now: float) -> int: ...
    def stats(self) -> TierStats: ...
    def scan(self, tenant: str | None, limit: int) -> Iterator[Entry]: ...
    def ping(self) -> None: ...
    def close(self) -> None: ...


# Answers that tiers hand out, for questions that needed no waiting and for those that would have.


class Answered:
    """The answer is there already."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry | None) -> None:
        self._entry = entry

    def ready(self, timeout: float) -> bool:
        return True

    def take(self) -> Entry | None:
        return self._entry


class Refused:
    """It is known already that there will be no answer."""

    __slots__ = ("_why",)

    def __init__(self, why: TierUnavailable) -> None:
        self._why = why

    def ready(self, timeout: float) -> bool:
        return True

    def take(self) -> Entry | None:
        raise self._why


class Later:
    """Nothing is under way until `take`, which waits: for the lane. So it is never ready, and `ready` never waits."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Entry | None]) -> None:
        self._find = find

    def ready(self, timeout: float) -> bool:
        return False

    def take(self) -> Entry | None:
        return self._find()
