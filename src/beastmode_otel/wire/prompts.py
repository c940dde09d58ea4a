"""The text that a request sends, for estimates of its size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.values import content_text, items, mapping, text


def prompt_text(body: Mapping[str, Any]) -> str:
    """All text of a request, in any format: messages, system prompt, `input` and `prompt`; tools and media left out."""
    listed = [*items(body.get("messages")), *items(body.get("input")), *items(body.get("prompt"))]
    plain = [content_text(body.get(name)) for name in ("system", "instructions")]
    asked = [text(body.get(name)) for name in ("prompt", "input")]
    return "\n".join(filter(None, [*plain, *asked, *map(_said, listed)]))


def _said(item: Any) -> str:
    """A message, an item of a conversation, or one of several texts."""
    if isinstance(item, str):
        return item
    return content_text(mapping(item).get("content")) or content_text(mapping(item).get("output"))
