"""One sample of each format: what a caller sends, what the provider answers, whole and as a stream.

A new format adds its row here, and every test of `test_every_format.py` holds it to what is true of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from beastmode_otel.wire import Usage

from . import more_payloads as m
from . import payloads as p

ASKED = "Why is the sky blue?"
KEY = "sk-sample"
USER = {"role": "user", "content": ASKED}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {}}}
BEARER = {"authorization": f"Bearer {KEY}"}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One row.

    url: base URL at the vendor's own host. model: as the request, or its path, names it. request: without a stream.
    headers: what the router sends with the key. cut: where the last user text stands, None for no such thing. answer:
    whole; stream: the same answer as events, None where the API has none. text, finish, usage: what both say.
    client_tool, server_tools: who runs them. kept: members that leave something at the provider. ignored: members that
    change nothing.
    """

    url: str
    request: Mapping[str, Any]
    answer: Mapping[str, Any]
    usage: Usage
    model: str = "m"
    operation: str = "chat"
    headers: Mapping[str, str] = field(default_factory=lambda: BEARER)
    cut: str | None = None
    stream: bytes | None = None
    text: str = ""
    finish: tuple[str, ...] = ("stop",)
    client_tool: Mapping[str, Any] = field(default_factory=lambda: FUNCTION)
    server_tools: tuple[Any, ...] = ({"type": "web_search"}, {"googleSearch": {}}, {}, "web")
    kept: Mapping[str, Any] = field(default_factory=lambda: {"store": True})
    ignored: Mapping[str, Any] = field(default_factory=lambda: {"user": "u", "metadata": {"a": "b"}})


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "system", "content": "Be brief."}, USER], **more}


PROMPT = {"model": "m", "prompt": ASKED}
CHAT_USAGE = Usage(input_tokens=1200, output_tokens=300, cached_input_tokens=1024, reasoning_tokens=256)
OLLAMA_USAGE = Usage(input_tokens=26, output_tokens=8)

