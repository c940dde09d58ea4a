"""The cache's spans and metrics: lookups that leave L1, and every question to or write in a slower tier."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, get_args

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, set_span_in_context

from beastmode_otel import semconv
from beastmode_otel.observer import LookupResult, MatchOutcome, TierName, TierScope, WarmEnd, WarmResult, WarmSource
from beastmode_otel.telemetry.channel import Channel
from beastmode_otel.telemetry.suppress import OURS, attached

_FOUND = ("hit", "stale")


class LookupSpan:
    """observer.LookupScope, told to OpenTelemetry."""

    def __init__(self, channel: Channel, parent: Context, key: str) -> None:
        self._channel, self._done = channel, False
        self._span = channel.tracer.start_span(
            semconv.LOOKUP_SPAN.name, parent, SpanKind.INTERNAL, {semconv.CACHE_KEY.key: key}
        )
        self._context = set_span_in_context(self._span, parent)

    def access(self, tier: TierName) -> TierScope:
        return TierSpan(self._channel, tier, parent=self._context, write=False)

    def finish(self, result: LookupResult, tier: TierName | None = None) -> None:
        if self._done:
            return
        self._done = True
        self._span.set_attribute(semconv.LOOKUP_RESULT.key, result)
        if tier is not None:
            self._span.set_attributes({semconv.CACHE_TIER.key: tier, semconv.CACHE_MATCH.key: "exact"})
        self._span.end()


class MatchSpan:
    """observer.MatchScope, told to OpenTelemetry."""

    def __init__(self, channel: Channel, parent: Context, key: str) -> None:
        self._channel, self._done = channel, False
        self._span = channel.tracer.start_span(
            semconv.MATCH_SPAN.name, parent, SpanKind.INTERNAL, {semconv.CACHE_KEY.key: key}
        )
        self._context = set_span_in_context(self._span, parent)

    def access(self, tier: TierName) -> TierScope:
        return TierSpan(self._channel, tier, parent=self._context, write=False, match="semantic")

    def finish(self, outcome: MatchOutcome) -> None:
        if self._done:
            return
        self._done = True
        own, verdict = self._channel.instruments, {semconv.MATCH_VERDICT.key: outcome.verdict}
        own.tallies.semantic_verdicts(match_verdict=outcome.verdict, guard=outcome.guard)
        if outcome.similarity is not None:
            own.similarity.record(outcome.similarity, verdict, self._context)
        said = {
            semconv.SIMILARITY.key: outcome.similarity,
            semconv.GUARD.key: outcome.guard,
            semconv.SEARCHED.key: outcome.searched,
            semconv.CACHE_TIER.key: outcome.tier,
        }
        self._span.set_attributes(verdict | {key: value for key, value in said.items() if value is not None})
        self._span.end()


class TierSpan:
    """observer.TierScope, told to OpenTelemetry: one read of, or one write in, a slower tier."""

    def __init__(
        self, channel: Channel, tier: TierName, *, parent: Context | None, write: bool, match: str = "exact"
    ) -> None:
        self._channel, self._tier, self._write, self._done, self._match = channel, tier, write, False, match
        self._started = time.monotonic()
        parent = otel_context.get_current() if parent is None else parent
        name = f"cache.{'put' if write else 'get'} {tier}"
        attributes = {semconv.CACHE_TIER.key: tier, **channel.instruments.tiers.attributes(tier)}
        self._span = channel.tracer.start_span(name, parent, SpanKind.CLIENT, attributes)
        self._context = otel_context.set_value(OURS, True, set_span_in_context(self._span, parent))

    def active(self) -> AbstractContextManager[None]:
        return attached(self._context)

    def finish(self, result: Any) -> None:
        if self._done:
            return
        self._done = True
        own, seconds = self._channel.instruments, time.monotonic() - self._started
        kind = semconv.WRITE_RESULT if self._write else semconv.LOOKUP_RESULT
        labels = {semconv.CACHE_TIER.key: self._tier, kind.key: result}
        if self._write:
            own.cache_write.record(seconds, labels, self._context)
        else:
            own.cache_lookup.record(seconds, labels | _match(result, self._match), self._context)
        self._span.set_attribute(kind.key, result)
        self._span.end()


def _match(result: str, match: str = "exact") -> dict[str, str]:
    return {semconv.CACHE_MATCH.key: match} if result in _FOUND else {}


def warm_span(
    channel: Channel,
    source: WarmSource | None,
    entries: Mapping[WarmResult, int],
    size: int,
    seconds: float,
    ended: WarmEnd,
) -> None:
    """A warming run that has just ended: its span and metrics."""
    own, now = channel.instruments, time.time_ns()
    labels = {semconv.WARM_SOURCE.key: source or "none", semconv.WARM_END.key: ended}
    span = channel.tracer.start_span(
        semconv.WARM_SPAN.name,
        kind=SpanKind.INTERNAL,
        attributes=labels | {semconv.WARM_COUNT.key: entries.get("warmed", 0), semconv.WARM_SIZE.key: size},
        start_time=now - int(seconds * 1e9),
    )
    own.warm_duration.record(seconds, labels, set_span_in_context(span))
    for result, count in entries.items():
        own.tallies.cache_warm_entries(count, warm_source=source or "none", warm_result=result)
    span.end(now)


FIRST_TOUCH_LABELS: Final = {warmed: {semconv.WARMED.key: str(warmed).lower()} for warmed in (True, False)}
L1_LABELS: Final = {  # the SDK copies them
    result: {semconv.CACHE_TIER.key: "l1", semconv.LOOKUP_RESULT.key: result} | _match(result)
    for result in get_args(LookupResult)
}
