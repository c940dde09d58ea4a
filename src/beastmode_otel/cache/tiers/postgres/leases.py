"""Leases in the Postgres tier's database: for processes of many machines, by the server's clock."""

from __future__ import annotations

from typing import Any, Final, Protocol

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.lease import DONE_SECONDS, Grant
from beastmode_otel.cache.tiers.postgres.connection import Query

# A statement has one time, however long it waited: clock_timestamp() is now.
_LOOK: Final = b"""select extract(epoch from ends_at - clock_timestamp())::float8, done from beastmode.llm_lease
    where tenant = $1 and key = $2 and ends_at > clock_timestamp()"""
# Whoever finds another's in the way changes nothing, and learns of it by getting no row. The token grows with the time,
# so that it is greater than that of a lease whose row is gone.
_TAKE: Final = b"""insert into beastmode.llm_lease as held (tenant, key, token, ends_at)
    values ($1, $2, (extract(epoch from clock_timestamp()) * 1000000)::bigint,
        clock_timestamp() + make_interval(secs => $3))
    on conflict (tenant, key) do update set
        token = greatest(excluded.token, held.token + 1), ends_at = excluded.ends_at, done = false
    where held.ends_at <= clock_timestamp()
    returning token"""
_RENEW: Final = b"""update beastmode.llm_lease set ends_at = clock_timestamp() + make_interval(secs => $4)
    where tenant = $1 and key = $2 and token = $3 and not done"""
_END: Final = b"""update beastmode.llm_lease set ends_at = clock_timestamp() + make_interval(secs => $4), done = true
    where tenant = $1 and key = $2 and token = $3 and not done"""
_FORGET: Final = b"""delete from beastmode.llm_lease where ctid = any (array(
    select ctid from beastmode.llm_lease where ends_at <= clock_timestamp() limit $1 for update skip locked))"""


class Run(Protocol):
    """PostgresTier.run."""

    def __call__(
        self, tenant: str | None, query: Query, seconds: float | None = None, *, lazy: bool = False
    ) -> tuple[list[Any], int]: ...


class PostgresLeases:
    """A LeaseStore (cache/lease.py)."""

    patience = None

    def __init__(self, run: Run) -> None:
        self._run = run

    def acquire(self, key: Key, seconds: float) -> Grant:
        # Whoever waits looks often, and only reads. Between a look and a take that failed another may have ended.
        for _ in range(3):
            rows, _ = self._run(key.tenant, (_LOOK, (key.tenant, key.digest)))
            if rows:
                left, done = rows[0]
                return Grant(left=0.0 if done else max(left, 1e-6))
            rows, _ = self._run(key.tenant, (_TAKE, (key.tenant, key.digest, seconds)), lazy=True)
            if rows:
                return Grant(token=rows[0][0], left=seconds)
        return Grant(left=seconds)

    def renew(self, key: Key, token: int, seconds: float) -> bool:
        return self._update(_RENEW, key, token, seconds)

    def release(self, key: Key, token: int) -> None:
        self._update(_END, key, token, DONE_SECONDS)

    def _update(self, statement: bytes, key: Key, token: int, seconds: float) -> bool:
        _, changed = self._run(key.tenant, (statement, (key.tenant, key.digest, token, seconds)), lazy=True)
        return changed == 1


def forget(batch: int) -> Query:
    """Delete leases that have ended."""
    return _FORGET, (batch,)
