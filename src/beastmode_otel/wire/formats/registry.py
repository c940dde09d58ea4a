"""The formats that we know, one line each, and how to find the right one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from beastmode_otel.wire.formats.anthropic import AnthropicMessages, anthropic_usage
from beastmode_otel.wire.formats.base import Format
from beastmode_otel.wire.formats.cohere import CohereChat, CohereEmbed
from beastmode_otel.wire.formats.gemini import Gemini, GeminiEmbeddings, gemini_usage
from beastmode_otel.wire.formats.ollama import OllamaChat, OllamaEmbed, OllamaGenerate
from beastmode_otel.wire.formats.openai_chat import MistralFim, OpenAIChat
from beastmode_otel.wire.formats.openai_completions import OpenAICompletions
from beastmode_otel.wire.formats.openai_embeddings import OpenAIEmbeddings
from beastmode_otel.wire.formats.openai_responses import OpenAIResponses
from beastmode_otel.wire.formats.unknown import Unknown
from beastmode_otel.wire.paths import PathMatch, Paths

_COUNTERS: Final = {
    "iterations": anthropic_usage,
    "cache_read_input_tokens": anthropic_usage,
    "cache_creation_input_tokens": anthropic_usage,
    "promptTokenCount": gemini_usage,
}
UNKNOWN: Final[Format] = Unknown(_COUNTERS)
# Of two that claim the same path the first counts.
_KNOWN: Final[tuple[Format, ...]] = (
    OpenAIChat(),
    OpenAIResponses(),
    OpenAIEmbeddings(),
    OpenAICompletions(),
    MistralFim(),
    AnthropicMessages(),
    Gemini(),
    GeminiEmbeddings(),
    CohereChat(),
    CohereEmbed(),
    OllamaChat(),
    OllamaGenerate(),
    OllamaEmbed(),
    UNKNOWN,
)
FORMATS: Final[Mapping[str, Format]] = MappingProxyType({known.api: known for known in _KNOWN})
PATHS: Final = Paths(PathMatch(known.api, path) for known in _KNOWN for path in known.calls)


def format_named(api: str) -> Format:
    """The format of that name, `UNKNOWN` when there is none."""
    return FORMATS.get(api, UNKNOWN)


def format_for_path(path: str) -> Format:
    """The format that a URL's path (without query) belongs to, `UNKNOWN` when none does. See `recognise` for more."""
    endpoint = PATHS.find("POST", path.encode("utf-8", "surrogatepass"))
    return UNKNOWN if endpoint is None else format_named(endpoint.api)
