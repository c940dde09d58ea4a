"""SDKs that trace themselves, and what the doctor says of neighbours that double our spans."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from others.instrumentations import OURS, WORLDS

RECORD = """
import json, sys
sys.path.insert(0, {tests!r})
import beastmode_otel, {imported}
from opentelemetry import trace
from beastmode_otel.simulator import Simulator
from others.instrumentations import act, genai, on, ours, scope_of
from support.recorder import Recorder
recorder = Recorder()
trace.set_tracer_provider(recorder.tracer_provider)
{before}
with Simulator() as simulator, ours(recorder):
    result = act(simulator, {sdk!r}, {world!r}, {action!r})
    assert not isinstance(result, BaseException), result
spans = recorder.spans()
ids = {{span.get_span_context().span_id: scope_of(span) for span in spans}}
print(json.dumps({{
    "spans": [[scope_of(span), ids.get(span.parent.span_id) if span.parent else None] for span in spans],
    "text": recorder.exported_text(),
    "findings": [[f.code, f.severity, f.detail] for f in beastmode_otel.diagnose() if f.code in {codes!r}],
}}))
"""
CODES = ("native_doubled", "instrumentation_doubled", "genai_shared")
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ANTHROPIC = "com.anthropic.sdk.python"
MISTRAL = "mistralai_sdk_tracer"
IMPORTED = {"openai": "openai", "anthropic": "anthropic", "mistral": "mistralai.client"}


def record(sdk: str, world: str = "sync", action: str = "whole", before: str = "", **environ: str) -> dict[str, Any]:
    """A process of its own: what SDKs and instrumentors find out about tracing, they find out once."""
    script = RECORD.format(
        tests=TESTS, imported=IMPORTED[sdk], before=before, sdk=sdk, world=world, action=action, codes=CODES
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "BEASTMODE_"))}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=kept | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} | environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("action", ["whole", "read"])
@pytest.mark.parametrize("world", WORLDS)
def test_anthropic_traces_itself_unless_told_not_to(world: str, action: str) -> None:
    doubled = record("anthropic", world, action)
    assert doubled["spans"] == [[ANTHROPIC, None], [OURS, ANTHROPIC]]
    assert doubled["findings"] == [["native_doubled", "warning", "anthropic"]]
    alone = record("anthropic", world, action, ANTHROPIC_OPEN_TELEMETRY="false")
    assert (alone["spans"], alone["findings"]) == ([[OURS, None]], [])


@pytest.mark.parametrize("world", WORLDS)
def test_mistral_traces_itself_when_asked_to_and_with_content(world: str) -> None:
    doubled = record("mistral", world, MISTRAL_SDK_TELEMETRY="global")
    assert doubled["spans"] == [[MISTRAL, None], [OURS, MISTRAL]]
    assert doubled["findings"] == [["native_doubled", "warning", "mistralai"]]
    assert "PLANTED prompt" in doubled["text"]  # why docs/others.md warns of it
    alone = record("mistral", world, before="import anthropic, groq, openai")  # there, but not in use
    assert (alone["spans"], alone["findings"]) == ([[OURS, None]], [])
    assert "PLANTED" not in alone["text"]


def test_beside_util_genai_the_doctor_says_where_our_spans_are() -> None:
    on = "for one in genai(): one.instrument(**recorder.providers)"
    shared = record("openai", before=on)
    assert [scope for scope, _ in shared["spans"]] == ["opentelemetry.instrumentation.genai.openai", OURS]
    assert shared["findings"] == [["genai_shared", "info", "util-genai's span was round our attempts"]]


STRANGER = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
class Stranger(BaseInstrumentor):
    __module__ = {module!r}
    def instrumentation_dependencies(self): return ()
    def _instrument(self, **_): pass
    def _uninstrument(self, **_): pass
"""


STRANGERS = {
    "opentelemetry.instrumentation.openai": "OpenLLMetry: openai",
    "openinference.instrumentation.openai": "OpenInference: openai",
    "opentelemetry.instrumentation.openai_agents": None,
    "opentelemetry.instrumentation.genai.openai": None,
}


def test_instrumentations_that_double_are_not_named_while_they_are_off() -> None:
    one = STRANGER + "strangers.append(Stranger)\n"
    off = "strangers = []" + "".join(one.format(module=module) for module in STRANGERS)
    assert record("openai", before=off)["findings"] == []


@pytest.mark.parametrize(("module", "said"), STRANGERS.items())
def test_instrumentations_that_double_are_named_when_they_are_on(module: str, said: str | None) -> None:
    """Stand-ins with the modules that these have (docs/others.md: tried with the real ones)."""
    findings = record("openai", before=STRANGER.format(module=module) + "Stranger().instrument()")["findings"]
    assert findings == ([["instrumentation_doubled", "warning", said]] if said else [])
