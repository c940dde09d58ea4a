"""What only the process itself knows: its providers, its exports, its forks, what it has loaded, who else observes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from opentelemetry import _logs, metrics, trace

from beastmode_otel import semconv
from beastmode_otel.doctor.catalog import Finding, Severity, found
from beastmode_otel.doctor.settings import is_off
from beastmode_otel.telemetry.instruments import FORKS, Instruments, all_instruments
from beastmode_otel.telemetry.setup import LIVE, Telemetry, configured, is_on
from beastmode_otel.telemetry.util_genai import OTHERS_SEEN

# A module, the ones that must be loaded beside it, and whose calls it makes. The OTLP exporter loads grpc itself.
_UNSEEN: Final = (
    ("botocore", (), "Bedrock"),
    ("aiohttp", (), "clients that call models with aiohttp itself; where it only carries httpx's calls, they are seen"),
    ("grpc", ("google.ai", "google.cloud.aiplatform", "vertexai"), "Vertex AI and Gemini over gRPC"),
    ("websockets", (), "realtime APIs"),
    ("requests", ("dashscope",), "DashScope"),
)
_INTERVALS: Final = dict(zip(LIVE, ("metrics", "traces", "logs"), strict=True))
_BASE: Final = "opentelemetry.instrumentation.instrumentor"
_SDKS: Final = "openai|anthropic|mistralai|groq|ollama|together"
# Modules of instrumentors of SDKs whose calls we see, that do not use util-genai.
_WITHOUT_UTIL_GENAI: Final = (
    (re.compile(rf"opentelemetry\.instrumentation\.({_SDKS})\b"), "OpenLLMetry: {}"),
    (re.compile(rf"openinference\.instrumentation\.({_SDKS})\b"), "OpenInference: {}"),
)


def process_findings(environ: Mapping[str, str]) -> list[Finding]:
    """Opens nothing, sends nothing: safe at exit and in a signal handler's wake."""
    telemetry = configured()
    off = [] if is_off(environ) else [*_sdk(telemetry), *_live(telemetry, environ)]
    counted = [*_exports(telemetry), *_counted(all_instruments()), *_forks(telemetry)]
    return [*off, *counted, *_other_instrumentations(), *_unseen(sys.modules)]


def _sdk(telemetry: Telemetry | None) -> list[Finding]:
    providers = {
        "traces": trace.get_tracer_provider(),
        "metrics": metrics.get_meter_provider(),
        "logs": _logs.get_logger_provider(),
    }
    unset = [signal for signal, provider in providers.items() if "Proxy" in type(provider).__name__]
    if len(unset) == len(providers):
        return [found("sdk_not_set_up", "traces, metrics and logs")]
    missing = [found("sdk_not_set_up", ", ".join(unset), severity="warning")] if unset else []
    ours = {results.signal for results in telemetry.results} if telemetry else set()
    by = {signal: "configure()" if signal in ours else "others" for signal in providers if signal not in unset}
    return [*missing, found("sdk_set_up", ", ".join(f"{signal} by {who}" for signal, who in by.items()))]


def _live(telemetry: Telemetry | None, environ: Mapping[str, str]) -> list[Finding]:
    """An SDK of others keeps its own intervals."""
    if not (telemetry.live if telemetry else is_on("BEASTMODE_LIVE", environ)):
        return []
    ours = {results.signal for results in telemetry.results} if telemetry else set()
    slow = [signal for name, signal in _INTERVALS.items() if signal not in ours and not environ.get(name)]
    return [found("live_slowed", f"{', '.join(slow)}: set up by others, with their intervals")] if slow else []


def _exports(telemetry: Telemetry | None) -> list[Finding]:
    findings = []
    for results in telemetry.results if telemetry else ():
        if results.failed:
            detail = f"{results.signal}: {results.failed} of {results.failed + results.done} exports failed"
            severity: Severity = "problem" if results.last_ok is False else "warning"
            findings.append(found("export_failing", detail, severity=severity))
        if results.overflowed:
            findings.append(found("cardinality_overflow", ", ".join(sorted(results.overflowed))))
    return findings


def _counted(instruments: Iterable[Instruments]) -> list[Finding]:
    findings = []
    for own in instruments:
        dropped = own.tallies.snapshot(semconv.TELEMETRY_DROPPED)
        findings += [found("telemetry_dropped", f"{signal}: {n:g} ({why})") for (signal, why), n in dropped.items()]
        folded = [name for name in ("model", "deployment", "provider") if getattr(own.labels, name).overflowed]
        if folded:
            findings.append(found("labels_folded", ", ".join(f"too many {name}s" for name in folded)))
    return findings


def _forks(telemetry: Telemetry | None) -> list[Finding]:
    ours = telemetry is not None and any(results.signal == "metrics" for results in telemetry.results)
    if ours:  # then the child begins at zero
        return []
    if FORKS.inherited:
        return [found("fork_after_recording", "this process is a child that inherited its parent's counts")]
    if FORKS.after_recording:
        detail = f"this process has forked {FORKS.after_recording} times since its first request"
        return [found("fork_after_recording", detail, severity="warning")]
    return []


def _unseen(loaded: Mapping[str, object]) -> list[Finding]:
    return [
        found("library_unseen", f"{module}: {whose}")
        for module, beside, whose in _UNSEEN
        if module in loaded and (not beside or any(name in loaded for name in beside))
    ]


def _other_instrumentations() -> list[Finding]:
    """SDKs that trace themselves, and other people's instrumentations of the calls that we see. Only when there were
    calls through the doors for other people's clients.
    """
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
