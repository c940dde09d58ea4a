"""All statements of the Postgres tier, and what goes into their parameters. The schema is in migrations/.

Each names its tenant, though the policies would do it: a role that is exempt from them must not see more. The few that
are about everybody say so. Times travel as seconds since the epoch.
"""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel.cache.entry import SKEW, Entry, Key
from beastmode_otel.cache.tier import Filter
from beastmode_otel.cache.tiers.postgres.connection import Query

_RECORD_VERSION: Final = 1
_ENCODING: Final = "envelope"  # the payload says itself how it is compressed and signed
PURGE_LOCK: Final = 0x6265_6173_7075_7267  # of the database: "beaspurg"

GREETING: Final[Query] = (b"select version::bigint, checksum from beastmode.schema_migrations order by version", ())

# What holds until the end of the exchange. lazy: its loss in a crash of the server is no harm, so it need not wait for
# the disk.
_SETTINGS: Final = b"select set_config('beastmode.tenant', $1, true), set_config('beastmode.all_tenants', $2, true)," \
    b" set_config('statement_timeout', $3, true)"  # fmt: skip
_LAZY: Final = _SETTINGS + b", set_config('synchronous_commit', 'off', true)"


def of_tenant(tenant: str, seconds: float, *, lazy: bool = False) -> Query:
    return _LAZY if lazy else _SETTINGS, (tenant, "off", str(int(seconds * 1000)))


def of_everybody(seconds: float, *, lazy: bool = False) -> Query:
    return _LAZY if lazy else _SETTINGS, ("", "on", str(int(seconds * 1000)))


_READ: Final = b"""select payload from beastmode.llm_cache
    where tenant = $1 and key = $2 and expires_at > to_timestamp($3)"""

# Newest wins: a write that was late replaces nothing newer, but for what a clock that ran ahead has stored. Counters
# belong to the key and stay, except for verdicts on the old answer.
_PUT: Final = b"""insert into beastmode.llm_cache as held (tenant, key, scope, namespace, v, model_requested,
        model_served, request_id, tags, enc, input_tokens, output_tokens, cost_usd, created_at, expires_at,
        last_accessed_at, payload)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::bigint, $12::bigint, $13::float8, to_timestamp($14),
        to_timestamp($15), to_timestamp($14), $16)
    on conflict (tenant, key) do update set
        scope = excluded.scope, namespace = excluded.namespace, v = excluded.v,
        model_requested = excluded.model_requested, model_served = excluded.model_served,
        request_id = excluded.request_id, tags = excluded.tags, enc = excluded.enc,
        input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost_usd = excluded.cost_usd,
        created_at = excluded.created_at, expires_at = excluded.expires_at, false_hit_count = 0,
        payload = excluded.payload
    where excluded.created_at >= held.created_at or held.created_at > to_timestamp($17)"""

_DELETE: Final = b"delete from beastmode.llm_cache where tenant = $1 and key = $2"
_DELETE_DAMAGED: Final = _DELETE + b" and payload = $3"  # not what replaced it

# One update for many hits. The rows are locked in one order, so that two processes that count the same do not wait for
# each other in a circle; the update finds them by their key, since one that waited has a newer version of the row.
_COUNT_HITS: Final = b"""with counted as (
        select c.tenant, c.key, h.hits, h.at from unnest($1, $2, $3, $4) as h (hits, at, tenant, key)
        join beastmode.llm_cache c on c.tenant = h.tenant and c.key = h.key
        order by c.tenant, c.key for no key update of c
    )
    update beastmode.llm_cache c
    set hit_count = c.hit_count + counted.hits,
        last_accessed_at = greatest(c.last_accessed_at, to_timestamp(counted.at))
    from counted where c.tenant = counted.tenant and c.key = counted.key"""

# One process at a time: another that purges at the same moment finds nothing to do.
_LOCKED: Final = b"with mine as materialized (select pg_try_advisory_xact_lock($1) as held)\n"
_PURGE: Final = (
    _LOCKED
    + b"""delete from beastmode.llm_cache where ctid = any (array(
        select ctid from beastmode.llm_cache where (select held from mine) and expires_at <= to_timestamp($2)
        order by expires_at limit $3 for update skip locked))"""
)
# Of those that expire soonest, the least used.
_EVICT: Final = (
    _LOCKED
    + b"""delete from beastmode.llm_cache where ctid = any (array(
        select ctid from beastmode.llm_cache where (select held from mine) and (tenant, key) in (
            select tenant, key from (
                select tenant, key, hit_count, expires_at from beastmode.llm_cache order by expires_at limit $2
            ) soon order by hit_count, expires_at limit $3)
        for update skip locked))"""
)

