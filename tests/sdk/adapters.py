"""The SDKs behind one face, so that every ending is tried through each of them.

Each is imported when its first client is made: together they take seconds, and processes that try one are many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sdk.plan import KEY, PROMPT

MESSAGES = [{"role": "user", "content": PROMPT}]


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """blocking, asynchronous: a client for (address, retries, timeout). whole, stream: make the call with it, given
    the suffix of its world. dialect: of the simulator's answers. v1: what follows a behaviour's name in the URL.
    operation: of its calls. lazy: its streams are generators, and nothing is asked before the first event is read.
    """

    model: str
    blocking: Callable[[str, int, float], Any]
    asynchronous: Callable[[str, int, float], Any]
    whole: Callable[[Any, str], Any]
    stream: Callable[[Any, str], Any]
    v1: str = ""
    dialect: str | None = None
    operation: str = "chat"
    lazy: bool = False


def _plain(module: str, kind: str) -> Callable[[str, int, float], Any]:
    def make(url: str, retries: int, timeout: float) -> Any:
        client = getattr(import_module(module), kind)
        return client(base_url=url, api_key=KEY, max_retries=retries, timeout=timeout)

    return make


def _mistral(url: str, retries: int, timeout: float) -> Any:
    from mistralai.client import Mistral
    from mistralai.client.utils import BackoffStrategy, RetryConfig

    backoff = RetryConfig("backoff", BackoffStrategy(10, 20, 1.0, 60_000, jitter_ms=1), True)
    config = {"retry_config": backoff} if retries else {}
    return Mistral(server_url=url, api_key=KEY, timeout_ms=int(timeout * 1000), **config)


def _chat(model: str, **stream: Any) -> dict[str, Callable[[Any, str], Any]]:
    asked: dict[str, Any] = {"model": model, "messages": MESSAGES, "max_tokens": 64}
    return {
        "whole": lambda c, _: c.chat.completions.create(**asked),
        "stream": lambda c, _: c.chat.completions.create(**asked, stream=True, **stream),
    }


class Generated:
    """A generator of events, with the face of the other SDKs' streams."""

    def __init__(self, events: Any) -> None:
        self._events = events

    def __iter__(self) -> Generated:
        return self

    def __next__(self) -> Any:
        return next(self._events)

    def __enter__(self) -> Generated:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._events.close()


class AsyncGenerated:
    def __init__(self, events: Any) -> None:
        self._events = events

    def __aiter__(self) -> AsyncGenerated:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._events)

    async def __aenter__(self) -> AsyncGenerated:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._events.aclose()


def _generated(ask: Callable[[Any], Any]) -> Callable[[Any, str], Any]:
    """What makes a stream, of an SDK that gives a generator, or awaits one."""

    async def asynchronous(client: Any) -> AsyncGenerated:
        events = ask(client)
        return AsyncGenerated(await events if hasattr(events, "__await__") else events)

    return lambda client, world: asynchronous(client) if world else Generated(ask(client))


def _gemini(url: str, retries: int, timeout: float) -> Any:
    from google import genai
    from google.genai import types

    again = types.HttpRetryOptions(attempts=retries + 1, initial_delay=0.01, max_delay=0.02, jitter=0)
    options = types.HttpOptions(base_url=url, timeout=int(timeout * 1000), retry_options=again)
    return genai.Client(api_key=KEY, http_options=options)


def _cohere(kind: str) -> Callable[[str, int, float], Any]:
    def make(url: str, retries: int, timeout: float) -> Any:
        client = getattr(import_module("cohere"), kind)
        return client(base_url=url, api_key=KEY, max_retries=retries, timeout=timeout)

    return make


_GEMINI: dict[str, Any] = {
    "model": "gemini-2.5-flash",
    "contents": PROMPT,
    "config": {"max_output_tokens": 64},
}
_COMMAND: dict[str, Any] = {"model": "command-a-03-2025", "messages": MESSAGES, "max_tokens": 64}
_CLAUDE: dict[str, Any] = {"model": "claude-haiku-4-5", "messages": MESSAGES, "max_tokens": 64}
_SMALL: dict[str, Any] = {"model": "mistral-small-latest", "messages": MESSAGES, "max_tokens": 64}
_RESPONSE: dict[str, Any] = {"model": "gpt-4o-mini", "input": PROMPT, "max_output_tokens": 64, "store": False}
_USAGE = {"stream_options": {"include_usage": True}}

SDKS: dict[str, Sdk] = {
    "openai": Sdk(
        model="gpt-4o-mini",
        blocking=_plain("openai", "OpenAI"),
        asynchronous=_plain("openai", "AsyncOpenAI"),
        v1="/v1",
        **_chat("gpt-4o-mini", **_USAGE),
    ),
    "responses": Sdk(
        model="gpt-4o-mini",
        blocking=_plain("openai", "OpenAI"),
        asynchronous=_plain("openai", "AsyncOpenAI"),
        v1="/v1",
        whole=lambda c, _: c.responses.create(**_RESPONSE),
        stream=lambda c, _: c.responses.create(**_RESPONSE, stream=True),
    ),
    "anthropic": Sdk(
        model="claude-haiku-4-5",
        blocking=_plain("anthropic", "Anthropic"),
        asynchronous=_plain("anthropic", "AsyncAnthropic"),
        whole=lambda c, _: c.messages.create(**_CLAUDE),
        stream=lambda c, _: c.messages.create(**_CLAUDE, stream=True),
    ),
    "mistral": Sdk(
        model="mistral-small-latest",
        blocking=_mistral,
        asynchronous=_mistral,
        whole=lambda c, a: getattr(c.chat, f"complete{a}")(**_SMALL),
        stream=lambda c, a: getattr(c.chat, f"stream{a}")(**_SMALL),
        dialect="mistral",
    ),
    "groq": Sdk(
        model="llama-3.3-70b-versatile",
        blocking=_plain("groq", "Groq"),
        asynchronous=_plain("groq", "AsyncGroq"),
        dialect="groq",
        **_chat("llama-3.3-70b-versatile"),
    ),
    "gemini": Sdk(
        model="gemini-2.5-flash",
        blocking=_gemini,
        asynchronous=lambda *how: _gemini(*how).aio,
        whole=lambda c, _: c.models.generate_content(**_GEMINI),
        stream=_generated(lambda c: c.models.generate_content_stream(**_GEMINI)),
        operation="generate_content",
        lazy=True,
    ),
    "cohere": Sdk(
        model="command-a-03-2025",
        blocking=_cohere("ClientV2"),
        asynchronous=_cohere("AsyncClientV2"),
        whole=lambda c, _: c.chat(**_COMMAND),
        stream=_generated(lambda c: c.chat_stream(**_COMMAND)),
        lazy=True,
    ),
}
