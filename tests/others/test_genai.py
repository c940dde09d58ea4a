"""Beside opentelemetry-instrumentation-genai-openai and -anthropic: one GenAI span per call, retries still visible."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.context import get_current
from opentelemetry.sdk.trace import ReadableSpan

from beastmode_otel.simulator import Behaviour, Simulator
from others.instrumentations import GENAI, OURS, WORLDS, act, by, genai, genai_spans, is_below, on, ours, recorded
from sdk.adapters import SDKS, Sdk
from support.recorder import Recorder

TWO = ("openai", "responses", "anthropic")
DURATION = "gen_ai.client.operation.duration"
FACTS = {"input_tokens": 110, "output_tokens": 40, "cached_tokens": 30}
COST = ((110 - 30) * 0.15 + 30 * 0.075 + 40 * 0.6) / 1e6  # gpt-4o-mini, USD


@pytest.fixture(autouse=True)
def _no_native(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", "false")


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who serves at 127.0.0.1 has no list price."""
    file = tmp_path / "prices.toml"
    file.write_text('[prices."gpt-4o-mini"]\ninput = 0.15\ncached_input = 0.075\noutput = 0.6\n')
    monkeypatch.setenv("BEASTMODE_CONFIG", str(file))


def one_genai_span(recorder: Recorder) -> tuple[ReadableSpan, list[ReadableSpan]]:
    """Theirs, the only one, with ours below it; nothing of ours in the convention's metrics."""
    (theirs,) = genai_spans(recorder)
    (same,) = by(recorder, GENAI)
    assert theirs is same
    attempts = by(recorder, OURS)
    assert attempts
    assert all(is_below(span, theirs) and span.name.startswith("attempt ") for span in attempts)
    counts = recorded(recorder)
    assert OURS not in {scope for scope, _ in counts}
    assert sum(count for (_, name), count in counts.items() if name == DURATION) == 1
    return theirs, attempts


@pytest.mark.parametrize("action", ["whole", "read"])
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("sdk", TWO)
def test_one_genai_span_with_our_attempt_below(
    sdk: str, world: str, action: str, simulator: Simulator, recorder: Recorder
) -> None:
    before = get_current()
    with ours(recorder), on(recorder, *genai()):
        result = act(simulator, sdk, world, action)
    assert not isinstance(result, BaseException), result
    theirs, (attempt,) = one_genai_span(recorder)
    told = dict(attempt.attributes or {})
    assert told["beastmode.outcome"] == "ok"
    assert (told["beastmode.attempt"], told["server.port"]) == (1, simulator.port)
    assert recorder.total("beastmode.requests.started") == recorder.total("beastmode.llm.calls") == 1
    assert recorder.total("beastmode.attempt.duration") == 1
    if sdk != "anthropic":  # genai-anthropic 1.3b0 replaces its attributes when it ends
        assert (theirs.attributes or {})["beastmode.attempts"] == 1
    assert get_current() == before


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_the_order_does_not_matter(first: str, world: str, simulator: Simulator, recorder: Recorder) -> None:
    if first == "ours":
        with ours(recorder), on(recorder, *genai()):
            act(simulator, "openai", world, "whole")
    else:
        with on(recorder, *genai()), ours(recorder):
            act(simulator, "openai", world, "whole")
    one_genai_span(recorder)


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize("world", WORLDS)
def test_retries_are_visible_below_and_counted_above(world: str, simulator: Simulator, recorder: Recorder) -> None:
    failing = Behaviour(status=500, retry_after_ms="10")
    simulator.define("flaky", failing, Behaviour(**FACTS))
    with ours(recorder), on(recorder, *genai()):
        act(simulator, "openai", world, "whole", behaviour="flaky", retries=2)
    theirs, attempts = one_genai_span(recorder)
    assert [(span.attributes or {})["beastmode.attempt"] for span in attempts] == [1, 2]
    assert [(span.attributes or {})["beastmode.outcome"] for span in attempts] == ["error", "ok"]
    told = dict(theirs.attributes or {})
    assert (told["beastmode.attempts"], told["beastmode.outcome"]) == (2, "ok")
    assert told["beastmode.cost.usd"] == pytest.approx(COST)
    assert recorder.total("beastmode.cost") == pytest.approx(COST)


