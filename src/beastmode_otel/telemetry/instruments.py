"""The instruments of one meter provider, made from semconv and shared by all routers that use it."""

from __future__ import annotations

import weakref
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import Meter, MeterProvider

from beastmode_otel import semconv
from beastmode_otel.config import LabelBounds
from beastmode_otel.errors import Redactor
from beastmode_otel.telemetry.genai import LabelSets
from beastmode_otel.telemetry.labels import Bounded
from beastmode_otel.telemetry.observables import ActiveRequests, Tally, Tiers
from beastmode_otel.version import VERSION

_TALLIED = (
    semconv.REQUESTS_STARTED,
    semconv.RESPONSES,
    semconv.RETRIES,
    semconv.FALLBACKS,
    semconv.TOKEN_COUNT,
    semconv.COST_TOTAL,
    semconv.COST_UNKNOWN,
    semconv.LLM_CALLS,
    semconv.LABEL_REQUESTS,
    semconv.LABEL_COST,
    semconv.CACHE_PROMOTIONS,
    semconv.CACHE_EVICTIONS,
    semconv.CACHE_COLLAPSES,
    semconv.CACHE_INVALIDATIONS,
    semconv.TOKENS_SAVED,
    semconv.TELEMETRY_DROPPED,
)
_LATEST = (semconv.DEPLOYMENT_STATE, semconv.RATE_LIMIT_REMAINING, semconv.CACHE_TIER_STATE)
_NAME_LIMIT = 200
_NAMES_REMEMBERED = 200


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
        self.tallies = {metric.name: Tally(metric) for metric in (*_TALLIED, *_LATEST)}
        self.started, self.calls = self.tallies[semconv.REQUESTS_STARTED.name], self.tallies[semconv.LLM_CALLS.name]
        self.saved = self.tallies[semconv.TOKENS_SAVED.name]
        for metric in _TALLIED:
            meter.create_observable_counter(metric.name, [self.tallies[metric.name].observe], metric.unit, metric.about)
        for metric in _LATEST:
            meter.create_observable_gauge(metric.name, [self.tallies[metric.name].observe], metric.unit, metric.about)

    def add(self, metric: semconv.Metric, amount: int | float, *labels: str | int | None) -> None:
        """Add to a tallied counter; labels in the order of the metric's attributes."""
        self.tallies[metric.name].add(amount, *labels)

    def put(self, metric: semconv.Metric, value: int | float, *labels: str | int) -> None:
        """Set a gauge."""
        self.tallies[metric.name].put(value, *labels)


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
        own.add(semconv.TELEMETRY_DROPPED, items, signal, "export_failed")


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
