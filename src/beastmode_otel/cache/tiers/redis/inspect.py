"""The Redis tier as people and warming see it: nothing is written by looking, and nothing damaged deleted.

Redis counts no hits, so nothing here has any. What is about many entries reads the heads of all, some hundred in a
round trip; what is about their contents reads the contents.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import mean
from typing import Any, Final

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import Codec, Damage, Filter, ModelTotals, StoredEntry, TenantTotals, Totals, may_be_key
from beastmode_otel.cache.tiers.redis import walk
from beastmode_otel.cache.tiers.redis.blocking import Connections
from beastmode_otel.cache.tiers.redis.errors import edge
from beastmode_otel.cache.tiers.redis.layout import (
    GENERATION,
    HEAD_BYTES,
    LAYOUT,
    Head,
    Layout,
    Place,
    command,
    envelope_of,
    facts_of,
    generation_of,
    head_of,
)
from beastmode_otel.config.redis_url import RedisUrl

_PATIENCE: Final = 5.0  # seconds at least for a command: somebody waits who has asked for all of it
_PAGE: Final = 50  # entries that are in memory at once
_HEADS: Final = 150  # heads of entries, which are three commands each


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies in the place of one entry. value: all of it, or its first bytes. length: of all.

    head: None when another program wrote it. facts: None as well, or when they go on behind what was read.
    """

    tenant: str
    digest: bytes
    expires_at: float
    length: int
    value: bytes
    head: Head | None
    facts: Mapping[str, Any] | None

    @property
    def size(self) -> int:
        """Of the entry, without what lies before it."""
        return self.length if self.head is None else max(0, self.length - self.head.start - self.head.facts)

    @property
    def model(self) -> str | None:
        return None if self.facts is None else self.facts["m"]


