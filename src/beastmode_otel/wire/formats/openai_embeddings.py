"""OpenAI's embeddings (`POST /embeddings`), as everybody who copies them speaks them."""

from __future__ import annotations

from typing import Any

from beastmode_otel.wire.formats.base import Body, Embeddings
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.values import mapping


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
