"""instrument() and uninstrument(): the hook on and off, by code."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping
from typing import Any

from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel.instrumentation import hook
from beastmode_otel.instrumentation.build import build_context
from beastmode_otel.instrumentation.context import Hook, Hooks

_lock = threading.Lock()


def instrument(
    *,
    cache: Any = None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    request_hook: Hook | None = None,
    response_hook: Hook | None = None,
    excluded_urls: str | None = None,
    paths: Mapping[str, str] | None = None,
) -> None:
    """See every LLM call that this process makes through httpx or httpx2, whatever SDK makes it.

    cache: None for BEASTMODE_CACHE (default off), True, a mode, or a mapping like `[cache]`. Providers that are None
    are the global ones. request_hook(span, request), response_hook(span, response): add what you like to spans.
    excluded_urls: regular expressions with commas between them; None for BEASTMODE_EXCLUDED_URLS. paths: more paths
    and the wire format that each speaks, `{"/llm/*/ask": "openai.chat"}`. A second call changes nothing.
    Raises ConfigError.
    """
    with _lock:
        if hook.is_installed():
            return
        context = build_context(
            "hook",
            cache=cache,
            providers=(tracer_provider, meter_provider, logger_provider),
            hooks=Hooks(request=request_hook, response=response_hook),
            excluded_urls=excluded_urls,
            paths=paths,
        )
        hook.install(context)
        atexit.register(uninstrument)  # streams that are still open end, too


def uninstrument() -> None:
    """Restore httpx and httpx2 as they were. Streams that are open end as cancelled. Idempotent."""
    with _lock:
        context = hook.remove()
        atexit.unregister(uninstrument)
    if context is not None:
        context.close()
