"""How entries lie in Redis: the names of keys, the head of a value, and the commands as they are sent.

    {prefix}:1:{<tenant>.<bucket>}:e:<digest>   a string: head, facts, envelope; the server expires it
    {prefix}:1:{<tenant>.<bucket>}:i            a sorted set: digest -> when it expires; "g" -> -generation
    {prefix}:1:{<tenant>.<bucket>}:s:<scope>    a sorted set: digest -> when it was made; of entries with a vector only
    {prefix}:1:{<tenant>.<bucket>}:l:<digest>   a string: who asks upstream for it now (leases.py)
    {prefix}:1:tenants                          a sorted set: tenant -> when the last of its entries will be gone

- The braces are the cluster's hash tag: an entry and its index lie in one slot, so that a read and a write are one
  round trip each. A tenant is spread over 16 buckets: with its name alone as the tag, one node would carry all of it.
- An entry counts only with the generation that its bucket's index has. Whoever removes the index has emptied the bucket
  at once, however much lies there; and where the server itself evicted the index, nothing is served that a later
  invalidation could not find. The generation is read together with the entry, in the same round trip.
- The digest's index holds what invalidation must walk, and nothing else: indexes by tag or model would cost each write
  more than they save the rare invalidation, which reads the heads of a tenant's entries instead.
- A scope's set is what semantic matching begins with: it names the newest, and may name what is not there any more.
"""

from __future__ import annotations

import binascii
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import ceil
from typing import Any, Final

from beastmode_otel.cache.entry import SKEW, Entry, Key
from beastmode_otel.cache.tier import Filter

LAYOUT: Final = 1
BUCKETS: Final = 16
SLOTS: Final = 16384  # of every cluster
HEAD_BYTES: Final = 512  # what an invalidation reads of each entry; longer facts are read again, whole
LEAST_MILLISECONDS: Final = 5000  # clocks of clients differ: what one takes for expired, another may not
GENERATION: Final = b"g"

_OF_A_SCOPE: Final = 500  # entries that a bucket names, the newest
_HEAD: Final = struct.Struct(">16sdI")  # generation in digits, created_at, length of the facts

# Newest wins, but for one whose clock ran ahead. The generation is made here when the index has none.
# KEYS: index, entry, and of one with a vector its scope. ARGV: created_at, what is ahead of the clock, milliseconds,
# expires_at, digest, a new generation, the value behind its generation, the last rank that a scope's set gives up.
# 0: a newer one stays; 2: the index is new.
PUT: Final = b"""
local made = redis.call('ZSCORE', KEYS[1], 'g')
local told = 1
if not made then
  made, told = ARGV[6], 2
  redis.call('ZADD', KEYS[1], '-' .. made, 'g')
end
local generation = string.format('%016.0f', math.abs(tonumber(made)))
local held = redis.call('GETRANGE', KEYS[2], 0, 23)
if #held == 24 and string.sub(held, 1, 16) == generation then
  local created = struct.unpack('>d', string.sub(held, 17, 24))
  if created > tonumber(ARGV[1]) and created <= tonumber(ARGV[2]) then return 0 end
end
redis.call('SET', KEYS[2], generation .. ARGV[7], 'PX', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[5])
local left = redis.call('PTTL', KEYS[1])
if left < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
if KEYS[3] then
  redis.call('ZADD', KEYS[3], ARGV[1], ARGV[5])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, ARGV[8])
  left = redis.call('PTTL', KEYS[3])
  if left < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[3], ARGV[3]) end
end
return told
"""

# KEYS: index, entries. ARGV: what has expired at this time, digests. What was stored anew meanwhile stays.
DROP_EXPIRED: Final = b"""
local gone = 0
for n = 2, #KEYS do
  local expires = redis.call('ZSCORE', KEYS[1], ARGV[n])
  if expires and tonumber(expires) <= tonumber(ARGV[1]) then
    redis.call('DEL', KEYS[n])
    gone = gone + redis.call('ZREM', KEYS[1], ARGV[n])
  end
end
return gone
"""

# KEYS: index, entry. ARGV: the damaged bytes, digest.
DROP_DAMAGED: Final = b"""
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
return redis.call('ZREM', KEYS[1], ARGV[2])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What a value says of its entry, before the envelope. expires_at: not the server's, which may be later."""

    generation: int
    created_at: float
    facts: int
    start: int

    def covers(self, digest: bytes, facts: dict[str, Any], which: Filter, now: float) -> bool:
        """As `Filter.matches`, the tenant aside."""
        return (
            (which.digest is None or which.digest == digest)
            and (which.request_id is None or which.request_id == facts["r"])
            and (which.model is None or which.model == facts["m"])
            and (which.tag is None or which.tag in facts["t"])
            and (which.scope is None or which.scope.hex() == facts["s"])
            and (which.older_than is None or max(0.0, now - self.created_at) > which.older_than)
        )


