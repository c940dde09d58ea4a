"""Who else observes the same calls: SDKs that trace themselves, and other people's instrumentations."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, Final

from beastmode_otel import semconv
from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.telemetry.instruments import all_instruments
from beastmode_otel.telemetry.util_genai import OTHERS_SEEN

_BASE: Final = "opentelemetry.instrumentation.instrumentor"
_SDKS: Final = "openai|anthropic|mistralai|groq|ollama|together"
# Modules of instrumentors of SDKs whose calls we see, that do not use util-genai.
_WITHOUT_UTIL_GENAI: Final = (
    (re.compile(rf"opentelemetry\.instrumentation\.({_SDKS})\b"), "OpenLLMetry: {}"),
    (re.compile(rf"openinference\.instrumentation\.({_SDKS})\b"), "OpenInference: {}"),
)


def other_instrumentation_findings() -> list[Finding]:
    """Only when calls came through the doors for other people's clients."""
    native = [found("native_doubled", name) for name in sorted(OTHERS_SEEN.native)]
    shared = [found("genai_shared", "util-genai's span was round our attempts")] if OTHERS_SEEN.above else []
    doubled = sorted(set(_without_util_genai())) if _calls_seen() else []
    return [*native, *(found("instrumentation_doubled", who) for who in doubled), *shared]


def _calls_seen() -> bool:
    doors = {door for own in all_instruments() for (door,) in own.tallies.snapshot(semconv.LLM_CALLS)}
    return bool(doors & {"hook", "transport"})


def _without_util_genai() -> Iterator[str]:
    """Names of those that are on. Nothing is imported: what is not loaded is not on."""
    base = getattr(sys.modules.get(_BASE), "BaseInstrumentor", None)
    for one in _subclasses(base) if base is not None else ():
        if getattr(one.__dict__.get("_instance"), "is_instrumented_by_opentelemetry", False):
            yield from (
                name.format(hit[1]) for where, name in _WITHOUT_UTIL_GENAI if (hit := where.match(one.__module__))
            )


def _subclasses(base: Any) -> Iterator[Any]:
    for one in base.__subclasses__():
        yield one
        yield from _subclasses(one)