SAMPLES: dict[str, Sample] = {
    "openai.chat": Sample(
        url="https://api.openai.com/v1",
        request=chat(max_tokens=64, temperature=0.5),
        cut="1",
        answer=p.OPENAI_TEXT,
        stream=p.OPENAI_TEXT_STREAM,
        text="Grüße, Welt 🌍",
        usage=CHAT_USAGE,
    ),
    "openai.responses": Sample(
        url="https://api.openai.com/v1",
        request={
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_text", "text": ASKED}]}, {"type": "reasoning"}],
            "max_output_tokens": 64,
            "temperature": 0.5,
            "store": False,
        },
        cut="0:0",
        answer=m.RESPONSE,
        stream=m.RESPONSE_STREAM,
        text="Grüße, Welt 🌍",
        finish=("tool_calls",),
        usage=Usage(
            input_tokens=36, output_tokens=87, cached_input_tokens=12, cache_write_tokens=0, reasoning_tokens=64
        ),
        client_tool={"type": "function", "name": "f", "parameters": {}},
        server_tools=(
            {"type": "web_search"},
            {"type": "computer_use_preview"},
            {"google_search": {}},
            FUNCTION | {"type": "x"},
        ),
    ),
    "openai.completions": Sample(
        url="https://api.openai.com/v1",
        request={**PROMPT, "max_tokens": 64, "temperature": 0.5},
        operation="text_completion",
        cut="prompt",
        answer=m.text_completion(m.text_choice("once upon", finish="stop"), usage=m.COMPLETION_USAGE),
        stream=p.sse(
            m.text_completion(m.text_choice("once"), usage=None),
            m.text_completion(m.text_choice(" upon"), usage=None),
            m.text_completion(m.text_choice("", finish="stop"), usage=None),
            m.text_completion(usage=m.COMPLETION_USAGE),
        ),
        text="once upon",
        usage=Usage(input_tokens=5, output_tokens=7),
    ),
    "openai.embeddings": Sample(
        url="https://api.openai.com/v1",
        request={"model": "m", "input": ASKED},
        operation="embeddings",
        answer=m.EMBEDDINGS,
        finish=(),
        usage=Usage(input_tokens=8),
    ),
    "mistral.fim": Sample(
        url="https://api.mistral.ai/v1",
        request={**PROMPT, "suffix": "}", "max_tokens": 64, "temperature": 0.5},
        operation="text_completion",
        cut="prompt",
        answer=p.OPENAI_TEXT,
        stream=p.OPENAI_TEXT_STREAM,
        text="Grüße, Welt 🌍",
        usage=CHAT_USAGE,
    ),
    "anthropic.messages": Sample(
        url="https://api.anthropic.com/v1",
        request=chat(max_tokens=64, temperature=0.5),
        headers={"x-api-key": KEY, "anthropic-version": "2023-06-01"},
        cut="1",
        answer=p.ANTHROPIC,
        stream=p.ANTHROPIC_STREAM,
        text="Let me look 🌦.",
        finish=("tool_use",),
        usage=Usage(input_tokens=1320, output_tokens=89, cached_input_tokens=1000, cache_write_tokens=300),
        client_tool={"name": "f", "input_schema": {}},
        server_tools=(
            {"type": "web_search_20250305", "name": "web_search"},
            {"name": "f"},
            {"googleSearch": {}},
            "web",
        ),
        kept={"container": "cnt_1"},
    ),
    "gemini.generate_content": Sample(
        url="https://generativelanguage.googleapis.com/v1beta",
        model="gemini-2.5-flash",
        request={
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"parts": [{"text": ASKED}, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}],
            "generationConfig": {"maxOutputTokens": 64, "temperature": 0.5},
        },
        operation="generate_content",
        headers={"x-goog-api-key": KEY},
        cut="0:0",
        answer=m.GEMINI,
        stream=m.GEMINI_STREAM,
        text="Grüße, Welt 🌍",
        finish=("STOP",),
        usage=Usage(input_tokens=25, output_tokens=39, cached_input_tokens=12, reasoning_tokens=30),
        client_tool={"functionDeclarations": [{"name": "f"}]},
        server_tools=(
            *({"googleSearch": {}}, {"google_search": {}}, {"codeExecution": {}}, {"urlContext": {}}, {}, FUNCTION),
            {"functionDeclarations": [{"name": "f"}], "googleSearch": {}},
        ),
        kept={"cachedContent": "cachedContents/1"},
        ignored={"labels": {"team": "a"}},
    ),
    "gemini.embeddings": Sample(
        url="https://generativelanguage.googleapis.com/v1beta",
        model="gemini-embedding-001",
        request={"content": {"parts": [{"text": ASKED}]}, "outputDimensionality": 2},
        operation="embeddings",
        headers={"x-goog-api-key": KEY},
        answer=m.GEMINI_EMBED,
        finish=(),
        usage=Usage(input_tokens=8),
        ignored={"labels": {"team": "a"}},
    ),
    "cohere.chat": Sample(
        url="https://api.cohere.com",
        request=chat(max_tokens=64, temperature=0.5),
        cut="1",
        answer=m.COHERE,
        stream=m.COHERE_STREAM,
        text="Grüße, Welt 🌍",
        finish=("COMPLETE",),
        usage=Usage(input_tokens=20, output_tokens=9, cached_input_tokens=12),
        ignored={"priority": 3},
    ),
    "cohere.embed": Sample(
        url="https://api.cohere.com",
        request={"model": "m", "texts": [ASKED], "input_type": "search_query", "embedding_types": ["float", "base64"]},
        operation="embeddings",
        answer=m.COHERE_EMBED,
        finish=(),
        usage=Usage(input_tokens=8),
    ),
    "ollama.chat": Sample(
        url="https://ollama.com",
        request=chat(stream=False, options={"num_predict": 64, "temperature": 0.5}),
        cut="1",
        answer=m.OLLAMA_CHAT,
        stream=m.OLLAMA_CHAT_STREAM,
        text="Grüße 🌍",
        usage=OLLAMA_USAGE,
    ),
    "ollama.generate": Sample(
        url="https://ollama.com",
        request={**PROMPT, "stream": False, "options": {"num_predict": 64, "temperature": 0.5}},
        operation="text_completion",
        cut="prompt",
        answer=m.OLLAMA_GENERATE,
        stream=m.OLLAMA_GENERATE_STREAM,
        text="Hello there",
        usage=OLLAMA_USAGE,
    ),
    "ollama.embed": Sample(
        url="https://ollama.com",
        request={"model": "m", "input": ASKED},
        operation="embeddings",
        answer=m.OLLAMA_EMBED,
        finish=(),
        usage=Usage(input_tokens=8),
    ),
}
