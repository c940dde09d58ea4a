"""Embeddings: what all APIs of them share, and OpenAI's (`POST /embeddings`).

They are never streamed, so there is nothing to replay them as: `framing` is None, and `replay` gives no chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.base import Body, Format
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.usage import Usage, openai_usage
from beastmode_otel.wire.user_text import Cut
from beastmode_otel.wire.values import count, mapping, text_or_none


class Embeddings(Format):
    """What all of them share: vectors and usage are the format's to find."""

    operation = "embeddings"
    framing = None

    def read_request(self, body: Body) -> Ask:
        encoding = text_or_none(body.get("encoding_format"))
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            encoding_formats=(encoding,) if encoding else (),
            dimensions=count(body.get("dimensions")),
        )

    def last_user_text(self, body: Body) -> Cut:
        return Cut(body=body)  # two texts that mean the same have two vectors

    def vectors(self, body: Body) -> list[Any] | None:
        """Those of an answer; None when it is of another shape."""
        raise NotImplementedError

    def usage(self, body: Body) -> Usage | None:
        return openai_usage(body.get("usage"))

    def read_body(self, body: Any) -> Reply:
        """An answer is whole when each of its vectors is there, for embeddings have no finish reason."""
        said = mapping(body)
        vectors, error = self.vectors(said), error_in(body)
        found = bool(vectors) and all(isinstance(one, list | str) and one for one in vectors or ())
        return Reply(
            parsed=vectors is not None or error is not None,
            body=body,
            model=text_or_none(said.get("model")),
            id=text_or_none(said.get("id")),
            usage=self.usage(said),
            empty=not found,
            whole=found and error is None,
            error=error,
        )

    def assembler(self) -> NoStream:
        return NoStream()


class NoStream:
    """An `Assembler` of nothing, for who sends events where none are known."""

    complete = False

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        return Chunk(data=data, event=event)

    def body(self) -> None:
        return None

    def growth(self, data: Mapping[str, Any]) -> None:
        return None


class OpenAIEmbeddings(Embeddings):
    """The format of OpenAI's embeddings. A vector is a list of numbers or, with `encoding_format: base64`, a text."""

    api = "openai.embeddings"
    path = "/embeddings"
    calls = (
        CallPath("/v*/embeddings", generic=True),
        CallPath("/openai/embeddings", generic=True),  # Google, gateways
        CallPath("/deployments/{model}/embeddings", generic=True),  # Azure
        CallPath("/models/embeddings", generic=True, provider="azure.ai.inference"),
    )

    def has_shape(self, body: Body) -> bool:
        return isinstance(body.get("input"), str | list)

    def vectors(self, body: Body) -> list[Any] | None:
        data = body.get("data")
        return [mapping(item).get("embedding") for item in data] if isinstance(data, list) else None
