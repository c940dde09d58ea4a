"""The calls that the apps make, how the provider answers each, and what must be seen of it, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from beastmode_otel.simulator import Behaviour

KEY = "sk-PLANTED-key-0123456789abcdef"
PROMPT = "Tell me the PLANTED prompt of the plan."
ANSWER = "The PLANTED answer ends exactly once."
SECRETS = ("PLANTED", KEY, PROMPT, ANSWER)

TOKENS = {"input_tokens": 110, "output_tokens": 40, "cached_tokens": 30, "reasoning_tokens": 8}
FACTS: Mapping[str, Any] = {"text": ANSWER, **TOKENS}

# The attributes by which a span tells the tokens that were reported.
TOLD = {
    "gen_ai.usage.input_tokens": 110,
    "gen_ai.usage.output_tokens": 40,
    "gen_ai.usage.cache_read.input_tokens": 30,
    "gen_ai.usage.reasoning.output_tokens": 8,
}
WROTE = {"gen_ai.usage.cache_creation.input_tokens": 0}
RESPONSES = TOLD | WROTE
COMMAND = {key: value for key, value in TOLD.items() if "reasoning" not in key}
CLAUDE = COMMAND | WROTE
INPUT_ONLY = {"gen_ai.usage.input_tokens": 110}

Ending = Literal["ok", "retried", "refused"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of call. tokens: what its span must tell; None: they are estimated, and marked so. names_model: the
    answer does. counts: the SDK tells which try it is."""

    model: str
    operation: str = "chat"
    tokens: Mapping[str, int] | None = field(default_factory=lambda: TOLD)
    finish: str | None = "stop"
    stream: bool = False
    ending: Ending = "ok"
    code: str | None = "rate_limit_exceeded"  # of the 429, as the provider spells it
    names_model: bool = True
    counts: bool = True
    answer: Mapping[str, Any] = field(default_factory=dict)
    bypass: str | None = None  # why the cache is passed by

    @property
    def reads_why(self) -> bool:
        """Most SDKs close a stream that they try again without reading why."""
        return not (self.stream and self.ending == "retried" and self.counts)

    def behaviours(self) -> tuple[Behaviour, ...]:
        good = Behaviour(**{**FACTS, **self.answer})
        if self.ending == "retried":
            return Behaviour(status=429, retry_after_ms="10", retry_after="0.01"), good
        return (Behaviour(status=401),) if self.ending == "refused" else (good,)


def openai(**more: Any) -> Kind:
    return Kind(**{"model": "gpt-4o-mini"} | more)


def old(**more: Any) -> Kind:
    return Kind(model="gpt-3.5-turbo-instruct", operation="text_completion", **more)


def claude(**more: Any) -> Kind:
    given = {"model": "claude-haiku-4-5", "tokens": CLAUDE, "finish": "end_turn", "code": "rate_limit_error"}
    return Kind(**given | more)


def mistral(**more: Any) -> Kind:
    return Kind(**{"model": "mistral-small-latest", "answer": {"dialect": "mistral"}} | more)


def fim(**more: Any) -> Kind:
    return mistral(model="codestral-latest", operation="text_completion", **more)


def groq(**more: Any) -> Kind:
    return Kind(**{"model": "llama-3.3-70b-versatile", "answer": {"dialect": "groq"}} | more)


def gemini(**more: Any) -> Kind:
    given = {"model": "gemini-2.5-flash", "operation": "generate_content", "finish": "STOP", "code": "429"}
    return Kind(**given | more)


def cohere(**more: Any) -> Kind:
    given = {"model": "command-a-03-2025", "tokens": COMMAND, "finish": "COMPLETE", "code": None}
    return Kind(**given | {"names_model": False} | more)


def embeddings(model: str, **more: Any) -> Kind:
    return Kind(model=model, operation="embeddings", tokens=INPUT_ONLY, finish=None, **more)


TOOL = {"tool_calls": True}
APPS: dict[str, dict[str, Kind]] = {
    "openai": {
        "openai-chat": openai(),
        "openai-chat-tool": openai(finish="tool_calls", answer=TOOL),
        "openai-chat-stream": openai(stream=True),
        "openai-chat-stream-bare": openai(stream=True, tokens=None),
        "openai-chat-helper": openai(stream=True),
        "openai-responses": openai(tokens=RESPONSES),
        "openai-responses-stream": openai(stream=True, tokens=RESPONSES),
        "openai-responses-kept": openai(tokens=RESPONSES, bypass="stateful"),
        "openai-embeddings": embeddings("text-embedding-3-small"),
        "openai-completions": old(),
        "openai-completions-stream": old(stream=True),
        "azure-chat": openai(),
        "azure-chat-stream": openai(stream=True),
        "openai-retry": openai(ending="retried"),
        "openai-retry-stream": openai(ending="retried", stream=True),
        "openai-refused": openai(ending="refused", code="invalid_api_key"),
    },
    "anthropic": {
        "anthropic-messages": claude(),
        "anthropic-messages-tool": claude(finish="tool_use", answer=TOOL),
        "anthropic-messages-stream": claude(stream=True),
        "anthropic-messages-helper": claude(stream=True),
        "anthropic-retry": claude(ending="retried"),
        "anthropic-retry-stream": claude(ending="retried", stream=True),
        "anthropic-refused": claude(ending="refused", code="authentication_error"),
    },
    "mistral": {
        "mistral-chat": mistral(),
        "mistral-chat-stream": mistral(stream=True),
        "mistral-embeddings": embeddings("mistral-embed"),
        "mistral-fim": fim(),
        "mistral-fim-stream": fim(stream=True),
        "mistral-retry": mistral(ending="retried"),
        "mistral-retry-stream": mistral(ending="retried", stream=True),
        "mistral-refused": mistral(ending="refused", code="invalid_api_key"),
    },
    "groq": {
        "groq-chat": groq(),
        "groq-chat-stream": groq(stream=True),
        "groq-embeddings": embeddings("nomic-embed-text-v1_5"),
        "groq-retry": groq(ending="retried"),
        "groq-retry-stream": groq(ending="retried", stream=True),
        "groq-refused": groq(ending="refused", code="invalid_api_key"),
    },
    "gemini": {
        "gemini-generate": gemini(),
        "gemini-generate-tool": gemini(answer=TOOL),
        "gemini-stream": gemini(stream=True),
        "gemini-search": gemini(bypass="stateful"),
        "gemini-embeddings": embeddings("gemini-embedding-001", names_model=False),
        "gemini-retry": gemini(ending="retried", counts=False),
        "gemini-retry-stream": gemini(ending="retried", stream=True, counts=False),
        "gemini-refused": gemini(ending="refused", code="401"),
    },
    "cohere": {
        "cohere-chat": cohere(),
        "cohere-chat-tool": cohere(finish="TOOL_CALL", answer=TOOL),
        "cohere-chat-stream": cohere(stream=True),
        "cohere-embeddings": embeddings("embed-v4.0", names_model=False),
        "cohere-retry": cohere(ending="retried", counts=False),
        "cohere-refused": cohere(ending="refused"),
    },
}
