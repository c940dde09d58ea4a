"""Whose API answers at a host, as `gen_ai.provider.name` spells it."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import Final

_HOSTS: Final = MappingProxyType(
    {
        "api.openai.com": "openai",
        "api.anthropic.com": "anthropic",
        "api.mistral.ai": "mistral_ai",
        "codestral.mistral.ai": "mistral_ai",
        "api.groq.com": "groq",
        "api.deepseek.com": "deepseek",
        "api.x.ai": "x_ai",
        "api.perplexity.ai": "perplexity",
        "api.cohere.com": "cohere",
        "api.cohere.ai": "cohere",
        "generativelanguage.googleapis.com": "gcp.gemini",
        "aiplatform.googleapis.com": "gcp.vertex_ai",
        "ollama.com": "ollama",
    }
)
_ENDINGS: Final = (
    (".api.openai.com", "openai"),  # eu., us.
    (".openai.azure.com", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".models.ai.azure.com", "azure.ai.inference"),
    ("-aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
    (".api.x.ai", "x_ai"),
)
_LOOPBACK: Final = frozenset({"localhost", "::1", "0.0.0.0", "host.docker.internal"})  # noqa: S104  (compared only)
# Who defined the format: the best guess at a host that nobody knows.
_AUTHORS: Final = MappingProxyType({"openai": "openai", "anthropic": "anthropic", "mistral": "mistral_ai"})


@functools.lru_cache(maxsize=512)
def provider_at(host: str) -> str | None:
    """The provider whose own host this is; None when it is nobody's that we know."""
    host = host.lower().rstrip(".")
    if host in _HOSTS:
        return _HOSTS[host]
    if host.startswith("bedrock-runtime") and host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return "aws.bedrock"
    return next((provider for ending, provider in _ENDINGS if host.endswith(ending)), None)


def provider_of(host: str, *, api: str, path: bytes = b"") -> str:
    """The provider of a call. Hosts that nobody knows speak for the author of their format, but this machine is
    `local`, not the vendor and not at its price; Ollama's own API is `ollama` wherever it is; else `custom`."""
    known = provider_at(host)
    if known == "azure.ai.inference" and b"/openai/" in path:
        return "azure.ai.openai"  # one resource has both doors
    if known is not None:
        return known
    author = api.partition(".")[0]
    if author == "ollama":
        return author
    name = host.lower()
    if name in _LOOPBACK or name.startswith("127."):
        return "local"
    return _AUTHORS.get(author, "custom")
