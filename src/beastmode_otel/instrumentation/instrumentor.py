"""The entry point by which `opentelemetry-instrument` finds us."""

from __future__ import annotations

import atexit
import logging
import sys
from collections.abc import Collection
from typing import Any, Final

from opentelemetry import _logs, metrics, trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from beastmode_otel.errors import ConfigError
from beastmode_otel.instrumentation.hook import instrument, uninstrument
from beastmode_otel.telemetry.at_exit import end_where_nobody_listens

_log = logging.getLogger("beastmode_otel")
_ZERO_CODE: Final = "opentelemetry.instrumentation.auto_instrumentation"
_OURS: Final = (
    *("cache", "ttl", "tracer_provider", "meter_provider", "logger_provider"),
    *("request_hook", "response_hook", "excluded_urls", "paths"),
)


class BeastModeInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """`instrument(**options)` takes what `beastmode_otel.instrument` takes. Never raises into the app."""

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()  # httpx or httpx2: either will do, and a process without both has nothing to see

    def _instrument(self, **kwargs: Any) -> None:
        if _ZERO_CODE in sys.modules:  # then the providers are what the variables say, and no work of the app's
            atexit.unregister(_end)
            atexit.register(_end)  # after what `instrument` registers, before what the SDK has: the last comes first
        try:
            instrument(**{name: value for name, value in kwargs.items() if name in _OURS})
        except ConfigError as exc:
            _log.error("LLM calls are not observed: %s", exc)
        except Exception:  # noqa: BLE001  (an app must start whatever is wrong with us)
            _log.exception("LLM calls are not observed")

    def _uninstrument(self, **kwargs: Any) -> None:
        uninstrument()


def _end() -> None:
    end_where_nobody_listens(
        (_logs.get_logger_provider(), metrics.get_meter_provider(), trace.get_tracer_provider()),
    )
