"""A request's span, metrics, and the log record of its failure."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from beastmode_otel import semconv
from beastmode_otel.errors import BeastModeError
from beastmode_otel.observer import (
    AttemptFacts,
    AttemptScope,
    LookupScope,
    MatchScope,
    RequestFacts,
    RequestOutcome,
    Saving,
)
from beastmode_otel.telemetry import util_genai
from beastmode_otel.telemetry.attempt import AttemptSpan
from beastmode_otel.telemetry.cache import FIRST_TOUCH_LABELS, L1_LABELS, LookupSpan, MatchSpan
from beastmode_otel.telemetry.channel import Channel
from beastmode_otel.telemetry.observables import token_counts
from beastmode_otel.telemetry.suppress import attached
from beastmode_otel.wire import identifier


class RequestSpan:
    """observer.RequestScope, told to OpenTelemetry. labels: the team's own, with those from the baggage.

    The span is made when something needs to stand below it, or at the end: complete, from one dict, with its true start
    time. That is what makes a cache hit cheap. With `one_span` an attempt that nothing else came before is all there is
    to see: its span is the request's too, and ends with it.
    """

    def __init__(self, channel: Channel, facts: RequestFacts, labels: dict[str, str]) -> None:
        self._channel, self._facts, self._labels = channel, facts, labels
        self._started = time.monotonic()
        self._done = False
        own = channel.instruments
        self._asked = own.labels.shown(facts.model, channel.redact)
        self._model = own.labels.model(self._asked)
        self._ticket = own.active.enter(facts.door)
        stream = "true" if facts.stream else "false"
        own.tallies.requests_started(model=self._model, door=facts.door, stream=stream)
        own.tallies.llm_calls(door=facts.door)
        self._began = time.time_ns()
        self._parent = util_genai.parent_of(otel_context.get_current())
        self._span: Span | None = None
        self._alone: AttemptSpan | None = None
        self._context = self._parent

    def _open(self, attributes: dict[str, Any] | None = None) -> Context:
        """The context of the span, which is begun now if it was not."""
        if self._span is None:
            known = self._at_start() if attributes is None else attributes | self._at_start()
            self._span = self._channel.tracer.start_span(
                f"route {self._asked}", self._parent, SpanKind.INTERNAL, known, start_time=self._began
            )
            self._context = set_span_in_context(self._span, self._parent)
        elif attributes:
            self._span.set_attributes(attributes)
        return self._context

    def _at_start(self) -> dict[str, Any]:
        known: dict[str, Any] = {semconv.MODEL.key: self._asked, semconv.STREAM.key: self._facts.stream}
        for label, value in self._labels.items():
            known[semconv.LABEL_PREFIX + label] = value
        return known

    def active(self) -> AbstractContextManager[None]:
        return attached(self._open())

    def attempt(self, facts: AttemptFacts) -> AttemptScope:
        if self._facts.one_span and self._span is None:
            alone = self._alone = AttemptSpan(
                self._channel, facts, parent=self._parent, model=self._model, asked=self._asked,
                shared=self._at_start(),
            )  # fmt: skip
            self._span, self._context = alone.span, alone.context
            return alone
        return AttemptSpan(self._channel, facts, parent=self._open(), model=self._model, asked=self._asked)

    def lookup(self, key: str) -> LookupScope:
        return LookupSpan(self._channel, self._open(), key)

    def match(self, key: str) -> MatchScope:
        return MatchSpan(self._channel, self._open(), key)

    def finish(self, outcome: RequestOutcome) -> None:
        if self._done:
            return
        self._done = True
        own = self._channel.instruments
        own.active.leave(self._ticket)
        try:
            fault = self._described(outcome)
            own.request_duration.record(time.monotonic() - self._started, self._metric_labels(outcome), self._context)
            self._tell_cache(outcome)
            self._tally_labels(outcome)
            above = util_genai.outer_data(self._facts.operation, self._parent)
            if above is not None:
                util_genai.publish_request(above, outcome)
            if outcome.error is not None:
                self._tell_failure(outcome, outcome.error)
            if fault is not None:
                raise fault
        finally:
            self._end_span(outcome)

    def _described(self, outcome: RequestOutcome) -> Exception | None:
        """The span gets its last attributes. What goes wrong there (a span processor that raises) is raised when the
        metrics are told: they are the count of requests, and need no span."""
        try:
            found = {key: value for key, value in self._own_attributes(outcome).items() if value is not None}
            self._open((self._alone.left if self._alone is not None else {}) | found)
        except Exception as exc:  # noqa: BLE001
            return exc
        return None

    def _metric_labels(self, outcome: RequestOutcome) -> dict[str, Any]:
        cache = outcome.cache
        labels: dict[str, Any] = {
            semconv.MODEL.key: self._model,
            semconv.OUTCOME.key: outcome.kind,
            semconv.CACHE_STATUS.key: cache.status,
        }
        if cache.tier is not None:
            labels[semconv.CACHE_TIER.key] = cache.tier
            labels[semconv.CACHE_MATCH.key] = cache.match
        return labels

    def _tell_cache(self, outcome: RequestOutcome) -> None:
        own = self._channel.instruments
        if outcome.cache.l1 is not None:  # L1 is no I/O: no span of its own, only its histogram
            result, seconds = outcome.cache.l1
            own.cache_lookup.record(seconds, L1_LABELS[result], self._context)
        if outcome.first_touch is not None:
            took = time.monotonic() - self._started
            own.first_touch.record(took, FIRST_TOUCH_LABELS[outcome.first_touch], self._context)
        if outcome.cache.reason is not None:
            own.tallies.cache_not_stored(bypass_reason=outcome.cache.reason)
        if outcome.cache.collapsed:
            own.tallies.cache_collapses(model=self._model)
        if outcome.saving is not None:
            self._tally_saving(outcome.saving)

    def _tally_saving(self, saving: Saving) -> None:
        """Money whose amount is known, and tokens that were not used (none are saved by routing)."""
        own = self._channel.instruments
        if saving.cost is not None:
            own.tallies.cost_total(
                saving.cost,
                model=self._model,
                provider=own.labels.provider(saving.provider),
                cost_kind="saved",
                cost_source="local",
                cost_reason=saving.by,
            )
        if saving.tokens is not None:
            for kind, count in token_counts(saving.tokens).items():
                own.tallies.tokens_saved(count, model=self._model, token_type=kind)

    def _tally_labels(self, outcome: RequestOutcome) -> None:
        own = self._channel.instruments
        for label, value in self._labels.items():
            bounded = own.labels.value(label, value)
            own.tallies.label_requests(label=label, label_value=bounded, outcome=outcome.kind)
            if outcome.cost is not None:
                own.tallies.label_cost(outcome.cost, label=label, label_value=bounded, cost_kind="spent")
            if outcome.saving is not None and outcome.saving.cost is not None:
                own.tallies.label_cost(outcome.saving.cost, label=label, label_value=bounded, cost_kind="saved")

    def _tell_failure(self, outcome: RequestOutcome, error: BeastModeError) -> None:
        labels = {semconv.MODEL.key: self._model, semconv.ERROR_TYPE.key: error.category.name}
        self._channel.instruments.errors.add(1, labels, self._context)
        where = f" at {error.deployment}" if error.deployment else ""
        self._channel.logger.emit(
            LogRecord(
                timestamp=time.time_ns(),
                context=self._context,
                severity_number=SeverityNumber.ERROR,
                severity_text="ERROR",
                body=f"{self._asked}: {error.category.name}{where}",
                attributes=self._failure(outcome, error),
                event_name=semconv.FAILED_EVENT,
            )
        )

    def _failure(self, outcome: RequestOutcome, error: BeastModeError) -> dict[str, Any]:
        """The failure's attributes. Texts of the provider are left out: they quote prompts."""
        cause = error.__cause__
        found = self._own_attributes(outcome) | {
            semconv.MODEL.key: self._asked,
            semconv.ENDPOINT.key: error.endpoint,
            semconv.PROVIDER_REQUEST.key: identifier(error.request_id or ""),
            semconv.EXCEPTION_TYPE.key: type(cause or error).__name__,
        }
        if self._channel.capture.span or self._channel.capture.event:
            found[semconv.EXCEPTION_MESSAGE.key] = error.context.original or error.message
        return {key: value for key, value in found.items() if value is not None}

    def _end_span(self, outcome: RequestOutcome) -> None:
        span = self._span
        if span is None:
            return
        if outcome.error is not None:
            span.set_status(Status(StatusCode.ERROR, outcome.error.category.name))
        span.end()

    def _own_attributes(self, outcome: RequestOutcome) -> dict[str, Any]:
        cache, error = outcome.cache, outcome.error
        found: dict[str, Any] = {
            semconv.OUTCOME.key: outcome.kind,
            semconv.CACHE_STATUS.key: cache.status,
            semconv.CACHE_TIER.key: cache.tier,
            semconv.CACHE_MATCH.key: cache.match,
            semconv.SIMILARITY.key: cache.similarity,
            semconv.MATCHED.key: cache.matched,
            semconv.MATCH_VERDICT.key: cache.verdict,
            semconv.GUARD.key: cache.guard,
            semconv.CACHE_AGE.key: cache.age,
            semconv.CACHE_KEY.key: cache.key,
            semconv.CACHE_COLLAPSED.key: cache.collapsed or None,
            semconv.BYPASS_REASON.key: cache.reason,
            semconv.SAVED.key: outcome.saving.cost if outcome.saving else None,
            semconv.ROUTE.key: outcome.route,
            semconv.DEPLOYMENT.key: outcome.deployment,
            semconv.ATTEMPTS.key: outcome.attempts,
            semconv.COST.key: outcome.cost,
        }
        if error is not None:
            found[semconv.ERROR_TYPE.key] = error.category.name
            found[semconv.HINT.key] = self._channel.redact("; ".join(error.hints)) or None
            found[semconv.STATUS_CODE.key] = error.status_code
            found[semconv.PROVIDER_CODE.key] = identifier(error.provider_code or "")
        return found
