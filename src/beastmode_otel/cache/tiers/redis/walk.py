"""What looks at many entries: invalidation, purge, counting, scanning. Some hundred keys in a round trip, in the
background; nothing here keeps the server busy for longer than a page takes."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from typing import Final

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.tier import Filter, TierStats
from beastmode_otel.cache.tiers.redis.blocking import Connections
from beastmode_otel.cache.tiers.redis.layout import (
    DROP_EXPIRED,
    GENERATION,
    HEAD_BYTES,
    Layout,
    Place,
    command,
    facts_of,
    head_of,
    number,
)

_PAGE: Final = 500
_READ: Final = 50  # whole entries that are in memory at once
_PURGED_TENANTS: Final = 64  # at a time: with thousands of them, each process sees to some, and chance to all
_PURGED: Final = 10_000
_COUNTED_TENANTS: Final = 1_000  # those with the most time left; the others are taken to be like them
_SAMPLE: Final = 1_024  # entries whose size is looked at


def tenants_of(connections: Connections, layout: Layout) -> list[str]:
    """All that are known to have entries."""
    names = layout.tenants
    (found,) = connections.call(names.slot, command(b"ZREVRANGE", names.base, b"0", b"-1"))
    return [name.decode("utf-8", "surrogatepass") for name in found]


def members(connections: Connections, place: Place) -> Iterator[list[bytes]]:
    """The digests of a bucket, by pages: each that is there from beginning to end is among them, maybe twice."""
    cursor = b"0"
    while True:
        (answer,) = connections.call(place.slot, command(b"ZSCAN", place.index, cursor, b"COUNT", b"%d" % _PAGE))
        cursor, found = answer
        digests = [member for member in found[::2] if member != GENERATION]
        if digests:
            yield digests
        if cursor == b"0":
            return


# Invalidation.


def invalidate(connections: Connections, layout: Layout, which: Filter, now: float) -> int:
    if which.digest is not None:
        return _remove_matching(connections, layout.place_of(which.tenant, which.digest), [which.digest], which, now)
    places = layout.places(which.tenant)
    if which == Filter(tenant=which.tenant):
        return _flush(connections, places)
    return sum(
        _remove_matching(connections, place, digests, which, now)
        for place in places
        for digests in members(connections, place)
    )


def _flush(connections: Connections, places: list[Place]) -> int:
    """All of a tenant, at once: with its index, a bucket's generation is gone. The server expires what nobody finds."""
    works = [
        (place.slot, sent)
        for place in places
        for sent in (command(b"ZCOUNT", place.index, b"0", b"+inf"), command(b"UNLINK", place.index))
    ]
    return sum(connections.call_each(works)[::2])


def _remove_matching(connections: Connections, place: Place, digests: list[bytes], which: Filter, now: float) -> int:
    heads = connections.call(
        place.slot, *(command(b"GETRANGE", place.entry(digest), b"0", b"%d" % (HEAD_BYTES - 1)) for digest in digests)
    )
    gone, matching = [], []
    for digest, value in zip(digests, heads, strict=True):
        if not value:
            gone.append(digest)  # evicted: its digest need not stay
        elif _matches(connections, place, digest, value, which, now):
            matching.append(digest)
    if gone:
        connections.call(place.slot, command(b"ZREM", place.index, *gone))
    if not matching:
        return 0
    unlinked, _ = connections.call(place.slot, *place.delete(matching))
    return int(unlinked)


def _matches(connections: Connections, place: Place, digest: bytes, value: bytes, which: Filter, now: float) -> bool:
    head = head_of(value)
    facts = facts_of(value, head) if head else None
    if head is not None and facts is None and head.facts > len(value) - head.start:  # longer than what was read
        last = b"%d" % (head.start + head.facts - 1)
        (value,) = connections.call(place.slot, command(b"GETRANGE", place.entry(digest), b"0", last))
        facts = facts_of(value, head)
    if head is None or facts is None:
        return True  # nobody can read what it is
    return head.covers(digest, facts, which, now)


# Upkeep.


