"""What speaks for an LLM call at a path that other services have too (`/v1/messages`, `/api/chat`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from beastmode_otel.wire.providers import provider_at

_OLLAMA_PORT: Final = 11434
_OLLAMA_ONLY: Final = ("options", "keep_alive", "format", "think", "raw", "template", "truncate")
_SDKS: Final = ("openai/", "anthropic/", "groq/", "ollama-")  # beginnings of the user agent, in lower case

Body = Mapping[str, Any]


def speaks_for(
    api: str, *, host: str, port: int | None, headers: Mapping[str, str], body: Mapping[str, Any] | None
) -> bool:
    """Whether a request is meant for this API: a provider's host, an SDK's header, or a body of the right shape."""
    if provider_at(host) is not None:
        return True
    if "x-stainless-lang" in headers or "anthropic-version" in headers:
        return True  # what the SDKs of OpenAI, Anthropic and Groq send
    if headers.get("user-agent", "").lower().startswith(_SDKS):
        return True
    if api.startswith("ollama.") and (port == _OLLAMA_PORT or "ollama" in host.lower()):
        return True
    return body is not None and _SHAPES[api](body)


def _has_model(body: Body) -> bool:
    return isinstance(body.get("model"), str)


def _messages(body: Body) -> bool:
    return _has_model(body) and isinstance(body.get("messages"), list)


def _responses(body: Body) -> bool:
    return _has_model(body) and isinstance(body.get("input"), str | list)


def _completions(body: Body) -> bool:
    return isinstance(body.get("prompt"), str | list)


def _embeddings(body: Body) -> bool:
    return isinstance(body.get("input"), str | list)


def _ollama(asked: str, kind: type) -> Callable[[Body], bool]:
    """Many applications have a chat of their own at `/api/chat`: a word that only Ollama knows must be there too."""

    def shape(body: Body) -> bool:
        return _has_model(body) and isinstance(body.get(asked), kind) and any(name in body for name in _OLLAMA_ONLY)

    return shape


_SHAPES: Final[Mapping[str, Callable[[Body], bool]]] = {
    "openai.responses": _responses,
    "openai.embeddings": _embeddings,
    "openai.completions": _completions,
    "anthropic.messages": _messages,
    "ollama.chat": _ollama("messages", list),
    "ollama.generate": _ollama("prompt", str),
    "ollama.embed": lambda body: _has_model(body) and any(name in body for name in _OLLAMA_ONLY),
}
