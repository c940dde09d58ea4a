"""The text that a request sends, for estimates of its size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.values import content_text, items, mapping


def prompt_text(body: Mapping[str, Any]) -> str:
    """All text of a request, in any format: messages, system prompt, `input` and `prompt`; tools and media left out."""
    messages = [*items(body.get("messages")), *items(body.get("input"))]
    said = [content_text(mapping(message).get("content")) for message in messages]
    plain = [content_text(body.get(name)) for name in ("system", "instructions", "prompt")]
    asked = body.get("input")
    return "\n".join(filter(None, [*plain, asked if isinstance(asked, str) else "", *said]))
