"""Real SDKs in apps that know nothing of us, under `opentelemetry-instrument`: one request, one span, and all right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.simulator import Simulator
from sdk import page
from sdk.digest import digest
from sdk.plan import ANSWER, APPS, Kind
from sdk.zero_code import Run, Span, run

WORLDS = ("sync", "async")
CLIENT = 3  # SPAN_KIND_CLIENT
ERROR = 2  # STATUS_CODE_ERROR


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("app", APPS)
def test_seen_without_a_changed_line(app: str, world: str, simulator: Simulator, tmp_path: Path) -> None:
    """One span for each HTTP request, in order, with its tokens, model, provider and outcome; the law at rest."""
    seen = run(app, world, simulator, tmp_path, ANTHROPIC_OPEN_TELEMETRY="false")
    kinds = APPS[app]
    assert [line["kind"] for line in seen.lines] == list(kinds)
    assert seen.others == []
    spans = iter(seen.spans)
    for name, kind in kinds.items():
        check_call(kind, next(line for line in seen.lines if line["kind"] == name), spans, simulator.port)
    assert next(spans, None) is None
    check_counts(seen, list(kinds.values()), simulator)
    page.saw(dict.fromkeys(kinds, "seen"), world)


def check_call(kind: Kind, line: dict[str, Any], spans: Any, port: int) -> None:
    if kind.ending == "refused":
        check_failed(kind, next(spans), port, attempt=1, status=401, category="authentication_error")
        assert "said" not in line
        return
    attempt = 1
    if kind.ending == "retried":
        check_failed(kind, next(spans), port, attempt=1, status=429, category="rate_limited")
        attempt = 2 if kind.counts else 1
    check_ok(kind, next(spans), port, attempt)
    check_said(kind, line["said"])


def check_said(kind: Kind, said: Any) -> None:
    """The app has got its answer, whole."""
    if isinstance(said, list):
        text, ends, usage = digest(said)
        assert text == ANSWER
        assert len(ends) == 1
        assert bool(usage) == (kind.tokens is not None)
    elif kind.operation == "embeddings":
        assert "embedding" in json.dumps(said)
        assert re.search(r"\[-?0\.\d+, ", json.dumps(said))
    else:
        assert ("Paris" if kind.answer.get("tool_calls") else ANSWER) in json.dumps(said)


def common(kind: Kind, port: int, attempt: int) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": kind.operation,
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": kind.model,
        "server.address": "127.0.0.1",
        "server.port": port,
        "beastmode.model": kind.model,
        "beastmode.stream": kind.stream,
        "beastmode.attempt": attempt,
        "beastmode.attempts": 1,
        "beastmode.attempt.sent": True,
        "beastmode.deployment": f"127.0.0.1:{port}",
        "beastmode.cache.status": "off",
    }


def check_ok(kind: Kind, span: Span, port: int, attempt: int) -> None:
    assert (span.name, span.kind, span.status) == (f"{kind.operation} {kind.model}", CLIENT, 0)
    found = dict(span.attributes)
    asked = {"gen_ai.request.max_tokens", "gen_ai.request.temperature", "gen_ai.request.encoding_formats"}
    for key in (*asked, "gen_ai.response.id"):
        found.pop(key, None)
    if kind.tokens is None:
        assert found.pop("beastmode.usage.estimated") is True
        assert found.pop("gen_ai.usage.input_tokens") > 0
        assert found.pop("gen_ai.usage.output_tokens") > 0
    assert found == common(kind, port, attempt) | (kind.tokens or {}) | {
        "beastmode.outcome": "ok",
        "http.response.status_code": 200,
        **({"gen_ai.response.model": kind.model} if kind.names_model else {}),
        **({"gen_ai.response.finish_reasons": (kind.finish,)} if kind.finish else {}),
    }


def check_failed(kind: Kind, span: Span, port: int, *, attempt: int, status: int, category: str) -> None:
    assert (span.name, span.kind, span.status) == (f"{kind.operation} {kind.model}", CLIENT, ERROR)
    found = {key: value for key, value in span.attributes.items() if not key.startswith("gen_ai.request.")}
    assert found.pop("beastmode.hint")
    wanted = common(kind, port, attempt) | {
        "beastmode.outcome": "error",
        "error.type": category,
        "http.response.status_code": status,
    }
    if kind.code and kind.reads_why:
        wanted["beastmode.error.code"] = kind.code
    assert found == {key: value for key, value in wanted.items() if not key.startswith("gen_ai.request.")}


def check_counts(seen: Run, kinds: list[Kind], simulator: Simulator) -> None:
    """The law of design.md §3, from what was exported."""
    failed = sum(kind.ending != "ok" for kind in kinds)
    calls = len(kinds) + sum(kind.ending == "retried" for kind in kinds)
    assert simulator.wait_idle(10)
    assert simulator.received == calls == len(seen.spans)
    assert seen.total("beastmode.llm.calls", beastmode__door="hook") == calls
    assert seen.total("beastmode.requests.started", beastmode__door="hook") == calls
    assert seen.total("beastmode.request.duration") == calls
    assert seen.total("beastmode.requests.active") == 0
    assert seen.total("beastmode.attempt.duration") == calls
    assert seen.total("beastmode.request.duration", beastmode__outcome="ok") == calls - failed
    assert seen.total("beastmode.errors") == failed
    assert [log["name"] for log in seen.logs] == ["beastmode.request.failed"] * failed
    assert all(log["beastmode.hint"] for log in seen.logs)
    for kind, told in (("input", "gen_ai.usage.input_tokens"), ("output", "gen_ai.usage.output_tokens")):
        reported = sum((each.tokens or {}).get(told, 0) for each in kinds if each.ending != "refused")
        counted = seen.total("beastmode.tokens", beastmode__token__type=kind, beastmode__token__source="provider")
        assert counted == reported
