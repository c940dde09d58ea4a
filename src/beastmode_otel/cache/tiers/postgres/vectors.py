"""Vectors beside the entries of the Postgres tier, where `cache migrate --pgvector` has made room for them."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.postgres.connection import Query

AGAIN: Final = 60.0  # seconds after which a server is asked again whether it has the table
REST: Final = 10.0  # seconds for which nothing is searched after a search that failed: it was too much, or is ill

_THERE: Final[Query] = (b"select to_regclass('beastmode.llm_vector') is not null", ())
# The operators of pgvector lie in whatever schema it was put into. Until the end of the exchange.
_PATH: Final[Query] = (
    b"""select set_config('search_path', quote_ident(n.nspname), true)
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector'""", ())  # fmt: skip
# Only of the entry that lies there: a write that was late has replaced nothing.
_PUT: Final = b"""insert into beastmode.llm_vector (tenant, key, scope, embedder, expires_at, vector)
    select tenant, key, scope, $3, expires_at, $4::float8[]::halfvec from beastmode.llm_cache
    where tenant = $1 and key = $2 and created_at = to_timestamp($5)
    on conflict (tenant, key) do update set scope = excluded.scope, embedder = excluded.embedder,
        expires_at = excluded.expires_at, vector = excluded.vector"""
_NEAREST: Final = b"""select c.key, c.scope, c.namespace, c.model_requested, c.payload
    from (
        select tenant, key, vector <=> $4::float8[]::halfvec as far from beastmode.llm_vector
        where tenant = $1 and scope = $2 and embedder = $3 and expires_at > to_timestamp($5)
            and vector_dims(vector) = $6
        order by far limit $7
    ) near
    join beastmode.llm_cache c on c.tenant = near.tenant and c.key = near.key
    order by near.far"""


class Run(Protocol):
    """As `PostgresTier.run`. Raises TierUnavailable."""

    def __call__(
        self, tenant: str | None, query: Query, seconds: float | None = None, *, lazy: bool = False,
        before: Sequence[Query] = (),
    ) -> tuple[list[Any], int]: ...  # fmt: skip


class PostgresVectors:
    """Never raises, and is never needed: a server without them, or one that is ill, is as if nothing was near."""

    def __init__(self, run: Run, tell: Callable[[str], None]) -> None:
        self._run, self._tell, self._told = run, tell, False
        self._known, self._ask_again, self._rest_until = False, 0.0, 0.0

    def there(self) -> bool:
        """Whether the server has the table, as far as is known; asked once a minute."""
        now = time.monotonic()
        if now >= self._ask_again:
            self._ask_again = now + AGAIN
            try:
                ((self._known,),), _ = self._run(None, _THERE)
            except TierUnavailable:
                self._known = False
        return self._known

    def put(self, entry: Entry) -> None:
        """After the entry itself, which must not depend on it."""
        if not entry.vector or entry.embedder is None or not self.there():
            return
        key = entry.key
        query = _PUT, (key.tenant, key.digest, entry.embedder, _numbers(entry.vector), entry.created_at)
        try:
            self._run(key.tenant, query, lazy=True, before=[_PATH])
        except TierUnavailable as ill:
            self._failed(ill)

    def nearest(
        self, key: Key, vector: bytes, embedder: str, limit: int, now: float, seconds: float
    ) -> list[tuple[Key, bytes]]:
        """Keys and payloads."""
        until = time.monotonic() + seconds
        if time.monotonic() < self._rest_until or not self.there():
            return []
        left = until - time.monotonic()
        if left < 0.001:  # to Postgres a timeout of 0 is none
            return []
        numbers = _numbers(vector)
        query = _NEAREST, (key.tenant, key.scope, embedder, numbers, now, len(numbers), limit)
        try:
            rows, _ = self._run(key.tenant, query, left, before=[_PATH])
        except TierUnavailable as ill:
            self._failed(ill)
            return []
        return [
            (Key(tenant=key.tenant, digest=digest, scope=scope, namespace=namespace, model=model), payload)
            for digest, scope, namespace, model, payload in rows
        ]

    def _failed(self, ill: TierUnavailable) -> None:
        self._rest_until, self._ask_again = time.monotonic() + REST, 0.0
        if not self._told:
            self._told = True
            self._tell(f"the search by pgvector rests for {REST:.0f} s after each failure; the first: {ill.reason}")


def _numbers(vector: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(vector) // 4}f", vector)
