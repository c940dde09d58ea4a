"""The observer that tells OpenTelemetry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry import _logs, baggage, trace
from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel import semconv
from beastmode_otel.config import Config
from beastmode_otel.errors import Category, Redactor
from beastmode_otel.observer import AccessScope, DeploymentState, RequestFacts, RequestScope, TierName
from beastmode_otel.telemetry.cache import AccessSpan
from beastmode_otel.telemetry.channel import Channel
from beastmode_otel.telemetry.instruments import instruments_of
from beastmode_otel.telemetry.request import RequestSpan
from beastmode_otel.telemetry.setup import capture_from_environment, is_on
from beastmode_otel.version import VERSION

_STATES: Final[Mapping[DeploymentState, int]] = {"closed": 0, "half_open": 1, "open": 2}


class OtelObserver:
    """observer.Observer with OpenTelemetry. Nothing is recorded before the first request."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def request(self, facts: RequestFacts) -> RequestScope:
        return RequestSpan(self._channel, facts, self._labels(facts))

    def _labels(self, facts: RequestFacts) -> dict[str, str]:
        found = {}
        for label in self._channel.labels:
            value = facts.labels.get(label) or baggage.get_baggage(label)
            if isinstance(value, str) and value:
                found[label] = value
        return found

    def unmanaged(self) -> None:
        self._channel.instruments.calls.add(1, "none")

    def retried(self, deployment: str, category: Category) -> None:
        own = self._channel.instruments
        own.add(semconv.RETRIES, 1, own.labels.deployment(deployment), category.name)

    def fell_back(self, source: str, target: str) -> None:
        own = self._channel.instruments
        own.add(semconv.FALLBACKS, 1, own.labels.deployment(source), own.labels.deployment(target))

    def deployment_state(self, deployment: str, state: DeploymentState) -> None:
        own = self._channel.instruments
        own.put(semconv.DEPLOYMENT_STATE, _STATES[state], own.labels.deployment(deployment))

    def limits(self, deployment: str, remaining: Mapping[str, float]) -> None:
        own = self._channel.instruments
        for kind, left in remaining.items():
            own.put(semconv.RATE_LIMIT_REMAINING, left, own.labels.deployment(deployment), kind)

    def write(self, tier: TierName) -> AccessScope:
        return AccessSpan(self._channel, tier, parent=None, write=True)

    def tier_state(self, tier: TierName, state: DeploymentState) -> None:
        self._channel.instruments.put(semconv.CACHE_TIER_STATE, _STATES[state], tier)

    def promoted(self, tier: TierName) -> None:
        self._channel.instruments.add(semconv.CACHE_PROMOTIONS, 1, tier)

    def evicted(self, tier: TierName, reason: str) -> None:
        self._channel.instruments.add(semconv.CACHE_EVICTIONS, 1, tier, reason)

    def invalidated(self, by: str, count: int) -> None:
        self._channel.instruments.add(semconv.CACHE_INVALIDATIONS, count, by)

    def watch_tier(self, tier: TierName, system: str | None, stats: Callable[[], tuple[int, int]]) -> None:
        self._channel.instruments.tiers.watch(tier, system, stats)

    def before_collect(self, sweep: Callable[[], None]) -> None:
        self._channel.instruments.active.before_collect(sweep)

    def dropped(self, signal: str, reason: str) -> None:
        self._channel.instruments.add(semconv.TELEMETRY_DROPPED, 1, signal, reason)


def otel_observer(
    config: Config,
    redact: Redactor,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
) -> OtelObserver:
    """An observer for one router. Providers that are None are the global ones, also when those are set later."""
    instruments = instruments_of(meter_provider, config.bounds)
    for name in config.routes:
        instruments.labels.model(name)
    for name in config.deployments:
        instruments.labels.deployment(name)
    return OtelObserver(
        Channel(
            tracer=trace.get_tracer(semconv.SCOPE, VERSION, tracer_provider, semconv.SCHEMA_URL),
            logger=_logs.get_logger(semconv.SCOPE, VERSION, logger_provider),
            instruments=instruments,
            redact=redact,
            capture=capture_from_environment(),
            labels=config.labels,
            per_chunk=is_on("BEASTMODE_CHUNK_METRICS"),
        )
    )
