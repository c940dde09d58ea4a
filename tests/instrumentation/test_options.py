"""What instrument() is told: URLs to leave alone, paths to add, hooks of the team that may fail."""

from __future__ import annotations

from typing import Any

import pytest

from beastmode_otel import ConfigError, instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import QUESTION, STREAMED, App, chat, make
from support.law import assert_law
from support.recorder import Recorder


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_excluded_urls(
    how: str, kind: tuple[str, str], simulator: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the app's own business: no span, the library's own stream, and our header is not passed on."""
    excluded = "/private/,^http://nowhere"
    if how == "environment":
        monkeypatch.setenv("BEASTMODE_EXCLUDED_URLS", excluded)
    instrument(excluded_urls=excluded if how == "argument" else None, **recorder.providers)
    app = make(*kind)
    try:
        private = simulator.url(path="/private/v1") + "/chat/completions"
        assert app.post(private, headers={"x-beastmode-cache": "off"}).status_code == 200
        assert app.post(chat(simulator)).status_code == 200
        assert [span.name for span in recorder.spans()] == ["chat gpt-4o-mini"]
        assert all("x-beastmode-cache" not in request.headers for request in simulator.requests)
    finally:
        app.close()
        uninstrument()


def test_pattern_that_is_none() -> None:
    with pytest.raises(ConfigError, match="excluded_urls"):
        instrument(excluded_urls="(")


def test_extra_paths(kind: tuple[str, str], simulator: Simulator, recorder: Recorder) -> None:
    simulator.define("ok", Behaviour(input_tokens=7, output_tokens=5))
    instrument(paths={"/llm/*/ask": "openai.chat"}, **recorder.providers)
    app = make(*kind)
    try:
        app.post(simulator.url(path="/llm/fast/ask"))
        app.post(simulator.url(path="/llm/ask"))
    finally:
        app.close()
        uninstrument()
    assert [span.name for span in recorder.spans()] == ["chat gpt-4o-mini"]


@pytest.mark.parametrize("fails", [False, True])
def test_request_and_response_hook(
    fails: bool, kind: tuple[str, str], simulator: Simulator, recorder: Recorder
) -> None:
    """They are given the span and the library's own objects; what they raise is told once, and harms nothing."""
    given: list[Any] = []

    def hook(span: Any, about: Any) -> None:
        given.append((span, about))
        span.set_attribute(f"team.{type(about).__name__.lower()}", "seen")
        if fails:
            raise ZeroDivisionError

    instrument(request_hook=hook, response_hook=hook, **recorder.providers)
    app = make(*kind)
    try:
        response = app.post(chat(simulator))
        streamed = app.open(chat(simulator))
        assert b"".join(app.pieces(streamed)).endswith(b"data: [DONE]\n\n")
    finally:
        app.close()
        uninstrument()
    assert [type(about).__name__ for _, about in given] == ["Request", "Response"] * 2
    assert given[0][1] is response.request
    assert given[3][1] is streamed
    for span in recorder.spans():
        assert {"team.request", "team.response"} <= set(span.attributes)
        assert span.attributes["beastmode.outcome"] == "ok"
    assert_law(recorder, simulator, calls=2)


def test_suppressed_instrumentation(app: App, simulator: Simulator, hooked: Recorder) -> None:
    """OpenTelemetry's own switch: calls inside are not seen, and are counted as such."""
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        assert app.post(chat(simulator), STREAMED, headers={"x-beastmode-cache": "off"}).status_code == 200
    assert hooked.spans() == []
    assert "x-beastmode-cache" not in simulator.requests[0].headers
    assert app.post(chat(simulator), QUESTION).status_code == 200
    assert hooked.span_names() == {"chat gpt-4o-mini": 1}
