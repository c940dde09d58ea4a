"""The instruments of one meter provider, made from semconv and shared by all routers that use it."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

from beastmode_otel import semconv
from beastmode_otel.config.settings import LabelBounds
from beastmode_otel.observer import TierName
from beastmode_otel.telemetry.labels import Labels
from beastmode_otel.telemetry.observables import ActiveRequests, Tallies
from beastmode_otel.version import VERSION

Fill = Callable[[], tuple[int, int]]


class Tiers:
    """What the tiers hold. Routers may each have an L1, whose numbers add up; a store that they share is one."""

    def __init__(self) -> None:
        self._systems: dict[str, str] = {}
        self._stats: list[tuple[str, weakref.WeakMethod[Fill]]] = []

    def watch(self, tier: TierName, system: str | None, stats: Fill) -> None:
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
        return [Observation(value, {semconv.CACHE_TIER.key: tier}) for tier, value in sums.items()]


class Instruments:
    """Histograms and the error counter record at once, with exemplars; everything else is tallied."""

    def __init__(self, meter: Meter, bounds: LabelBounds) -> None:
        self.labels = Labels(bounds)
        # First of all observables: its callback ends abandoned streams, which the later ones then count.
        self.active = ActiveRequests()
        active, oldest = semconv.REQUESTS_ACTIVE, semconv.REQUESTS_OLDEST
        meter.create_observable_up_down_counter(active.name, [self.active.observe_count], active.unit, active.about)
        meter.create_observable_gauge(oldest.name, [self.active.observe_oldest], oldest.unit, oldest.about)
        self.request_duration = _histogram(meter, semconv.REQUEST_DURATION)
        self.attempt_duration = _histogram(meter, semconv.ATTEMPT_DURATION)
        self.first_token = _histogram(meter, semconv.TIME_TO_FIRST_TOKEN)
        self.genai_duration = _histogram(meter, semconv.GENAI_DURATION)
        self.genai_tokens = _histogram(meter, semconv.GENAI_TOKEN_USAGE)
        self.genai_first_chunk = _histogram(meter, semconv.GENAI_FIRST_CHUNK)
        self.genai_per_chunk = _histogram(meter, semconv.GENAI_PER_CHUNK)
        self.cache_lookup = _histogram(meter, semconv.CACHE_LOOKUP_DURATION)
        self.cache_write = _histogram(meter, semconv.CACHE_WRITE_DURATION)
        self.tiers = Tiers()
        entries, size = semconv.CACHE_ENTRIES, semconv.CACHE_SIZE
        meter.create_observable_gauge(entries.name, [self.tiers.observe_entries], entries.unit, entries.about)
        meter.create_observable_gauge(size.name, [self.tiers.observe_size], size.unit, size.about)
        self.errors = meter.create_counter(semconv.ERRORS.name, semconv.ERRORS.unit, semconv.ERRORS.about)
        self.tallies = Tallies()
        self.tallies.register(meter)


def _histogram(meter: Meter, metric: semconv.Metric) -> metrics.Histogram:
    return meter.create_histogram(
        metric.name, metric.unit, metric.about, explicit_bucket_boundaries_advisory=list(metric.buckets)
    )


def all_instruments() -> list[Instruments]:
    """Those of every meter provider that a router of this process uses."""
    return [*_global, *_by_provider.values()]


def count_lost(signal: str, items: int) -> None:
    """Spans or log records that an exporter of ours has given up, told with the metrics of the global provider."""
    for own in _global:
        own.tallies.telemetry_dropped(items, signal=signal, reason="export_failed")


_by_provider: weakref.WeakKeyDictionary[Any, Instruments] = weakref.WeakKeyDictionary()
_global: list[Instruments] = []


def instruments_of(provider: MeterProvider | None, bounds: LabelBounds) -> Instruments:
    """One set of instruments for each provider: a second set would observe every number twice.

    None is the global provider; it may be set later (the API's proxies then hand over).
    """
    if provider is None or provider is metrics.get_meter_provider():
        if not _global:
            _global.append(Instruments(metrics.get_meter(semconv.SCOPE, VERSION), bounds))
        return _global[0]
    found = _by_provider.get(provider)
    if found is None:
        found = Instruments(provider.get_meter(semconv.SCOPE, VERSION), bounds)
        _by_provider[provider] = found
    return found


@dataclass(slots=True)
class Forks:
    """Whether something was recorded before a fork: a child begins with its parent's counts and exports them again.

    after_recording: forks of this process after its first request. inherited: this process is such a child.

    Harmless where `configure()` made the meter provider: the child then begins at zero.
    """

    after_recording: int = 0
    inherited: bool = False

    def before(self) -> None:
        self.after_recording += any(own.tallies.snapshot(semconv.REQUESTS_STARTED) for own in all_instruments())

    def in_child(self) -> None:
        self.inherited, self.after_recording = self.inherited or self.after_recording > 0, 0


FORKS = Forks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=FORKS.before, after_in_child=FORKS.in_child)