# What the planner thinks, and how large the newest are: without reading every row. (The relation's size on disk would
# stay when rows go.)
ESTIMATE: Final[Query] = (
    b"""select reltuples::bigint, (reltuples * (select coalesce(avg(octet_length(payload)), 0.0) from (
        select payload from beastmode.llm_cache order by expires_at desc limit 1000) newest)::float8)::bigint
    from pg_class where oid = 'beastmode.llm_cache'::regclass""", ())  # fmt: skip
TALLY: Final[Query] = (
    b"""select count(*), coalesce(sum(octet_length(payload)), 0)::bigint, extract(epoch from min(created_at))::float8
    from beastmode.llm_cache""", ())  # fmt: skip
OLDEST: Final[Query] = (
    b"""select extract(epoch from created_at)::float8 from beastmode.llm_cache order by expires_at limit 1""",
    (),
)
PROBE: Final[Query] = (b"select 1 from beastmode.llm_cache limit 1", ())

# Newest first, a page at a time, from below (created_at, tenant, key).
_SCANNED: Final = b"""select extract(epoch from created_at)::float8, tenant, key, scope, namespace, model_requested,
        payload
    from beastmode.llm_cache
    where %b expires_at > to_timestamp($1) and (created_at, tenant, key) < (to_timestamp($2), $3, $4)
    order by created_at desc, tenant desc, key desc limit $5"""
_SCAN: Final = _SCANNED % b""
_SCAN_TENANT: Final = _SCANNED % b"tenant = $6 and"
_SCAN_SCOPE: Final = _SCANNED % b"tenant = $6 and scope = $7 and"

_MATCHES: Final = {
    "digest": "key = ${}",
    "request_id": "request_id = ${}",
    "model": "model_requested = ${}",
    "tag": "tags @> array[${}]",
    "scope": "scope = ${}",
}


def read(key: Key, after: float) -> Query:
    return _READ, (key.tenant, key.digest, after)


# What a read sends, with parameters of their types.
OF_A_READ: Final[tuple[Query, ...]] = (of_tenant("", 0.0), (_READ, ("", b"", 0.0)))


def put(entry: Entry, payload: bytes, now: float) -> Query:
    key, usage = entry.key, entry.usage
    return _PUT, (
        key.tenant, key.digest, key.scope, key.namespace, _RECORD_VERSION, key.model, entry.model_served,
        entry.request_id, entry.tags, _ENCODING, usage and usage.input_tokens, usage and usage.output_tokens,
        entry.cost, entry.created_at, entry.expires_at, payload, now + SKEW,
    )  # fmt: skip


def delete(key: Key) -> Query:
    return _DELETE, (key.tenant, key.digest)


def delete_damaged(key: Key, payload: bytes) -> Query:
    return _DELETE_DAMAGED, (key.tenant, key.digest, payload)


def count_hits(counts: list[tuple[int, float, str, bytes]]) -> Query:
    """counts: how often, when last, tenant, digest of each entry; at least one."""
    hits, at, tenants, digests = zip(*counts, strict=True)
    return _COUNT_HITS, (hits, at, tenants, digests)


def purge(expired_before: float, batch: int) -> Query:
    return _PURGE, (PURGE_LOCK, expired_before, batch)


def evict(soonest: int, batch: int) -> Query:
    """Of the `soonest` to expire, the `batch` least used."""
    return _EVICT, (PURGE_LOCK, soonest, batch)


def scan(
    tenant: str | None, after: float, below: tuple[float, str, bytes], count: int, *, scope: bytes | None = None
) -> Query:
    """scope: of that tenant."""
    given: tuple[Any, ...] = (after, *below, count)
    if scope is not None:
        return _SCAN_SCOPE, (*given, tenant, scope)
    return (_SCAN, given) if tenant is None else (_SCAN_TENANT, (*given, tenant))


def invalidation(which: Filter, now: float, batch: int) -> Query:
    """Deletes at most `batch` of the entries that match."""
    where, values = ["tenant = $1"], list[Any]((which.tenant, batch))
    for name, condition in _MATCHES.items():
        value = getattr(which, name)
        if value is not None:
            values.append(value)
            where.append(condition.format(len(values)))
    if which.older_than is not None:
        values.append(now - which.older_than)
        where.append(f"created_at < to_timestamp(${len(values)})")
    # By key, not by place: a row that another transaction has just changed (hits that are counted) lies elsewhere
    # than this statement first saw it. In one order, so that two of these do not wait for each other in a circle.
    sql = f"""delete from beastmode.llm_cache c using (
            select tenant, key from beastmode.llm_cache where {" and ".join(where)} order by key limit $2 for update
        ) found where c.tenant = found.tenant and c.key = found.key"""  # noqa: S608  (constants)
    return sql.encode(), values
