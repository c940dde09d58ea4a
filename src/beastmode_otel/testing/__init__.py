"""Run a cache tier of your own against what every tier promises: suites for pytest, blocking and asynchronous.

docs/own-tier.md shows a whole tier and its tests. Nothing else of the package imports this, and nothing here is needed
when a program runs.
"""

try:
    import pytest
except ImportError as missing:
    raise ImportError("beastmode_otel.testing needs pytest: pip install pytest") from missing

pytest.register_assert_rewrite("beastmode_otel.testing.blocking", "beastmode_otel.testing.asynchronous")

from beastmode_otel.testing.asynchronous import AsyncNetworkContract, AsyncTierContract  # noqa: E402
from beastmode_otel.testing.blocking import BlockingTierContract  # noqa: E402
from beastmode_otel.testing.samples import CODEC, NOW, Clock, entry, key  # noqa: E402
from beastmode_otel.testing.stand import AsyncReads, NetworkStand, OnLoop, Stand  # noqa: E402

__all__ = [
    "CODEC",
    "NOW",
    "AsyncNetworkContract",
    "AsyncReads",
    "AsyncTierContract",
    "BlockingTierContract",
    "Clock",
    "NetworkStand",
    "OnLoop",
    "Stand",
    "entry",
    "key",
]
