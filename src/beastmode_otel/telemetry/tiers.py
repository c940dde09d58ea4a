"""The tiers that exist: what stands behind them, and how full they are when somebody collects."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Observation

from beastmode_otel.observer import TierName
from beastmode_otel.semconv import CACHE_TIER

Stats = Callable[[], tuple[int, int]]


class Tiers:
    """Registry of tiers. Several routers may each have an L1, whose numbers add up; a store that they share is one."""

    def __init__(self) -> None:
        self._systems: dict[str, str] = {}
        self._stats: list[tuple[str, weakref.WeakMethod[Stats]]] = []

    def watch(self, tier: TierName, system: str | None, stats: Stats) -> None:
        if system is not None:
            self._systems[tier] = system
        self._stats = [(name, reference) for name, reference in self._stats if reference() is not None]
        self._stats.append((tier, weakref.WeakMethod(stats)))

    def system(self, tier: str) -> str | None:
        """The tier's `db.system.name`."""
        return self._systems.get(tier)

    def observe_entries(self, options: CallbackOptions) -> Iterable[Observation]:
        return self._observe(0)

    def observe_size(self, options: CallbackOptions) -> Iterable[Observation]:
        return self._observe(1)

    def _observe(self, which: int) -> list[Observation]:
        sums: dict[str, int] = {}
        for tier, reference in self._stats:
            stats = reference()
            if stats is not None:
                with contextlib.suppress(Exception):  # a tier that is ill has no size; its state says so
                    number, known = stats()[which], sums.get(tier, 0)
                    sums[tier] = max(known, number) if tier in self._systems else known + number
        return [Observation(value, {CACHE_TIER.key: tier}) for tier, value in sums.items()]
