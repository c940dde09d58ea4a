"""Embeddings: OpenAI's (`POST /embeddings`), and Ollama's own (`POST /api/embed`, and the old `/api/embeddings`).

They are never streamed, so there is nothing to replay them as: `framing` is None, and `replay` gives no chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.unknown import UnknownReader
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.usage import Usage, openai_usage
from beastmode_otel.wire.values import count, decode, items, mapping, text_or_none


class OpenAIEmbeddings:
    """The format of OpenAI's embeddings. A vector is a list of numbers or, with `encoding_format: base64`, a text."""

    api = "openai.embeddings"
    operation = "embeddings"
    path = "/embeddings"
    framing: Framing | None = None

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        encoding = text_or_none(body.get("encoding_format"))
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            encoding_formats=(encoding,) if encoding else (),
            dimensions=count(body.get("dimensions")),
        )

    def read_response(self, body: bytes) -> Reply:
        value = decode(body)
        vectors = [mapping(item).get("embedding") for item in items(mapping(value).get("data"))]
        return _reply(value, "data", vectors, openai_usage(mapping(value).get("usage")))

    def reader(self) -> UnknownReader:
        return UnknownReader()

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        return []


class OllamaEmbed(OpenAIEmbeddings):
    """The format of Ollama's embeddings."""

    api = "ollama.embed"
    path = "/api/embed"

    def read_response(self, body: bytes) -> Reply:
        value = decode(body)
        member = "embedding" if "embedding" in mapping(value) else "embeddings"  # the first is the old endpoint's
        vectors = mapping(value).get(member)
        read = count(mapping(value).get("prompt_eval_count"))
        usage = None if read is None else Usage(input_tokens=read)
        return _reply(value, member, [vectors] if member == "embedding" else items(vectors), usage)


def _reply(body: Any, member: str, vectors: list[Any], usage: Usage | None) -> Reply:
    """An answer is whole when each of its vectors is there, for embeddings have no finish reason."""
    error, found = error_in(body), bool(vectors) and all(isinstance(one, list | str) and one for one in vectors)
    return Reply(
        parsed=isinstance(mapping(body).get(member), list) or error is not None,
        body=body,
        model=text_or_none(mapping(body).get("model")),
        id=text_or_none(mapping(body).get("id")),
        usage=usage,
        empty=not found,
        whole=found and error is None,
        error=error,
    )
