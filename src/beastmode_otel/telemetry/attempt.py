"""An attempt's span and metrics, in the names of the GenAI conventions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context

from beastmode_otel import semconv
from beastmode_otel.observer import AttemptFacts, AttemptOutcome
from beastmode_otel.telemetry import util_genai
from beastmode_otel.telemetry.channel import Channel
from beastmode_otel.telemetry.content import content_of
from beastmode_otel.telemetry.observables import token_counts
from beastmode_otel.telemetry.suppress import OURS, attached
from beastmode_otel.wire import Usage, identifier

Attributes = dict[str, Any]


def at_start(facts: AttemptFacts) -> Attributes:
    """What is known when the span begins, so that samplers see it."""
    attributes: Attributes = {
        semconv.GENAI_OPERATION: facts.operation,
        semconv.GENAI_PROVIDER: facts.provider,
        semconv.GENAI_REQUEST_MODEL: facts.model,
        **place_of(facts),
    }
    for name, key in semconv.GENAI_REQUEST.items():
        value = getattr(facts.ask, name, None)
        if value is not None and value != ():
            attributes[key] = value
    return attributes


def place_of(facts: AttemptFacts) -> Attributes:
    """Where it goes and which try it is: all that an attempt below another's GenAI span says at its start."""
    return {
        semconv.SERVER_ADDRESS: facts.host,
        semconv.SERVER_PORT: facts.port,
        semconv.ATTEMPT.key: facts.number,
        semconv.DEPLOYMENT.key: facts.deployment,
    }


def at_end(outcome: AttemptOutcome) -> Attributes:
    """What the response said."""
    attributes: Attributes = {}
    reply, tokens = outcome.reply, outcome.tokens
    if reply is not None:
        _put(attributes, semconv.GENAI_RESPONSE_MODEL, reply.model)
        _put(attributes, semconv.GENAI_RESPONSE_ID, reply.id)
        _put(attributes, semconv.GENAI_FINISH_REASONS, reply.finish_reasons or None)
    if tokens is not None:
        _put(attributes, semconv.GENAI_INPUT_TOKENS, tokens.input_tokens)
        _put(attributes, semconv.GENAI_OUTPUT_TOKENS, tokens.output_tokens)
        _put(attributes, semconv.GENAI_CACHE_READ_TOKENS, tokens.cached_input_tokens)
        _put(attributes, semconv.GENAI_CACHE_WRITE_TOKENS, tokens.cache_write_tokens)
        _put(attributes, semconv.GENAI_REASONING_TOKENS, tokens.reasoning_tokens)
    return attributes


def _put(attributes: Attributes, key: str, value: Any) -> None:
    if value is not None:
        attributes[key] = value


