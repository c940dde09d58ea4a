"""The same as subprocesses under `opentelemetry-instrument`, where entry points decide who is on, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from beastmode_otel.simulator import Simulator
from sdk.zero_code import Run, run

WORLDS = ("sync", "async")
HTTPX = ("opentelemetry.instrumentation.httpx", "opentelemetry.instrumentation.httpx2")
KINDS = {
    "openai": (
        *("openai-chat", "openai-chat-stream", "openai-responses", "openai-embeddings"),
        *("openai-completions", "openai-retry"),
    ),
    "anthropic": ("anthropic-messages", "anthropic-messages-stream", "anthropic-messages-helper", "anthropic-retry"),
}


def together(app: str, world: str, simulator: Simulator, home: Path, off: str = "") -> Run:
    more = {"ANTHROPIC_OPEN_TELEMETRY": "false", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": off}
    return run(app, world, simulator, home, kinds=KINDS[app], **more)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("app", KINDS)
def test_all_on_makes_one_genai_span_per_call(app: str, world: str, simulator: Simulator, tmp_path: Path) -> None:
    seen = together(app, world, simulator, tmp_path)
    calls = KINDS[app]
    assert [line["kind"] for line in seen.lines] == list(calls)
    assert all("said" in line for line in seen.lines)
    spans = [*seen.spans, *seen.others]
    genai = [span for span in spans if any(key.startswith("gen_ai.") for key in span.attributes)]
    assert len(genai) == len(calls)
    assert sum(span.name.startswith("text_completion ") for span in seen.spans) == calls.count("openai-completions")
    tries = len(calls) + calls.count(f"{app}-retry")
    assert len(seen.spans) == simulator.received == tries
    posts = [span for span in seen.others if span.scope in HTTPX]
    assert len(posts) == tries
    assert {span.parent for span in posts} == {span.id for span in seen.spans}
    assert seen.total("gen_ai.client.operation.duration") == len(calls)
    assert seen.total("beastmode.llm.calls") == tries


@pytest.mark.parametrize("off", ["httpx,httpx2", "httpx,httpx2,openai", "beastmode"])
def test_each_can_be_switched_off(off: str, simulator: Simulator, tmp_path: Path) -> None:
    """The tips of docs/others.md."""
    seen = together("openai", "sync", simulator, tmp_path, off)
    assert not [span for span in seen.others if span.scope in HTTPX] or "httpx" not in off
    assert bool(seen.spans) == ("beastmode" not in off)
    assert bool([span for span in seen.others if "genai" in span.scope]) == ("openai" not in off)
