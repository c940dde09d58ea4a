"""Fixtures for all tests of what is told."""

from __future__ import annotations

import pytest

from support.patience import wait_for_tiers


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for_tiers(monkeypatch)
