"""One GenAI span per call, beside opentelemetry-util-genai and its instrumentations. No dependency on it.

An instrumentation on util-genai puts a data object into the context of its span, under a key of its own. Who finds one
there makes no GenAI span and no GenAI metric, and writes what it knows into the object: the span above takes from it
what it does not know itself when it ends. Source: `InferenceData`, `EmbeddingData` of opentelemetry-util-genai 1.3b0.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context, get_value, set_value

from beastmode_otel import semconv
from beastmode_otel.observer import AttemptFacts, AttemptOutcome, RequestOutcome

_MODULE: Final = "opentelemetry.util.genai.invocation"
_INFERENCE: Final = ("opentelemetry.genai.client.inference.context", "InferenceData")
_EMBEDDING: Final = ("opentelemetry.genai.client.embedding.context", "EmbeddingData")
_KEYS: Final = (_INFERENCE[0], _EMBEDDING[0])
_NOTED: Final = "_beastmode_span"
# SDKs that make a span for each call by themselves, by its scope.
_NATIVE: Final = {"com.anthropic.sdk.python": "anthropic", "mistralai_sdk_tracer": "mistralai"}


class OthersSeen:
    """Who else was seen at our calls, for the doctor. Only ever added to.

    above: whether a GenAI span of util-genai's was. native: SDKs whose own span was.
    """

    def __init__(self) -> None:
        self.above = False
        self.native: set[str] = set()


OTHERS_SEEN: Final = OthersSeen()


def parent_of(context: Context) -> Context:
    """`context` as the parent of a request: without a GenAI span of util-genai's that is over.

    Who leaves a stream early, or ends it in another context, leaves span and data object behind: nobody takes from that
    object any more what is written into it, and the call would have no GenAI span and no tokens. The request stands
    beside the ended span then, below what that one stood below.
    """
    if _KEYS[0] not in context and _KEYS[1] not in context:
        return context
    current = trace.get_current_span(context)
    for key in _KEYS:
        data = context.get(key)
        if data is not None and _is_over(_span_of(data, current)):
            context = set_value(key, None, context)
    if not _is_over(current):  # a span of the app's own, which lives
        return context
    above = getattr(current, "parent", None)
    return trace.set_span_in_context(trace.INVALID_SPAN if above is None else trace.NonRecordingSpan(above), context)


def _span_of(data: Any, current: Any) -> Any:
    """The span that a data object was made with. Noted in it when a call is right below that span, since spans of the
    app's own may be current at a later one."""
    noted = getattr(data, _NOTED, None)
    if noted is None and semconv.GENAI_OPERATION in (getattr(current, "attributes", None) or {}):
        noted = current
        with suppress(AttributeError):  # one with slots
            setattr(data, _NOTED, current)
    return current if noted is None else noted


def _is_over(span: Any) -> bool:
    """Of a span that is not recorded nobody knows."""
    return getattr(span, "end_time", None) is not None


def outer_data(operation: str, context: Context) -> Any:
    """The data object of the GenAI span above; None when there is none, and ours is the GenAI span."""
    data = get_value(_kind(operation)[0], context)
    if data is None or not isinstance(getattr(data, "attributes", None), dict):
        return None
    OTHERS_SEEN.above = True
    return data


def with_own_data(operation: str, context: Context) -> Context:
    """`context` with an object of ours, so that none below makes a second GenAI span.

    Nobody below can look for one before util-genai is loaded, so it is not loaded for this.
    """
    key, name = _kind(operation)
    make = getattr(sys.modules.get(_MODULE), name, None)
    return context if make is None else set_value(key, make(), context)


def notice_native(context: Context) -> None:
    """Remember an SDK that traces itself, whose span the call is in."""
    scope = getattr(trace.get_current_span(context), "instrumentation_scope", None)
    if scope is not None and scope.name in _NATIVE:
        OTHERS_SEEN.native.add(_NATIVE[scope.name])


def publish_attempt(data: Any, facts: AttemptFacts, outcome: AttemptOutcome) -> None:
    """Tell the span above of an attempt that has ended. The last one's facts win; attempts and cost add up."""
    attributes = data.attributes
    attributes[semconv.DEPLOYMENT.key] = facts.deployment
    attributes[semconv.ATTEMPTS.key] = attributes.get(semconv.ATTEMPTS.key, 0) + 1
    if outcome.cost is not None:
        attributes[semconv.COST.key] = attributes.get(semconv.COST.key, 0.0) + outcome.cost
        if outcome.cost_source != "local":
            attributes[semconv.COST_SOURCE.key] = outcome.cost_source
    reply, tokens = outcome.reply, outcome.tokens
    if reply is not None:
        _put(data, response_model=reply.model, response_id=reply.id)
        _put(data, response_finish_reasons=list(reply.finish_reasons) or None)
    if tokens is not None and not tokens.estimated:  # the convention counts what providers report
        _put(
            data,
            usage_input_tokens=tokens.input_tokens,
            usage_output_tokens=tokens.output_tokens,
            usage_cache_read_input_tokens=tokens.cached_input_tokens,
            usage_cache_write_input_tokens=tokens.cache_write_tokens,
            usage_reasoning_output_tokens=tokens.reasoning_tokens,
        )


def publish_request(data: Any, outcome: RequestOutcome) -> None:
    """Tell the span above how a request ended. What the cache answered is marked on the metrics above, too:
    its durations and tokens are no provider's."""
    cache, attributes = outcome.cache, data.attributes
    found = {
        semconv.OUTCOME.key: outcome.kind,
        semconv.CACHE_STATUS.key: cache.status,
        semconv.CACHE_TIER.key: cache.tier,
        semconv.CACHE_MATCH.key: cache.match,
        semconv.SAVED.key: outcome.saving.cost if outcome.saving else None,
    }
    attributes.update((key, value) for key, value in found.items() if value is not None)
    labels = getattr(data, "metric_attributes", None)
    if cache.status in ("hit", "stale") and isinstance(labels, dict):
        labels[semconv.CACHE_STATUS.key] = cache.status


def _kind(operation: str) -> tuple[str, str]:
    return _EMBEDDING if operation == "embeddings" else _INFERENCE


def _put(data: Any, **values: Any) -> None:
    """What is known, where the object has a place for it."""
    for name, value in values.items():
        if value is not None and hasattr(data, name):
            setattr(data, name, value)
