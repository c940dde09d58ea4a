"""The GenAI convention's attributes of an attempt. How facts map to its names."""

from __future__ import annotations

from typing import Any

from beastmode_otel import semconv
from beastmode_otel.observer import AttemptFacts, AttemptOutcome

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
