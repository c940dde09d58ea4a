"""Runs last: prompts, answers and keys are nowhere in what this folder's tests exported, unless they were asked for."""

from __future__ import annotations

from pathlib import Path

from beastmode_otel.simulator import Simulator
from sdk.plan import ANSWER, KEY, PROMPT, SECRETS
from sdk.zero_code import CAPTURE, EXPORTED, run


def test_nothing_private_was_exported(simulator: Simulator, tmp_path: Path) -> None:
    """Spans, metrics, log records and stderr: of apps under the agent, endings, retries, errors, the cache."""
    if not EXPORTED:  # run by itself
        run("openai", "sync", simulator, tmp_path)
    assert any(b"beastmode.outcome" in text for text in EXPORTED)
    for secret in SECRETS:
        assert not any(secret.encode() in text for text in EXPORTED), secret


def test_what_was_asked_for_is_found(simulator: Simulator, tmp_path: Path) -> None:
    """The same search finds the prompt and the answer when content is captured; the key never."""
    asked = {CAPTURE: "SPAN_ONLY"}
    seen = run("openai", "sync", simulator, tmp_path, kinds=("openai-chat", "openai-chat-stream"), **asked)
    assert PROMPT.encode() in seen.raw
    assert ANSWER.encode() in seen.raw
    assert KEY.encode() not in seen.raw
