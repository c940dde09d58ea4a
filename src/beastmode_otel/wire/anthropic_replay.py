"""One Anthropic message, taken apart to the events of an equal stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from beastmode_otel.wire.errors import error_in
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.sse_writer import to_json
from beastmode_otel.wire.values import count, decode, items, mapping, text, text_or_none

LAST: Final = "message_stop"
_AT_THE_END: Final = ("stop_reason", "stop_sequence", "stop_details", "container")


def message_events(body: Any) -> list[dict[str, Any]] | None:
    """All events, each with its name as its `type`; None when `body` is no message."""
    blocks = mapping(body).get("content")
    if (
        not isinstance(blocks, list)
        or error_in(body) is not None
        or not all(isinstance(block, Mapping) for block in blocks)
    ):
        return None
    end = {name: body[name] for name in _AT_THE_END if name in body}
    usage, spent = _usage(body.get("usage"))
    start = {**body, "content": [], **dict.fromkeys(end), **usage}
    return [
        {"type": "message_start", "message": start},
        *(event for place, block in enumerate(blocks) for event in _block(place, block)),
        {"type": "message_delta", "delta": end, "usage": spent},
        {"type": LAST},
    ]


def _usage(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the first event says of usage, and what the last but one adds: the output is not known at the start."""
    usage = mapping(value)
    output = count(usage.get("output_tokens"))
    if output is None:
        return {}, {}
    return {"usage": {**usage, "output_tokens": 0}}, {"output_tokens": output}


def _block(place: int, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    start, deltas = _taken_apart(block)
    yield {"type": "content_block_start", "index": place, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": place, "delta": delta}
    yield {"type": "content_block_stop", "index": place}


def _taken_apart(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How the block begins, and what it grows by. Kinds that we do not know come whole, as Anthropic's results do."""
    kind = text(block.get("type"))
    if kind == "text":
        return _text(block)
    if kind == "thinking":
        return _thinking(block)
    if kind.endswith("tool_use"):  # tool_use, server_tool_use, mcp_tool_use
        return _tool_use(block)
    return {**block}, []


def _text(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    start, citations = {**block}, items(block.get("citations"))
    if said := text(block.get("text")):
        start["text"] = ""
    if citations:
        start["citations"] = []
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces(said)]
    return start, [*deltas, *({"type": "citations_delta", "citation": citation} for citation in citations)]


def _thinking(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    grown = {name: said for name in ("thinking", "signature") if (said := text_or_none(block.get(name)))}
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(grown.get("thinking", ""))]
    if signature := grown.get("signature"):
        deltas.append({"type": "signature_delta", "signature": signature})  # whole: the SDKs replace, never append
    return {**block, **dict.fromkeys(grown, "")}, deltas


def _tool_use(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    arguments = _arguments(block.get("input"))
    if not arguments:
        return {**block}, []
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments)]
    return {**block, "input": {}}, deltas


def _arguments(value: Any) -> str | None:
    """The JSON of a tool's input. Text that is no JSON is the half that was left of a cut stream, and goes as it is."""
    if not value or (isinstance(value, str) and decode(value) is None):
        return text(value)
    return to_json(value, ascii_only=False)