@pytest.mark.parametrize("world", WORLDS)
def test_embeddings_have_a_key_of_their_own(world: str, simulator: Simulator, recorder: Recorder) -> None:
    asked: dict[str, Any] = {"model": "text-embedding-3-small", "input": ["x"]}
    chat = SDKS["openai"]
    embedding = Sdk(
        model="text-embedding-3-small",
        blocking=chat.blocking,
        asynchronous=chat.asynchronous,
        whole=lambda client, _: client.embeddings.create(**asked),
        stream=chat.stream,
        v1="/v1",
    )
    with ours(recorder), on(recorder, *genai()):
        act(simulator, embedding, world, "whole")
    theirs, _ = one_genai_span(recorder)
    assert theirs.name == "embeddings text-embedding-3-small"
    assert (theirs.attributes or {})["beastmode.attempts"] == 1


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("sdk", ["mistral", "groq"])
def test_what_they_do_not_see_is_ours(sdk: str, world: str, simulator: Simulator, recorder: Recorder) -> None:
    with ours(recorder), on(recorder, *genai()):
        act(simulator, sdk, world, "whole")
    (only,) = recorder.spans()
    assert only.instrumentation_scope is not None
    assert only.instrumentation_scope.name == OURS
    assert (only.attributes or {})["gen_ai.operation.name"] == "chat"
    assert recorded(recorder)[OURS, DURATION] == 1


def test_legacy_completions_are_ours(simulator: Simulator, recorder: Recorder) -> None:
    with ours(recorder), on(recorder, *genai()), openai.OpenAI(base_url=simulator.url(), api_key="any") as client:
        client.completions.create(model="gpt-3.5-turbo-instruct", prompt="x")
    (only,) = recorder.spans()
    assert only.name == "text_completion gpt-3.5-turbo-instruct"
    assert recorded(recorder)[OURS, DURATION] == 1


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(
    ("action", "outcome"), [("with_break", "cancelled"), ("close_at_once", "cancelled"), ("abandon", None)]
)
@pytest.mark.parametrize("sdk", TWO)
def test_broken_off_streams_end_once(
    sdk: str, action: str, outcome: str | None, world: str, simulator: Simulator, recorder: Recorder
) -> None:
    simulator.define("slow", Behaviour(chunk_delay=0.05, chunks=40))
    with ours(recorder), on(recorder, *genai()):
        act(simulator, sdk, world, action, behaviour="slow")
    assert recorder.total("beastmode.requests.active") == 0
    (attempt,) = by(recorder, OURS)
    assert attempt.name.startswith("attempt ")
    ended = (attempt.attributes or {})["beastmode.outcome"]
    assert ended == outcome or (outcome is None and ended in ("cancelled", "abandoned"))
    assert not any(scope == OURS for scope, _ in recorded(recorder))


@pytest.mark.parametrize("world", WORLDS)
def test_a_failure_is_theirs_and_ours(world: str, simulator: Simulator, recorder: Recorder) -> None:
    with ours(recorder), on(recorder, *genai()):
        raised = act(simulator, "openai", world, "whole", behaviour="status=401")
    assert isinstance(raised, openai.AuthenticationError)
    theirs, (attempt,) = one_genai_span(recorder)
    assert not theirs.status.is_ok
    assert (theirs.attributes or {})["beastmode.outcome"] == "error"
    assert (attempt.attributes or {})["error.type"] == "authentication_error"
    assert recorder.total("beastmode.errors") == 1


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize("world", WORLDS)
def test_what_the_cache_answered_is_marked_above(
    world: str, simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    """Their metrics count a hit as a call, with tokens that no provider billed: its series is apart."""
    simulator.define("once", Behaviour(**FACTS))
    cache = {"mode": "on", "l3": {"url": f"sqlite:///{tmp_path}/cache.db"}}
    with ours(recorder, cache=cache), on(recorder, *genai()):
        for _ in range(2):
            act(simulator, "openai", world, "whole", behaviour="once")
    assert simulator.received == 1
    first, second = (dict(span.attributes or {}) for span in by(recorder, GENAI))
    assert (first["beastmode.cache.status"], second["beastmode.cache.status"]) == ("miss", "hit")
    assert (second["beastmode.cache.tier"], "beastmode.attempts" in second) == ("l1", False)
    assert second["beastmode.cost.saved.usd"] == pytest.approx(COST)
    assert genai_spans(recorder) == by(recorder, GENAI)
    assert recorder.total(DURATION) == 2
    assert recorder.total(DURATION, beastmode__cache__status="hit") == 1


@pytest.mark.parametrize("world", WORLDS)
def test_content_is_captured_once(
    world: str, simulator: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_AND_EVENT")
    with ours(recorder), on(recorder, *genai()):
        act(simulator, "openai", world, "whole")
    theirs, (attempt,) = one_genai_span(recorder)
    assert "gen_ai.input.messages" in (theirs.attributes or {})
    assert "PLANTED" not in attempt.to_json()
    events = [log.event_name for log in recorder.logs()]
    assert events == ["gen_ai.client.inference.operation.details"]