def head_of(value: bytes) -> Head | None:
    """None: it was not written by this layout."""
    if len(value) < _HEAD.size:
        return None
    generation, created_at, facts = _HEAD.unpack_from(value)
    if not generation.isdigit():
        return None
    return Head(generation=int(generation), created_at=created_at, facts=facts, start=_HEAD.size)


def facts_of(value: bytes, head: Head) -> dict[str, Any] | None:
    """None: not whole, or not written by this layout."""
    text = value[head.start : head.start + head.facts]
    if len(text) < head.facts:
        return None
    try:
        facts = json.loads(text)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and facts.keys() >= {"r", "m", "t", "s"} else None


def envelope_of(value: bytes) -> bytes:
    head = head_of(value)
    return value if head is None else value[head.start + head.facts :]


def tail(entry: Entry, envelope: bytes) -> bytes:
    """A value behind its generation."""
    facts = json.dumps(
        {"r": entry.request_id, "m": entry.key.model, "t": entry.tags, "s": entry.key.scope.hex()},
        separators=(",", ":"),
    ).encode()
    return b"".join((_HEAD.pack(b"", entry.created_at, len(facts))[16:], facts, envelope))


def generation_of(score: Any) -> int | None:
    """As the index tells it: bytes in RESP2, a float in RESP3."""
    return None if score is None else int(-float(score))


# Commands.


def command(*words: bytes) -> bytes:
    """As it goes over the wire (https://redis.io/docs/latest/develop/reference/protocol-spec/)."""
    return b"".join((b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)))


def number(value: float) -> bytes:
    return repr(value).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A bucket of a tenant, and the slot of a cluster that it lies in."""

    base: bytes
    slot: int

    @property
    def index(self) -> bytes:
        return self.base + b":i"

    def entry(self, digest: bytes) -> bytes:
        return self.base + b":e:" + digest.hex().encode()

    def scope(self, scope: bytes) -> bytes:
        return self.base + b":s:" + scope.hex().encode()

    def lease(self, digest: bytes) -> bytes:
        return self.base + b":l:" + digest.hex().encode()

    def delete(self, digests: Sequence[bytes]) -> tuple[bytes, bytes]:
        return command(b"UNLINK", *map(self.entry, digests)), command(b"ZREM", self.index, *digests)


@dataclass(frozen=True, slots=True)
class Layout:
    """The keys below one prefix."""

    prefix: str

    @property
    def root(self) -> bytes:
        return f"{self.prefix}:{LAYOUT}".encode()

    @property
    def tenants(self) -> Place:
        """Its base is the name of the whole key."""
        name = self.root + b":tenants"
        return Place(base=name, slot=slot_of(name))

    @property
    def channel(self) -> bytes:
        """Where invalidations are told."""
        return self.root + b":invalidations"

    def place(self, key: Key) -> Place:
        return _place(self.root, key.tenant, _bucket(key.digest))

    def place_of(self, tenant: str, digest: bytes) -> Place:
        return _place(self.root, tenant, _bucket(digest))

    def places(self, tenant: str) -> list[Place]:
        return [_place(self.root, tenant, bucket) for bucket in range(BUCKETS)]

    # Each read and write of a request.

    def read(self, place: Place, key: Key) -> tuple[bytes, bytes]:
        """The generation, the value."""
        return command(b"ZSCORE", place.index, GENERATION), command(b"GET", place.entry(key.digest))

    def put(self, place: Place, entry: Entry, envelope: bytes, *, now: float, stale: float, fresh: int) -> list[bytes]:
        """The words after EVALSHA and its script. fresh: a generation for an index that has none."""
        milliseconds = max(LEAST_MILLISECONDS, ceil((entry.expires_at + stale - now) * 1000))
        scopes = [] if entry.vector is None else [place.scope(entry.key.scope)]
        return [
            b"%d" % (2 + len(scopes)), place.index, place.entry(entry.key.digest), *scopes,
            number(entry.created_at), number(now + SKEW), b"%d" % milliseconds, number(entry.expires_at),
            entry.key.digest, b"%d" % fresh, tail(entry, envelope), b"%d" % (-1 - _OF_A_SCOPE),
        ]  # fmt: skip


def slot_of(name: bytes) -> int:
    """The cluster's slot of a key, by its hash tag where it has one."""
    start = name.find(b"{")
    end = name.find(b"}", start + 1)
    tag = name[start + 1 : end] if start >= 0 and end > start + 1 else name
    return binascii.crc_hqx(tag, 0) % SLOTS


def _bucket(digest: bytes) -> int:
    return digest[0] % BUCKETS if digest else 0


@lru_cache(maxsize=4096)
def _place(root: bytes, tenant: str, bucket: int) -> Place:
    owner = blake2b(tenant.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
    base = root + f":{{{owner}.{bucket}}}".encode()
    return Place(base=base, slot=slot_of(base))
