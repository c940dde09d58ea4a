"""A server that does not have pgvector: what is said, and that everything else goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np
import pytest

from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.postgres.migrate import PostgresMigrator
from beastmode_otel.cache.tiers.postgres.tier import PostgresTier
from beastmode_otel.config.postgres_url import read_postgres_url
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, entry, key
from support import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.PostgresServer]:
    """The distribution's has none; the wheel's does not find its own."""
    hidden = () if os.environ.get("BEASTMODE_TEST_POSTGRES") else ("extension_control_path=/nowhere",)
    made = postgres.PostgresServer(*hidden)
    yield made
    made.close()


def test_the_command_says_what_is_missing_and_makes_nothing(server: postgres.PostgresServer) -> None:
    database = server.database(migrated=False)
    migrator = PostgresMigrator(read_postgres_url(server.url(database)))
    with pytest.raises(TierUnavailable, match="the server has no pgvector: install it there"):
        migrator.apply(vectors=True)
    assert migrator.version() == 0
    assert migrator.apply() != []


def test_entries_with_vectors_are_stored_and_found_by_their_scope(server: postgres.PostgresServer) -> None:
    told: list[str] = []
    url = server.role(server.database(), "without")
    pool = WorkerPool("l3", size=1)
    tier = PostgresTier(read_postgres_url(url), codec=CODEC, pool=pool, hard=20.0, tell=told.append)
    vector = np.array([1.0, 0.0], "<f4").tobytes()
    now = time.time()
    one = entry(key("q"), created_at=now, expires_at=now + 600, vector=vector, embedder="e 1", question="Hi?")
    tier.put(one)
    assert tier.ask(one.key).take() == one
    assert list(tier.in_scope(one.key, 10)) == [one]
    assert tier.nearest(one.key, vector, "e 1", 4, 20.0) == []
    assert told == []
    tier.close()
    pool.close()
