"""All SQL of the SQLite tier: the schema by version, the statements, and what goes into their parameters."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

from beastmode_otel.cache.entry import SKEW, Entry
from beastmode_otel.cache.tier import Filter

APPLICATION_ID: Final = 0x62656173  # "beas": so that we never write into somebody else's database
# Older libraries (RHEL 9 has 3.34) do not know the word; without it the table is the same.
_STRICT: Final = "STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
_RECORD_VERSION: Final = 1
_ENCODING: Final = "envelope"  # the payload says itself how it is compressed and signed

# By version: MIGRATIONS[n] leads from n to n + 1. Never edit one that was released. The payload is the last column, so
# that no other is behind its overflow pages. No index on access counters: each flush would rewrite it.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        f"""CREATE TABLE llm_cache (
            id INTEGER PRIMARY KEY,
            tenant TEXT NOT NULL CHECK (tenant <> ''),
            key BLOB NOT NULL CHECK (length(key) = 32),
            scope BLOB NOT NULL,
            namespace TEXT NOT NULL,
            v INTEGER NOT NULL,
            model_requested TEXT NOT NULL,
            model_served TEXT NOT NULL,
            request_id TEXT,
            tags TEXT NOT NULL,
            enc TEXT NOT NULL,
            input_tokens INTEGER,
            output_tokens INTEGER,
            cost_usd REAL,
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            last_accessed_at REAL NOT NULL,
            hit_count INTEGER NOT NULL DEFAULT 0,
            semantic_hit_count INTEGER NOT NULL DEFAULT 0,
            false_hit_count INTEGER NOT NULL DEFAULT 0,
            payload BLOB NOT NULL,
            UNIQUE (tenant, key)
        ) {_STRICT}""",
        "CREATE INDEX llm_cache_expiry ON llm_cache (expires_at)",
        "CREATE INDEX llm_cache_scope ON llm_cache (tenant, scope)",
        "CREATE INDEX llm_cache_request ON llm_cache (tenant, request_id)",
        "CREATE INDEX llm_cache_age ON llm_cache (tenant, created_at)",  # newest first, and stats without a table scan
    ),
    (
        f"""CREATE TABLE llm_lease (
            tenant TEXT NOT NULL,
            key BLOB NOT NULL,
            token INTEGER NOT NULL,
            ends_at REAL NOT NULL,
            done INTEGER NOT NULL,
            UNIQUE (tenant, key)
        ) {_STRICT}""",
    ),
)
VERSION: Final = len(MIGRATIONS)

READ: Final = "SELECT payload FROM llm_cache WHERE tenant = ? AND key = ? AND expires_at > ?"

# Newest wins: a write that was late replaces nothing newer, but for what a clock that ran ahead has stored. Counters
# belong to the key and stay, except for verdicts on the old answer.
PUT: Final = """
    INSERT INTO llm_cache (tenant, key, scope, namespace, v, model_requested, model_served, request_id, tags, enc,
        input_tokens, output_tokens, cost_usd, created_at, expires_at, last_accessed_at, payload)
    VALUES (:tenant, :key, :scope, :namespace, :v, :model_requested, :model_served, :request_id, :tags, :enc,
        :input_tokens, :output_tokens, :cost_usd, :created_at, :expires_at, :created_at, :payload)
    ON CONFLICT (tenant, key) DO UPDATE SET
        scope = excluded.scope, namespace = excluded.namespace, v = excluded.v,
        model_requested = excluded.model_requested, model_served = excluded.model_served,
        request_id = excluded.request_id, tags = excluded.tags, enc = excluded.enc,
        input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost_usd = excluded.cost_usd,
        created_at = excluded.created_at, expires_at = excluded.expires_at, false_hit_count = 0,
        payload = excluded.payload
    WHERE excluded.created_at >= llm_cache.created_at OR llm_cache.created_at > :ahead"""

DELETE: Final = "DELETE FROM llm_cache WHERE tenant = ? AND key = ?"
DELETE_DAMAGED: Final = "DELETE FROM llm_cache WHERE tenant = ? AND key = ? AND payload = ?"  # not what replaced it
DELETE_ROW: Final = "DELETE FROM llm_cache WHERE id = ?"
PURGE: Final = """
    DELETE FROM llm_cache WHERE id IN (SELECT id FROM llm_cache WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)"""
COUNT_HITS: Final = """
    UPDATE llm_cache SET hit_count = hit_count + ?, last_accessed_at = max(last_accessed_at, ?)
    WHERE tenant = ? AND key = ?"""

# Of those that expire soonest, the least used. Parameters: of how many, how many.
LEAST_USEFUL: Final = """
    SELECT id, size FROM (
        SELECT id, length(payload) AS size, hit_count, expires_at FROM llm_cache ORDER BY expires_at LIMIT ?
    ) ORDER BY hit_count, expires_at LIMIT ?"""
COUNT_UP_TO: Final = "SELECT count(*) FROM (SELECT 1 FROM llm_cache LIMIT ?)"

TALLY: Final = "SELECT count(*), min(created_at) FROM llm_cache"
USED_BYTES: Final = """
    SELECT (page_count - freelist_count) * page_size
    FROM pragma_page_count, pragma_freelist_count, pragma_page_size"""
PROBE: Final = "SELECT 1 FROM llm_cache LIMIT 1"
# One statement, so that it sees one moment: another process may be making the schema right now.
STATE: Final = """
    SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)
    FROM pragma_user_version, pragma_application_id"""

# Newest first, a page at a time, from below (created_at, id). Parameters: see page().
_SCANNED: Final = """
    SELECT id, created_at, tenant, key, scope, namespace, model_requested, payload FROM llm_cache
    WHERE {} expires_at > :oldest AND (created_at, id) < (:created_at, :id)
    ORDER BY created_at DESC, id DESC LIMIT :count"""
SCAN: Final = _SCANNED.format("")
SCAN_TENANT: Final = _SCANNED.format("tenant = :tenant AND")
SCAN_SCOPE: Final = _SCANNED.format("tenant = :tenant AND scope = :scope AND")

_MATCHES: Final = {
    "digest": "key = :digest",
    "request_id": "request_id = :request_id",
    "model": "model_requested = :model",
    "tag": "EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)",
    "scope": "scope = :scope",
    "older_than": "created_at < :now - :older_than",
}


def record(entry: Entry, payload: bytes, now: float) -> dict[str, Any]:
    """The parameters of PUT."""
    key, usage = entry.key, entry.usage
    return {
        "tenant": key.tenant,
        "key": key.digest,
        "scope": key.scope,
        "namespace": key.namespace,
        "v": _RECORD_VERSION,
        "model_requested": key.model,
        "model_served": entry.model_served,
        "request_id": entry.request_id,
        "tags": json.dumps(entry.tags),
        "enc": _ENCODING,
        "input_tokens": usage and usage.input_tokens,
        "output_tokens": usage and usage.output_tokens,
        "cost_usd": entry.cost,
        "created_at": entry.created_at,
        "expires_at": entry.expires_at,
        "payload": payload,
        "ahead": now + SKEW,
    }


def invalidation(which: Filter, now: float, batch: int) -> tuple[str, dict[str, Any]]:
    """A statement that deletes at most `batch` of the entries that match, and its parameters."""
    given = {name: value for name in _MATCHES if (value := getattr(which, name)) is not None}
    where = " AND ".join(["tenant = :tenant", *(_MATCHES[name] for name in given)])
    sql = f"DELETE FROM llm_cache WHERE id IN (SELECT id FROM llm_cache WHERE {where} LIMIT :batch)"  # noqa: S608  (constants)
    return sql, {**given, "tenant": which.tenant, "now": now, "batch": batch}
