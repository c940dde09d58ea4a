"""The table of formats, and the room's public face."""

from __future__ import annotations

import pytest

from beastmode_otel import wire
from beastmode_otel.wire import FORMATS, UNKNOWN, format_for_path, format_named
from beastmode_otel.wire.model_text import prompt_text


@pytest.mark.parametrize(
    ("path", "api"),
    [
        ("/v1/chat/completions", "openai.chat"),
        ("/openai/deployments/gpt-4o/chat/completions/", "openai.chat"),
        ("/v1/messages", "anthropic.messages"),
        ("/anthropic/v1/messages", "anthropic.messages"),
        ("/v1/messages/count_tokens", "unknown"),
        ("/v1/threads/thread_1/messages", "unknown"),
        ("/api/messages", "unknown"),
        ("", "unknown"),
        ("/v1/responses", "openai.responses"),
        ("/openai/v1/embeddings", "openai.embeddings"),
        ("/v1/completions", "openai.completions"),
        ("/v1/fim/completions", "mistral.fim"),
        ("/api/chat", "ollama.chat"),
        ("/api/generate", "ollama.generate"),
        ("/api/embed", "ollama.embed"),
        ("/v1/responses/resp_1", "unknown"),
    ],
)
def test_a_path_tells_the_format(path: str, api: str) -> None:
    assert format_for_path(path).api == api


def test_a_name_tells_the_format_and_an_unheard_one_is_unknown() -> None:
    assert {name: format_named(name).api for name in FORMATS} == {name: name for name in FORMATS}
    assert format_named("morse") is UNKNOWN


def test_the_public_names_are_sorted_and_exist() -> None:
    constants_first = sorted(wire.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert wire.__all__ == constants_first
    assert all(hasattr(wire, name) for name in wire.__all__)


def test_the_text_of_a_prompt_is_found_in_every_format() -> None:
    chat = {"messages": [{"content": "be brief"}, {"content": [{"type": "text", "text": "hi"}, {"type": "image_url"}]}]}
    assert prompt_text(chat) == "be brief\nhi"
    assert prompt_text({"system": [{"text": "s"}], "messages": [{"content": "u"}]}) == "s\nu"
    assert prompt_text({"instructions": "i", "input": "u"}) == "i\nu"
    assert prompt_text({"messages": {}, "input": 5, "tools": "junk"}) == ""
    assert prompt_text({"input": ["a", "b"]}) == prompt_text({"prompt": ["a", "b"]}) == "a\nb"
    assert prompt_text({"input": [[1, 2]], "prompt": [1, 2]}) == ""
    turns = [{"role": "user", "content": [{"type": "input_text", "text": "u"}]}, {"type": "x", "output": "done"}]
    assert prompt_text({"instructions": "i", "input": turns}) == "i\nu\ndone"
