"""Other people's instrumentations, the real ones, on and off again; and what was recorded, by who recorded it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.sdk.trace import ReadableSpan

import beastmode_otel
from sdk.adapters import SDKS, Sdk
from sdk.drivers import DRIVERS
from support.recorder import Recorder

OURS = "beastmode_otel"
GENAI = "opentelemetry.instrumentation.genai."
HTTPX = ("opentelemetry.instrumentation.httpx", "opentelemetry.instrumentation.httpx2")
WORLDS = ("sync", "async")


@contextmanager
def ours(recorder: Recorder, **options: Any) -> Iterator[None]:
    beastmode_otel.instrument(**recorder.providers, **options)
    try:
        yield
    finally:
        beastmode_otel.uninstrument()


@contextmanager
def on(recorder: Recorder, *instrumentors: Any) -> Iterator[None]:
    for one in instrumentors:
        one.instrument(**recorder.providers)
    try:
        yield
    finally:
        for one in reversed(instrumentors):
            one.uninstrument()


def genai() -> tuple[Any, Any]:
    """They import the SDKs that they instrument."""
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    return OpenAIInstrumentor(), AnthropicInstrumentor()


def httpx_both() -> tuple[Any, Any]:
    return HTTPXClientInstrumentor(), HTTPX2ClientInstrumentor()


def act(simulator: Any, sdk: str | Sdk, world: str, action: str, *, behaviour: str = "", retries: int = 0) -> Any:
    """One thing done with one call through a real SDK; its result, or the exception that it raised."""
    kind = SDKS[sdk] if isinstance(sdk, str) else sdk
    url = simulator.url(behaviour or f"dialect={kind.dialect or 'openai'}", kind.v1)
    return DRIVERS[world](kind, simulator, url, retries, 30.0).act(action)


def scope_of(span: ReadableSpan) -> str:
    return span.instrumentation_scope.name if span.instrumentation_scope else ""


def genai_spans(recorder: Recorder) -> list[ReadableSpan]:
    """Whoever made them."""
    return [span for span in recorder.spans() if any(key.startswith("gen_ai.") for key in span.attributes or {})]


def by(recorder: Recorder, *scopes: str) -> list[ReadableSpan]:
    return [span for span in recorder.spans() if scope_of(span).startswith(scopes)]


def is_below(span: ReadableSpan, above: ReadableSpan) -> bool:
    return span.parent is not None and span.parent.span_id == above.get_span_context().span_id


def recorded(recorder: Recorder) -> Counter[tuple[str, str]]:
    """How often each scope recorded each histogram of the convention, by (scope, metric)."""
    data = recorder._reader.get_metrics_data()
    found: Counter[tuple[str, str]] = Counter()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                if metric.name.startswith("gen_ai.") and hasattr(metric.data.data_points[0], "count"):
                    found[scope.scope.name, metric.name] += sum(point.count for point in metric.data.data_points)
    return found
