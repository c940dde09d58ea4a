"""The instruments of one meter provider, made from semconv and shared by all routers that use it, and the bounds of
their labels."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation

from beastmode_otel import semconv
from beastmode_otel.config.settings import LabelBounds
from beastmode_otel.errors import Redactor
from beastmode_otel.observer import AttemptFacts, TierName
from beastmode_otel.telemetry import quiet_fork
from beastmode_otel.telemetry.observables import ActiveRequests, Tallies
from beastmode_otel.version import VERSION

_NAME_LIMIT = 200
_NAMES_REMEMBERED = 200


class Bounded:
    """Admits the first `limit` values for good. Lock-free: a race admits at most one value too many per thread."""

    __slots__ = ("_admitted", "_limit", "overflowed")

    def __init__(self, limit: int, known: Iterable[str] = ()) -> None:
        self._limit = limit
        self.overflowed = False  # whether a value was turned away
        self._admitted: set[Hashable] = set()
        for value in known:
            self.admits(value)

    def admits(self, value: Hashable) -> bool:
        if value in self._admitted:
            return True
        if len(self._admitted) >= self._limit:
            self.overflowed = True
            return False
        self._admitted.add(value)
        return True

    def __call__(self, value: str) -> str:
        return value if self.admits(value) else semconv.OTHER


class Labels:
    """The bounded label values of one meter provider."""

    def __init__(self, bounds: LabelBounds) -> None:
        self.model = Bounded(bounds.models)
        self.deployment = Bounded(bounds.deployments)
        self.provider = Bounded(bounds.providers)
        self.status = Bounded((semconv.STATUS_CODE.bound or 1) - 1)
        self.genai_sets = LabelSets(semconv.GENAI_SET_LIMIT)
        self.genai_token_sets = LabelSets(semconv.GENAI_SET_LIMIT // 2)  # each set twice: input and output
        self._values: dict[str, Bounded] = {}
        self._shown: dict[str, str] = {}

    def shown(self, name: str, redact: Redactor) -> str:
        """A model id as it may stand on spans and logs: not too long, and no key that somebody pasted there."""
        found = self._shown.get(name)
        if found is None:
            found = redact(name[:_NAME_LIMIT])
            if len(self._shown) < _NAMES_REMEMBERED:
                self._shown[name] = found
        return found

    def value(self, label: str, value: str) -> str:
        """A value of one of the team's own labels; the labels themselves are bounded by the configuration."""
        bounded = self._values.get(label)
        if bounded is None:
            bounded = self._values.setdefault(label, Bounded((semconv.LABEL_VALUE.bound or 1) - 1))
        return bounded(value)


class LabelSets:
    """The convention's metric labels, one dict for each set that is never changed, since most calls have equal ones.

    Folded once there are `limit` different sets.
    """

    def __init__(self, limit: int) -> None:
        self._bounded = Bounded(limit)
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def of(
        self, facts: AttemptFacts, *, response_model: str | None = None, error: str | None = None, more: str = ""
    ) -> dict[str, Any]:
        """more: the token type, which makes no set of its own: there are two of each."""
        place = (facts.operation, facts.provider, facts.model, facts.host, facts.port, response_model, error)
        key = (place, more)
        known = self._known.get(key)
        if known is not None:
            return known
        if not self._bounded.admits(place):
            return self._folded(facts, error, more)
        labels = self._known[key] = self._labels(facts, response_model, error, more)
        return labels

    def _labels(self, facts: AttemptFacts, response_model: str | None, error: str | None, more: str) -> dict[str, Any]:
        labels: dict[str, Any] = {
            semconv.GENAI_OPERATION: facts.operation,
            semconv.GENAI_PROVIDER: facts.provider,
            semconv.GENAI_REQUEST_MODEL: facts.model,
            semconv.SERVER_ADDRESS: facts.host,
            semconv.SERVER_PORT: facts.port,
        }
        if response_model is not None:
            labels[semconv.GENAI_RESPONSE_MODEL] = response_model
        return _specified(labels, error, more)

    def _folded(self, facts: AttemptFacts, error: str | None, more: str) -> dict[str, Any]:
        labels = {
            semconv.GENAI_OPERATION: facts.operation,
            semconv.GENAI_PROVIDER: semconv.OTHER,
            semconv.GENAI_REQUEST_MODEL: semconv.OTHER,
        }
        return _specified(labels, error, more)


def _specified(labels: dict[str, Any], error: str | None, more: str) -> dict[str, Any]:
    if error is not None:
        labels[semconv.ERROR_TYPE.key] = error
    if more:
        labels[semconv.GENAI_TOKEN_TYPE] = more
    return labels


Fill = Callable[[], tuple[int, int]]


class Tiers:
    """What the tiers hold. Routers may each have an L1, whose numbers add up; a store that they share is one."""

    def __init__(self) -> None:
        self._systems: dict[str, Mapping[str, str | int]] = {}
        self._stats: list[tuple[str, weakref.WeakMethod[Fill]]] = []

    def watch(self, tier: TierName, system: str | None, stats: Fill, server: tuple[str, int] | None) -> None:
        if system is not None:
            where: dict[str, str | int] = (
                {} if server is None else {semconv.SERVER_ADDRESS: server[0], semconv.SERVER_PORT: server[1]}
            )
            self._systems[tier] = {semconv.DB_SYSTEM.key: system, **where}
        self._stats = [(name, reference) for name, reference in self._stats if reference() is not None]
        self._stats.append((tier, weakref.WeakMethod(stats)))

    def attributes(self, tier: str) -> Mapping[str, str | int]:
        """What spans say of the store behind a tier."""
        return self._systems.get(tier, {})

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
        self.lease_wait = _histogram(meter, semconv.CACHE_LEASE_WAIT)
        self.warm_duration = _histogram(meter, semconv.CACHE_WARM_DURATION)
        self.first_touch = _histogram(meter, semconv.CACHE_FIRST_TOUCH)
        self.similarity = _histogram(meter, semconv.CACHE_SIMILARITY)
        self.embed_duration = _histogram(meter, semconv.EMBED_DURATION)
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
quiet_fork.watch()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=FORKS.before, after_in_child=FORKS.in_child)
