"""The observer that tells OpenTelemetry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry import _logs, baggage, trace
from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel import semconv
from beastmode_otel.config.settings import Config
from beastmode_otel.errors import Category, Redactor
from beastmode_otel.observer import (
    Agreement,
    DeploymentState,
    EmbedResult,
    JudgementSource,
    LeaseResult,
    RequestFacts,
    RequestScope,
    TierName,
    TierScope,
    WarmEnd,
    WarmResult,
    WarmSource,
)
from beastmode_otel.telemetry.cache import TierSpan, warm_span
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
        self._channel.instruments.tallies.llm_calls(door="none")

    def retried(self, deployment: str, category: Category) -> None:
        own = self._channel.instruments
        own.tallies.retries(deployment=own.labels.deployment(deployment), error_type=category.name)

    def fell_back(self, source: str, target: str) -> None:
        own = self._channel.instruments
        bounded = own.labels.deployment
        own.tallies.fallbacks(fallback_from=bounded(source), fallback_to=bounded(target))

    def deployment_state(self, deployment: str, state: DeploymentState) -> None:
        own = self._channel.instruments
        own.tallies.deployment_state(_STATES[state], deployment=own.labels.deployment(deployment))

    def limits(self, deployment: str, remaining: Mapping[str, float]) -> None:
        own = self._channel.instruments
        for kind, left in remaining.items():
            own.tallies.rate_limit_remaining(left, deployment=own.labels.deployment(deployment), limit_kind=kind)

    def write(self, tier: TierName) -> TierScope:
        return TierSpan(self._channel, tier, parent=None, write=True)

    def tier_state(self, tier: TierName, state: DeploymentState) -> None:
        self._channel.instruments.tallies.cache_tier_state(_STATES[state], cache_tier=tier)

    def leased(self, tier: TierName, result: LeaseResult, seconds: float) -> None:
        labels = {semconv.CACHE_TIER.key: tier, semconv.LEASE_RESULT.key: result}
        self._channel.instruments.lease_wait.record(seconds, labels)

    def warmed(
        self, source: WarmSource | None, entries: Mapping[WarmResult, int], size: int, seconds: float, ended: WarmEnd
    ) -> None:
        warm_span(self._channel, source, entries, size, seconds, ended)

    def matching(self, mode: str, threshold: float) -> None:
        self._channel.instruments.tallies.semantic_threshold(threshold, match_mode=mode)

    def embedded(self, result: EmbedResult, seconds: float) -> None:
        self._channel.instruments.embed_duration.record(seconds, {semconv.EMBED_RESULT.key: result})

    def judged(self, judgement: Agreement, source: JudgementSource) -> None:
        self._channel.instruments.tallies.cache_judgements(judgement=judgement, judgement_source=source)

    def promoted(self, tier: TierName) -> None:
        self._channel.instruments.tallies.cache_promotions(cache_tier=tier)

    def evicted(self, tier: TierName, reason: str) -> None:
        self._channel.instruments.tallies.cache_evictions(cache_tier=tier, eviction_reason=reason)

    def invalidated(self, by: str, count: int) -> None:
        self._channel.instruments.tallies.cache_invalidations(count, invalidation=by)

    def watch_tier(
        self,
        tier: TierName,
        system: str | None,
        stats: Callable[[], tuple[int, int]],
        server: tuple[str, int] | None = None,
    ) -> None:
        self._channel.instruments.tiers.watch(tier, system, stats, server)

    def before_collect(self, sweep: Callable[[], None]) -> None:
        self._channel.instruments.active.before_collect(sweep)

    def dropped(self, signal: str, reason: str) -> None:
        self._channel.instruments.tallies.telemetry_dropped(1, signal=signal, reason=reason)


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
