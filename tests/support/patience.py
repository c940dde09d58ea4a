"""How long the cache waits, made long: on a busy machine a test of what it answers must not become one of how fast."""

from __future__ import annotations

import pytest

from beastmode_otel.cache import tiered
from beastmode_otel.cache.tiers.sqlite import connections as sqlite_connections
from beastmode_otel.cache.tiers.sqlite import file as sqlite_file
from beastmode_otel.cache.tiers.sqlite import tier as sqlite

SECONDS = 20.0


def wait_for_tiers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first write makes the file; whoever reads at that moment waits for it, however long it takes.

    What a request waits for a tier (`soft`) is the test's own business.
    """
    monkeypatch.setattr(tiered, "LOOKUP_SECONDS", SECONDS)
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", SECONDS)
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", SECONDS)
    monkeypatch.setattr(sqlite_connections, "_OPENING_SECONDS", SECONDS)