class AttemptSpan:
    """observer.AttemptScope, told to OpenTelemetry. model: the bounded model label of its request.

    shared: the attributes of the request when its span is this one, too; the request then sets what is `left` for the
    end, with its own, and ends it. Inside the GenAI span of somebody else it is
    no second one: it has no `gen_ai.*` attributes and metrics, and tells that span what it knows.
    """

    def __init__(
        self, channel: Channel, facts: AttemptFacts, *, parent: Context, model: str, asked: str,
        shared: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self._channel, self._facts, self._model = channel, facts, model
        self._started = self._last_token = time.monotonic()
        self._first_token: float | None = None
        self._done, self._ends = False, shared is None
        self.left: Attributes = {}
        self._outer = util_genai.outer_data(facts.operation, parent)
        util_genai.notice_native(parent)
        alone = self._outer is None
        attributes = at_start(facts) if alone else place_of(facts)
        attributes[semconv.MODEL.key] = asked
        attributes.update(shared or {})
        name = f"{facts.operation} {facts.model}".strip() if alone else f"attempt {facts.deployment}"
        self._span = channel.tracer.start_span(name, parent, SpanKind.CLIENT, attributes)
        context = otel_context.set_value(OURS, True, set_span_in_context(self._span, parent))
        self._context = util_genai.with_own_data(facts.operation, context) if alone else context

    @property
    def span(self) -> Span:
        return self._span

    @property
    def context(self) -> Context:
        return self._context

    def active(self) -> AbstractContextManager[None]:
        return attached(self._context)

    def token(self) -> bool:
        if self._first_token is None:
            self._last_token = time.monotonic()
            self._first_token = self._last_token - self._started
        elif self._channel.per_chunk and self._outer is None:
            now = time.monotonic()
            own = self._channel.instruments
            labels = own.labels.genai_sets.of(self._facts)
            own.genai_per_chunk.record(now - self._last_token, labels, self._context)
            self._last_token = now
        return self._channel.per_chunk and self._outer is None

    def finish(self, outcome: AttemptOutcome) -> None:
        if self._done:
            return
        self._done = True
        duration = time.monotonic() - self._started
        try:
            self._record(outcome, duration)
            self._tally(outcome)
            if self._outer is not None:
                util_genai.publish_attempt(self._outer, self._facts, outcome)
            else:
                self._record_genai(outcome, duration)
                self._emit_content(outcome)
        finally:
            self._end_span(outcome)

    def _record(self, outcome: AttemptOutcome, duration: float) -> None:
        own, deployment = self._channel.instruments, self._deployment()
        labels = {semconv.DEPLOYMENT.key: deployment, semconv.OUTCOME.key: outcome.kind}
        if outcome.category is not None:
            labels[semconv.ERROR_TYPE.key] = outcome.category.name
        own.attempt_duration.record(duration, labels, self._context)
        if self._first_token is not None:
            labels = {semconv.MODEL.key: self._model, semconv.DEPLOYMENT.key: deployment}
            own.first_token.record(self._first_token, labels, self._context)

    def _record_genai(self, outcome: AttemptOutcome, duration: float) -> None:
        own = self._channel.instruments
        answered_by = outcome.reply.model if outcome.reply else None
        error = outcome.category.name if outcome.category else None
        labels = own.labels.genai_sets.of(self._facts, response_model=answered_by, error=error)
        own.genai_duration.record(duration, labels, self._context)
        if self._first_token is not None:
            own.genai_first_chunk.record(self._first_token, labels, self._context)
        tokens = outcome.tokens
        if tokens is None or tokens.estimated:  # the convention counts what providers report
            return
        for kind, count in (("input", tokens.input_tokens), ("output", tokens.output_tokens)):
            if count is not None:
                labels = own.labels.genai_token_sets.of(self._facts, response_model=answered_by, more=kind)
                own.genai_tokens.record(count, labels, self._context)

    def _tally(self, outcome: AttemptOutcome) -> None:
        own = self._channel.instruments
        if outcome.status is not None:
            code = outcome.status if own.labels.status.admits(outcome.status) else semconv.OTHER
            own.tallies.responses(deployment=self._deployment(), status_code=code)
        if outcome.tokens is not None:
            self._tally_tokens(outcome.tokens, outcome.cost, outcome.cost_source)

    def _tally_tokens(self, tokens: Usage, cost: float | None, cost_source: str) -> None:
        own = self._channel.instruments
        source = "estimated" if tokens.estimated else "provider"
        for kind, count in token_counts(tokens).items():
            own.tallies.token_count(count, model=self._model, token_type=kind, token_source=source)
        if cost is None:
            own.tallies.cost_unknown(model=self._model)
        else:
            own.tallies.cost_total(
                cost,
                model=self._model,
                provider=own.labels.provider(self._facts.provider),
                cost_kind="spent",
                cost_source=cost_source,
                cost_reason=None,
            )

    def _deployment(self) -> str:
        return self._channel.instruments.labels.deployment(self._facts.deployment)

    def _emit_content(self, outcome: AttemptOutcome) -> None:
        capture = self._channel.capture
        if not (capture.span or capture.event):
            return
        content = content_of(self._facts, outcome, self._channel.redact)
        if capture.span:
            self._span.set_attributes(content)
        if capture.event:
            self._channel.logger.emit(
                LogRecord(
                    timestamp=time.time_ns(),
                    context=self._context,
                    event_name=semconv.GENAI_DETAILS_EVENT,
                    attributes=at_start(self._facts) | at_end(outcome) | content,
                )
            )

    def _end_span(self, outcome: AttemptOutcome) -> None:
        span = self._span
        if span.is_recording():
            self.left = (at_end(outcome) if self._outer is None else {}) | self._own_attributes(outcome)
            if self._ends:
                span.set_attributes(self.left)
            if outcome.kind == "error":
                span.set_status(Status(StatusCode.ERROR, outcome.category.name if outcome.category else semconv.OTHER))
        if self._ends:
            span.end()

    def _own_attributes(self, outcome: AttemptOutcome) -> Attributes:
        found = {
            semconv.OUTCOME.key: outcome.kind,
            semconv.ATTEMPT_SENT.key: outcome.sent,
            semconv.STATUS_CODE.key: outcome.status,
            semconv.ERROR_TYPE.key: outcome.category.name if outcome.category else None,
            semconv.PROVIDER_CODE.key: identifier(outcome.provider_code or ""),
            semconv.EXCEPTION_TYPE.key: outcome.exception,
            semconv.COST.key: outcome.cost,
            semconv.COST_SOURCE.key: None if outcome.cost_source == "local" else outcome.cost_source,
            semconv.ESTIMATED.key: True if outcome.tokens is not None and outcome.tokens.estimated else None,
        }
        return {key: value for key, value in found.items() if value is not None}