class RedisInspection:
    """An InspectableTier (cache/tier.py). What was invalidated is not there, though its bytes may still be."""

    def __init__(
        self,
        url: RedisUrl,
        *,
        codec: Codec,
        prefix: str = "beastmode",
        stale: float = 0.0,
        hard: float = 0.25,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.location = url.shown
        self._codec, self._stale, self._clock = codec, stale, clock
        self._layout = Layout(prefix)
        self._connections = Connections(url, max(hard, _PATIENCE))

    # Looking.

    def version(self) -> int | None:
        return LAYOUT if self._tenants() else None

    def peek(self, key: Key) -> StoredEntry | None:
        found = self._at(key.tenant, self._layout.place(key), [key.digest], whole=True)
        return self._stored(found[0], key) if found else None

    def named(self, tenant: str, handle: str) -> list[StoredEntry]:
        by_request = [one for one in self._all(tenant) if one.facts is not None and one.facts["r"] == handle]
        if by_request:
            return self._whole(by_request)
        if not may_be_key(handle):
            return []
        place = self._layout.place_of(tenant, bytes.fromhex(handle[:2]))
        alike = (one for one in self._in(tenant, place) if one.digest.hex().startswith(handle.lower()))
        return self._whole(list(islice(alike, 2)))

    def scan_by_frequency(
        self, tenant: str | None, limit: int, *, half_life: float, now: float
    ) -> Iterator[StoredEntry]:
        """The newest first: nobody knows which is asked for more often."""
        fresh = [
            (one.head.created_at, one.tenant, one.digest)
            for one in self._all(tenant)
            if one.head is not None and one.expires_at > now
        ]
        fresh.sort(reverse=True)
        for start in range(0, len(fresh), _PAGE):
            for _, owner, digest in fresh[start : start + _PAGE]:
                if limit <= 0:
                    return
                place = self._layout.place_of(owner, digest)
                for one in self._at(owner, place, [digest], whole=True):
                    stored = self._stored(one)
                    if isinstance(stored.entry, Entry):
                        limit -= 1
                        yield stored

    def totals(self, tenant: str | None, now: float) -> Totals:
        entries = expired = size = 0
        tenants, oldest = set(), None
        for one in self._all(None):
            size += one.size
            if tenant not in (None, one.tenant):
                continue
            entries += 1
            expired += one.expires_at <= now
            tenants.add(one.tenant)
            if one.head is not None:
                oldest = min(oldest or one.head.created_at, one.head.created_at)
        return Totals(entries=entries, expired=expired, tenants=len(tenants), oldest=oldest, size=size)

    def totals_by_model(self, tenant: str | None) -> list[ModelTotals]:
        entries: Counter[str] = Counter()
        costs: dict[str, list[tuple[int | None, int | None, float | None]]] = defaultdict(list)
        for one in self._all(tenant, whole=True):
            if one.model is None:
                continue
            entries[one.model] += 1
            entry = self._stored(one).entry
            if isinstance(entry, Entry):
                asked, told = (entry.usage.input_tokens, entry.usage.output_tokens) if entry.usage else (None, None)
                costs[one.model].append((asked, told, entry.cost))
        return [
            ModelTotals(
                model=model, entries=count, hits=None, input_tokens=_mean(one[0] for one in costs[model]),
                output_tokens=_mean(one[1] for one in costs[model]), usd=_mean(one[2] for one in costs[model]),
                saved_tokens=None, saved_usd=None,
            )
            for model, count in sorted(entries.items(), key=lambda one: (-one[1], one[0]))
        ]  # fmt: skip

    def totals_by_tenant(self) -> list[TenantTotals]:
        entries = Counter(one.tenant for one in self._all(None))
        return [TenantTotals(tenant=tenant, entries=count, hits=None) for tenant, count in sorted(entries.items())]

    def damage(self, tenant: str | None) -> Mapping[str, int]:
        read = (self._stored(one).entry for one in self._all(tenant, whole=True))
        return Counter(entry.reason for entry in read if not isinstance(entry, Entry))

    def related(self, key: Key) -> tuple[int, int]:
        scopes = [
            one.facts["s"] == key.scope.hex()
            for one in self._all(key.tenant)
            if one.facts is not None and one.model == key.model and one.digest != key.digest
        ]
        return sum(scopes), len(scopes) - sum(scopes)

    # Reading.

    def _tenants(self) -> list[str]:
        with edge():
            return walk.tenants_of(self._connections, self._layout)

    def _all(self, tenant: str | None, *, whole: bool = False) -> Iterator[Found]:
        for owner in self._tenants() if tenant is None else [tenant]:
            for place in self._layout.places(owner):
                yield from self._in(owner, place, whole=whole)

    def _in(self, tenant: str, place: Place, *, whole: bool = False) -> Iterator[Found]:
        """A bucket's, each once."""
        seen: set[bytes] = set()
        pages = walk.members(self._connections, place)
        while True:
            with edge():
                page = next(pages, None)
            if page is None:
                return
            new = [digest for digest in page if digest not in seen]
            seen.update(page)
            step = _PAGE if whole else _HEADS
            for start in range(0, len(new), step):
                yield from self._at(tenant, place, new[start : start + step], whole=whole)

    def _at(self, tenant: str, place: Place, digests: Sequence[bytes], *, whole: bool) -> list[Found]:
        """Those that are there."""
        last = b"-1" if whole else b"%d" % (HEAD_BYTES - 1)
        asked = [
            sent
            for digest in digests
            for sent in (
                command(b"ZSCORE", place.index, digest),
                command(b"STRLEN", place.entry(digest)),
                command(b"GETRANGE", place.entry(digest), b"0", last),
            )
        ]
        with edge():
            made, *answers = self._connections.call(place.slot, command(b"ZSCORE", place.index, GENERATION), *asked)
            found = []
            for number, digest in enumerate(digests):
                expires_at, length, value = answers[3 * number : 3 * number + 3]
                head = head_of(value)
                if not value or (head is not None and head.generation != generation_of(made)):
                    continue  # evicted or invalidated
                facts = None if head is None else facts_of(self._longer(place, digest, value, head), head)
                found.append(
                    Found(
                        tenant=tenant, digest=digest, expires_at=float(expires_at or 0.0), length=length, value=value,
                        head=head, facts=facts,
                    )
                )  # fmt: skip
        return found

    def _longer(self, place: Place, digest: bytes, value: bytes, head: Head) -> bytes:
        """With all of its facts, which may go on behind what was read."""
        end = head.start + head.facts
        if end <= len(value):
            return value
        (value,) = self._connections.call(
            place.slot, command(b"GETRANGE", place.entry(digest), b"0", b"%d" % (end - 1))
        )
        return bytes(value)

    def _whole(self, found: list[Found]) -> list[StoredEntry]:
        return [
            self._stored(again)
            for one in found
            for again in self._at(one.tenant, self._layout.place_of(one.tenant, one.digest), [one.digest], whole=True)
        ]

    def _stored(self, found: Found, key: Key | None = None) -> StoredEntry:
        """key: what it was looked for by; None: what it says of itself, but for the place where it lies."""
        entry: Entry | Damage = self._codec.decode(envelope_of(found.value), key)
        told = entry.key if isinstance(entry, Entry) else None
        facts = found.facts or {"s": "", "m": ""}
        known = key or Key(
            digest=found.digest,
            scope=told.scope if told else _bytes(facts["s"]),
            tenant=found.tenant,
            namespace=told.namespace if told else "",
            model=told.model if told else facts["m"],
        )
        if told is not None and told != known:
            entry = self._codec.decode(envelope_of(found.value), known)  # of another place, which it says
        return StoredEntry(
            key=known, entry=entry, created_at=found.head.created_at if found.head else 0.0,
            expires_at=found.expires_at, accessed_at=None, hits=None, size=found.size,
        )  # fmt: skip

    # Removing.

    def invalidate(self, which: Filter, now: float) -> int:
        with edge():
            return walk.invalidate(self._connections, self._layout, which, now)

    def purge(self, now: float) -> int:
        with edge():
            return walk.purge(self._connections, self._layout, now - self._stale, random.Random(), most=None)

    def close(self) -> None:
        self._connections.close()


def _mean(values: Iterator[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