def purge(
    connections: Connections, layout: Layout, horizon: float, rng: random.Random, *, most: int | None = _PURGED_TENANTS
) -> int:
    """most: tenants; None: all of them."""
    names = layout.tenants
    connections.call(names.slot, command(b"ZREMRANGEBYSCORE", names.base, b"-inf", b"(" + number(horizon)))
    tenants = tenants_of(connections, layout)
    some = tenants if most is None or len(tenants) <= most else rng.sample(tenants, most)
    places = [place for tenant in some for place in layout.places(tenant)]
    gone, limit = 0, number(horizon)
    while places and gone < _PURGED:
        due = connections.call_each(
            [(place.slot, command(b"ZRANGEBYSCORE", place.index, b"0", limit, b"LIMIT", b"0", b"%d" % _PAGE))
             for place in places]
        )  # fmt: skip
        for place, digests in zip(places, due, strict=True):
            if digests:
                keys = [place.index, *map(place.entry, digests)]
                gone += connections.run(place.slot, DROP_EXPIRED, [b"%d" % len(keys), *keys, limit, *digests])
        places = [place for place, digests in zip(places, due, strict=True) if len(digests) == _PAGE]
    return gone


def stats(connections: Connections, layout: Layout, now: float, stale: float) -> TierStats:
    tenants = tenants_of(connections, layout)
    places = [place for tenant in tenants[:_COUNTED_TENANTS] for place in layout.places(tenant)]
    if not places:
        return TierStats(entries=0, size=0)
    oldest = b"(" + number(now - stale)
    each = b"%d" % max(1, _SAMPLE // len(places))
    works = [
        (place.slot, sent)
        for place in places
        for sent in (
            command(b"ZCOUNT", place.index, oldest, b"+inf"),
            command(b"ZRANGEBYSCORE", place.index, oldest, b"+inf", b"LIMIT", b"0", each),
        )
    ]
    found = connections.call_each(works)
    counted, sampled = sum(found[::2]), [(place, digest) for place, some in zip(places, found[1::2], strict=True)
                                         for digest in some]  # fmt: skip
    return _estimate(connections, counted, sampled, now, len(tenants) / min(len(tenants), _COUNTED_TENANTS))


def _estimate(
    connections: Connections, counted: int, sampled: list[tuple[Place, bytes]], now: float, more: float
) -> TierStats:
    """From what the sample holds: how many are there still, as the server evicts without a word, and how large."""
    works = [
        (place.slot, sent)
        for place, digest in sampled
        for sent in (
            command(b"STRLEN", place.entry(digest)),
            command(b"GETRANGE", place.entry(digest), b"0", b"31"),
        )
    ]
    answers = connections.call_each(works) if works else []
    sizes = [size for size in answers[::2] if size]
    heads = [head for value in answers[1::2] if (head := head_of(value)) is not None]
    if not sizes:
        return TierStats(entries=0, size=0)
    entries = round(counted * len(sizes) / len(sampled) * more)
    oldest = min((head.created_at for head in heads), default=now)
    return TierStats(entries=entries, size=round(entries * sum(sizes) / len(sizes)), oldest=max(0.0, now - oldest))


# Scanning.


def newest(connections: Connections, layout: Layout, tenant: str | None, limit: int) -> Iterator[tuple[str, bytes]]:
    """Tenants and digests, the newest first; some more than `limit`, as not all can be read."""
    tenants = tenants_of(connections, layout) if tenant is None else [tenant]
    found = heapq.nlargest(2 * max(0, limit), _dated(connections, layout, tenants)) if limit > 0 else []
    return ((owner, digest) for _, owner, digest in found)


def of_scope(connections: Connections, layout: Layout, key: Key, limit: int) -> Iterator[list[bytes]]:
    """Digests by pages, the newest first, of entries that have a vector; some may be gone."""
    if limit <= 0:
        return
    newest = [b"0", b"%d" % (limit - 1), b"WITHSCORES"]
    named = connections.call_each(
        [(place.slot, command(b"ZREVRANGE", place.scope(key.scope), *newest)) for place in layout.places(key.tenant)]
    )
    dated = [(float(made), digest) for one in named for digest, made in zip(one[::2], one[1::2], strict=True)]
    digests = [digest for _, digest in heapq.nlargest(limit, dated)]
    for start in range(0, len(digests), _READ):
        yield digests[start : start + _READ]


def _dated(connections: Connections, layout: Layout, tenants: list[str]) -> Iterator[tuple[float, str, bytes]]:
    for owner in tenants:
        for place in layout.places(owner):
            for digests in members(connections, place):
                values = connections.call(
                    place.slot, *(command(b"GETRANGE", place.entry(digest), b"0", b"31") for digest in digests)
                )
                for digest, value in zip(digests, values, strict=True):
                    head = head_of(value)
                    if value:
                        yield (head.created_at if head else float("-inf")), owner, digest
