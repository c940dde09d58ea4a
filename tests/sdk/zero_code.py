"""An app as a subprocess under `opentelemetry-instrument`, and what it exported over OTLP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import beastmode_otel
from beastmode_otel.simulator import Simulator
from sdk.plan import APPS, KEY, PROMPT
from support.otlp_backend import attributes
from support.otlp_sink import OtlpSink

HERE = Path(__file__).parent / "apps"
SOURCE = str(Path(beastmode_otel.__file__).parents[1])
AGENT = str(Path(sys.executable).with_name("opentelemetry-instrument"))
PATIENCE = 300.0
OURS = "beastmode_otel"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

# All that the tests of this folder exported or wrote to stderr, for the one that looks for what must not be there.
EXPORTED: list[bytes] = []


@dataclass(frozen=True, kw_only=True)
class Span:
    """One exported span. at: start, in ns. scope: who made it."""

    name: str
    kind: int
    at: int
    scope: str
    attributes: dict[str, Any]
    status: int
    id: bytes
    parent: bytes


@dataclass(frozen=True, kw_only=True)
class Run:
    """What became of an app. lines: what it printed, by call. spans: ours, in the order of their start; others: not
    ours. series: by metric name and labels. raw: all that it exported."""

    lines: list[dict[str, Any]]
    spans: list[Span]
    others: list[Span]
    logs: list[dict[str, Any]]
    series: dict[str, dict[frozenset[tuple[str, Any]], float]]
    raw: bytes

    def total(self, name: str, **labels: Any) -> float:
        """Over all label sets that have these labels (dots written as __)."""
        wanted = {key.replace("__", "."): value for key, value in labels.items()}
        return sum(value for key, value in self.series.get(name, {}).items() if wanted.items() <= dict(key).items())


def define(simulator: Simulator, app: str) -> None:
    """Give the provider its behaviours anew, so that every run meets the same ones."""
    for name, kind in APPS[app].items():
        simulator.define(name, *kind.behaviours())


def run(app: str, world: str, simulator: Simulator, home: Path, *, times: int = 1, kinds: tuple[str, ...] = (),
        **more: str) -> Run:  # fmt: skip
    """Run it to its end. home: of this run's user, so that nobody else's cache is met."""
    define(simulator, app)
    with OtlpSink() as sink:
        done = subprocess.run(
            [AGENT, sys.executable, str(HERE / f"{app}_app.py"), world, str(times), *kinds],
            env=_environment(simulator, sink, home, more),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        raw = [message.SerializeToString() for _, message in sink.received]
        if CAPTURE not in more:
            EXPORTED.extend([*raw, done.stderr.encode()])
        spans = sorted(_spans(sink), key=lambda span: span.at)
        return Run(
            lines=[json.loads(line) for line in done.stdout.splitlines()],
            spans=[span for span in spans if span.scope == OURS],
            others=[span for span in spans if span.scope != OURS],
            logs=[{"name": log.event_name} | attributes(log.attributes) for log in sink.logs()],
            series=_series(sink),
            raw=b"".join(raw),
        )


def _environment(simulator: Simulator, sink: OtlpSink, home: Path, more: Mapping[str, str]) -> dict[str, str]:
    strangers = ("OTEL_", "BEASTMODE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(strangers)}
    return kept | {
        "PYTHONPATH": SOURCE,
        "HOME": str(home),
        "NO_PROXY": "*",
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        # Neighbours that the test environment has too; tests/others turns them on.
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,anthropic,httpx,httpx2",
        "SIMULATOR": f"http://{simulator.host}:{simulator.port}",
        "APP_KEY": KEY,
        "APP_PROMPT": PROMPT,
        **more,
    }


def _spans(sink: OtlpSink) -> list[Span]:
    return [
        Span(
            name=span.name,
            kind=span.kind,
            at=span.start_time_unix_nano,
            scope=scope.scope.name,
            attributes=_attributes(span.attributes),
            status=span.status.code,
            id=span.span_id,
            parent=span.parent_span_id,
        )
        for path, message in sink.received
        if path == "/v1/traces"
        for resource in message.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {key: _listed(value) for key, value in attributes(pairs).items()}


def _listed(value: Any) -> Any:
    return tuple(item.string_value for item in value.values) if hasattr(value, "values") else value


def _series(sink: OtlpSink) -> dict[str, dict[frozenset[tuple[str, Any]], float]]:
    """The last value by name and labels; a histogram's count. One process, cumulative sums: the last is the whole."""
    found: dict[str, dict[frozenset[tuple[str, Any]], float]] = {}
    for path, message in sink.received:
        for resource in message.resource_metrics if path == "/v1/metrics" else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = getattr(metric, metric.WhichOneof("data")).data_points
                    found.setdefault(metric.name, {}).update(
                        {frozenset(_attributes(point.attributes).items()): _number(point) for point in points}
                    )
    return found


def _number(point: Any) -> float:
    return float(point.count) if hasattr(point, "count") else float(point.as_int or point.as_double)
