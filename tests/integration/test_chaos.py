"""Faults of the shared tiers under load: no request fails, nothing stale is served, what waits is brought. Short."""

from __future__ import annotations

import pytest

from support.tier_chaos import FAULTS, measure, row

SECONDS = 3.0
SHORT = ("Redis killed", "Redis stopped", "Redis wrong password", "Postgres killed", "both killed")


@pytest.mark.parametrize("fault", [one for one in FAULTS if one.name in SHORT], ids=lambda one: one.name)
def test_a_fault_hurts_no_request(fault: object) -> None:
    found = measure(fault, seconds=SECONDS, rate=20.0, patience=40.0)
    law = found["law"]
    assert (found["failures"], found["failed"]) == (0, [])
    assert found["stale"] == 0
    assert found["queued"] == 0
    assert (law["active"], law["started"], law["finished"]) == (0, law["calls"], law["calls"])
    assert law["calls"] > 40
    figures = row(found, SECONDS)
    assert figures["worst"] < 5000  # a busy machine adds to it
    assert figures["late"] < 100
