"""What the cache holds, and the handle it is found by. Values only; encoding is envelope.py's."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from beastmode_otel.wire.facts import Usage

_CRC: Final = 2.0**-32
SKEW: Final = 60.0  # seconds that the clocks of two machines may differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The exact handle of a request. digest, scope: 32 bytes; see key.py for what goes into them.

    Equality of digests is equality of requests, within a tenant. scope: what must be equal before similarity counts.
    model: the id that was asked for (the route's name), for invalidation; not part of the digest by itself.
    """

    digest: bytes
    scope: bytes
    tenant: str
    namespace: str
    model: str

    @property
    def short(self) -> str:
        """For spans and people: enough to recognise a key, useless to anybody else."""
        return self.digest[:6].hex()

    def jittered(self, ttl: float, jitter: float) -> float:
        """`ttl` less a part of `jitter` of it, which is this key's own: what was stored together expires apart.

        The same in every tier and process, so that nobody has to store it.
        """
        return ttl - ttl * jitter * zlib.crc32(self.digest) * _CRC if jitter else ttl


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A stored answer. Times are UTC seconds since the epoch.

    model_requested: the route's name. model_served: what the provider says answered. api: the wire format of body.
    body: the provider's whole-answer JSON as bytes. text: the assistant's text in it. cost: USD when it was bought.
    tokens may be None where the provider did not count.
    question, vector, embedder: only where semantic matching is on: what the user said last, its embedding (float32,
    little-endian, of length 1) and whose that is. A vector never comes without its embedder's name.
    """

    key: Key
    request_id: str
    api: str
    provider: str
    deployment: str
    model_served: str
    created_at: float
    expires_at: float
    body: bytes = field(repr=False)
    text: str = field(repr=False)
    finish_reason: str | None = None
    usage: Usage | None = None
    cost: float | None = None
    tags: tuple[str, ...] = ()
    question: str | None = field(default=None, repr=False)
    vector: bytes | None = field(default=None, repr=False)
    embedder: str | None = None

    def age(self, now: float) -> float:
        return max(0.0, now - self.created_at)

    def ahead(self, now: float) -> bool:
        """Whether the clock that stored it ran ahead: nobody knows how old it is, and it is a miss (go-cache#161)."""
        return self.created_at > now + SKEW

    def fresh(self, now: float) -> bool:
        return now < self.expires_at and self.created_at <= now + SKEW

    @property
    def size(self) -> int:
        """Roughly the bytes it takes: payload and a fixed overhead."""
        matched = len(self.question or "") + len(self.vector or b"")
        return len(self.body) + len(self.text) + sum(map(len, self.tags)) + matched + 600
