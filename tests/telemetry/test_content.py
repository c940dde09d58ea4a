"""Content capture: nothing by default, and exactly where it was asked for; secrets never."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel import ModelRouter, UpstreamError
from beastmode_otel.simulator import Behaviour, Simulator
from support.recorder import Recorder

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
KEY = "sk-PLANTED0123456789abcdef"
REQUEST: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": f"the PROMPT with {KEY}"}, {"type": "image_url"}]},
    ]
}


def ask(simulator: Simulator, recorder: Recorder) -> None:
    config = {
        "deployments": {"a": {"base_url": simulator.url("a"), "model": "m", "api_key": KEY}},
        "routes": {"chat": {"deployments": ["a"]}},
    }
    with ModelRouter(config, **recorder.providers) as router:
        router.route("chat", REQUEST)
        with pytest.raises(UpstreamError):
            router.route("chat", REQUEST)


@pytest.fixture
def talkative(simulator: Simulator) -> Simulator:
    """Answers once with the text ANSWER, then with a 400 that quotes the prompt."""
    simulator.define("a", Behaviour(text="the ANSWER"), Behaviour(status=400, echo=True))
    return simulator


@pytest.mark.parametrize("value", [None, "", "NO_CONTENT", "nonsense"])
def test_no_content_by_default(
    talkative: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Not the prompt, not the answer, not the provider's quotation of the prompt, not the key."""
    monkeypatch.delenv(VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    ask(talkative, recorder)
    text = recorder.exported_text()
    assert not any(word in text for word in ("PROMPT", "ANSWER", "be brief", "PLANTED"))


@pytest.mark.parametrize(
    ("value", "on_span", "in_event"),
    [("SPAN_ONLY", True, False), ("EVENT_ONLY", False, True), ("SPAN_AND_EVENT", True, True)],
)
def test_content_goes_where_it_was_asked_for(
    talkative: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, value: str, on_span: bool, in_event: bool
) -> None:
    """The convention's JSON on the attempt's span, in its event, or both; the key is masked."""
    monkeypatch.setenv(VARIABLE, value)
    ask(talkative, recorder)
    span = next(span for span in recorder.spans() if span.name == "chat m")
    events = [log for log in recorder.logs() if log.event_name == "gen_ai.client.inference.operation.details"]
    assert ("gen_ai.input.messages" in (span.attributes or {})) is on_span
    assert bool(events) is in_event
    found = dict((span.attributes if on_span else events[0].attributes) or {})
    messages = json.loads(str(found["gen_ai.input.messages"]))
    assert messages[0] == {"role": "system", "parts": [{"type": "text", "content": "be brief"}]}
    assert messages[1]["parts"][1] == {"type": "image_url"}
    assert json.loads(str(found["gen_ai.output.messages"]))[0]["parts"][0]["content"] == "the ANSWER"
    assert "PLANTED" not in recorder.exported_text()


def test_half_of_a_character_is_none_in_telemetry(
    talkative: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No exporter can encode it."""
    monkeypatch.setenv(VARIABLE, "SPAN_ONLY")
    talkative.define("a", Behaviour(text="a half \ud83d and a whole 🌍"), Behaviour(status=400))
    ask(talkative, recorder)
    told = [text for span in recorder.spans() for text in (span.attributes or {}).values() if isinstance(text, str)]
    assert any("a half \ufffd and a whole 🌍" in text for text in told)
    for text in told:
        text.encode()
