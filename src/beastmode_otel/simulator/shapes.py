"""What each API's answers look like, behind one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from beastmode_otel.simulator import (
    shape_anthropic,
    shape_cohere,
    shape_embeddings,
    shape_gemini,
    shape_ollama,
    shape_openai,
    shape_plain,
    shape_responses,
)
from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents
from beastmode_otel.simulator.behaviour import Behaviour, Dialect, ErrorShape
from beastmode_otel.simulator.request import Api, ClientRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """body: the whole answer. events: it as a stream, None when this API has none. errors: how it tells them.

    flat_error: the error event of a stream has no member `error`.
    """

    body: Callable[[ScriptedAnswer, ClientRequest, Behaviour], bytes]
    events: Callable[[ScriptedAnswer, ClientRequest, Behaviour], StreamEvents] | None = None
    errors: ErrorShape = "openai"
    flat_error: bool = False


def dialect(ask: ClientRequest, behaviour: Behaviour) -> Dialect:
    return behaviour.dialect or ("azure" if ask.azure else "openai")


_EMBEDDED: Final = Shape(body=lambda said, ask, how: shape_embeddings.ollama(said, ask), errors="ollama")

SHAPES: Final[Mapping[Api, Shape]] = {
    "openai": Shape(
        body=lambda said, ask, how: shape_openai.body(said, dialect(ask, how)),
        events=lambda said, ask, how: shape_openai.events(
            said, dialect(ask, how), include_usage=ask.include_usage, done=how.done
        ),
    ),
    "completions": Shape(
        body=lambda said, ask, how: shape_openai.completion(said),
        events=lambda said, ask, how: shape_openai.completion_events(
            said, include_usage=ask.include_usage, done=how.done
        ),
    ),
    "responses": Shape(
        body=lambda said, ask, how: shape_responses.body(said),
        events=lambda said, ask, how: shape_responses.events(said, done=how.done),
        flat_error=True,
    ),
    "embeddings": Shape(body=lambda said, ask, how: shape_embeddings.openai(said, ask)),
    "anthropic": Shape(
        body=lambda said, ask, how: shape_anthropic.body(said),
        events=lambda said, ask, how: shape_anthropic.events(said, done=how.done),
        errors="anthropic",
    ),
    "ollama_chat": Shape(
        body=lambda said, ask, how: shape_ollama.body(said, chat=True),
        events=lambda said, ask, how: shape_ollama.events(said, chat=True, done=how.done),
        errors="ollama",
    ),
    "ollama_generate": Shape(
        body=lambda said, ask, how: shape_ollama.body(said, chat=False),
        events=lambda said, ask, how: shape_ollama.events(said, chat=False, done=how.done),
        errors="ollama",
    ),
    "ollama_embed": _EMBEDDED,
    "ollama_embedding": _EMBEDDED,
    "gemini": Shape(
        body=lambda said, ask, how: shape_gemini.body(said),
        events=lambda said, ask, how: shape_gemini.events(said, done=how.done),
        errors="gemini",
    ),
    "gemini_array": Shape(body=lambda said, ask, how: shape_gemini.array(said), errors="gemini"),
    "gemini_embed": Shape(body=lambda said, ask, how: shape_gemini.embeddings(said, ask), errors="gemini"),
    "cohere": Shape(
        body=lambda said, ask, how: shape_cohere.body(said),
        events=lambda said, ask, how: shape_cohere.events(said, done=how.done),
        errors="cohere",
    ),
    "cohere_embed": Shape(body=lambda said, ask, how: shape_cohere.embeddings(said, ask), errors="cohere"),
    "plain": Shape(
        body=lambda said, ask, how: shape_plain.body(said, ask.path),
        events=lambda said, ask, how: shape_plain.events(said),
    ),
    "models": Shape(body=lambda said, ask, how: shape_plain.models()),
    "nowhere": Shape(body=lambda said, ask, how: b""),
}
