"""The GenAI convention's attributes of an attempt. The only file that knows how facts map to its names."""

from __future__ import annotations

from typing import Any

from beastmode_otel import semconv
from beastmode_otel.observer import AttemptFacts, AttemptOutcome
from beastmode_otel.telemetry.labels import Bounded

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


class LabelSets:
    """The convention's metric labels, one dict for each set that is never changed, since most calls have equal ones.

    Folded once there are `limit` different sets.
    """

    def __init__(self, limit: int) -> None:
        self._bounded = Bounded(limit)
        self._known: dict[tuple[Any, ...], Attributes] = {}

    def of(
        self, facts: AttemptFacts, *, response_model: str | None = None, error: str | None = None, more: str = ""
    ) -> Attributes:
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

    def _labels(self, facts: AttemptFacts, response_model: str | None, error: str | None, more: str) -> Attributes:
        labels: Attributes = {
            semconv.GENAI_OPERATION: facts.operation,
            semconv.GENAI_PROVIDER: facts.provider,
            semconv.GENAI_REQUEST_MODEL: facts.model,
            semconv.SERVER_ADDRESS: facts.host,
            semconv.SERVER_PORT: facts.port,
        }
        _put(labels, semconv.GENAI_RESPONSE_MODEL, response_model)
        return _specified(labels, error, more)

    def _folded(self, facts: AttemptFacts, error: str | None, more: str) -> Attributes:
        labels = {
            semconv.GENAI_OPERATION: facts.operation,
            semconv.GENAI_PROVIDER: semconv.OTHER,
            semconv.GENAI_REQUEST_MODEL: semconv.OTHER,
        }
        return _specified(labels, error, more)


def _specified(labels: Attributes, error: str | None, more: str) -> Attributes:
    _put(labels, semconv.ERROR_TYPE.key, error)
    _put(labels, semconv.GENAI_TOKEN_TYPE, more or None)
    return labels


def _put(attributes: Attributes, key: str, value: Any) -> None:
    if value is not None:
        attributes[key] = value
