"""What every tier promises, tier by tier: the public suites (`beastmode_otel.testing`) against our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.testing import AsyncNetworkContract, AsyncTierContract, BlockingTierContract, Stand
from contract.stands import ASYNC_STANDS, STANDS


class TestBlockingTier(BlockingTierContract):
    @pytest.fixture(params=STANDS)
    def stand(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
        made = STANDS[request.param](tmp_path)
        yield made
        made.close()


class TestAsyncTier(AsyncTierContract, AsyncNetworkContract):
    @pytest.fixture(params=ASYNC_STANDS)
    def stand(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
        made = ASYNC_STANDS[request.param](tmp_path)
        yield made
        made.close()
