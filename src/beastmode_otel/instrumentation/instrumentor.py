"""The entry point by which `opentelemetry-instrument` finds us."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from beastmode_otel.errors import ConfigError
from beastmode_otel.instrumentation.hook import instrument, uninstrument

_log = logging.getLogger("beastmode_otel")
_OURS: Final = (
    *("cache", "ttl", "tracer_provider", "meter_provider", "logger_provider"),
    *("request_hook", "response_hook", "excluded_urls", "paths"),
)


class BeastModeInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """`instrument(**options)` takes what `beastmode_otel.instrument` takes. Never raises into the app."""

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()  # httpx or httpx2: either will do, and a process without both has nothing to see

    def _instrument(self, **kwargs: Any) -> None:
        try:
            instrument(**{name: value for name, value in kwargs.items() if name in _OURS})
        except ConfigError as exc:
            _log.error("LLM calls are not observed: %s", exc)
        except Exception:  # noqa: BLE001  (an app must start whatever is wrong with us)
            _log.exception("LLM calls are not observed")

    def _uninstrument(self, **kwargs: Any) -> None:
        uninstrument()
