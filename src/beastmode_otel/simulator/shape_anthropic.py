"""Messages as Anthropic sends them: one body, or named events that end with message_stop."""

from __future__ import annotations

import json
from typing import Any, Final

from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents, TokenCounts, dumps, event
from beastmode_otel.simulator.behaviour import FinishReason

_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "tool_calls": "tool_use",
}


def body(answer: ScriptedAnswer) -> bytes:
    """The whole answer."""
    whole = _message(answer)
    whole["content"] = [_block(answer, whole=True)]
    whole["stop_reason"] = _REASONS[answer.finish]
    if answer.usage:
        whole["usage"] = _usage(answer.usage, answer.usage.output)
    return dumps(whole)


def events(answer: ScriptedAnswer, *, done: bool) -> StreamEvents:
    """The answer as a stream; usage comes in its first and in its last but one event, asked for or not."""
    start = _message(answer)
    last: dict[str, Any] = {"delta": {"stop_reason": _REASONS[answer.finish], "stop_sequence": None}}
    if answer.usage:
        start["usage"] = _usage(answer.usage, 1)
        last["usage"] = {"output_tokens": answer.usage.output}
    kind, key = ("input_json_delta", "partial_json") if answer.tool else ("text_delta", "text")
    closing = [_event("content_block_stop", {"index": 0}), _event("message_delta", last)]
    if done:
        closing.append(_event("message_stop", {}))
    return StreamEvents(
        opening=(
            _event("message_start", {"message": start}),
            _event("content_block_start", {"index": 0, "content_block": _block(answer, whole=False)}),
            _event("ping", {}),
        ),
        deltas=tuple(
            _event("content_block_delta", {"index": 0, "delta": {"type": kind, key: piece}}) for piece in answer.pieces
        ),
        closing=tuple(closing),
    )


def _event(name: str, data: dict[str, Any]) -> bytes:
    return event(dumps({"type": name, **data}), name.encode())


def _message(answer: ScriptedAnswer) -> dict[str, Any]:
    return {
        "id": f"msg_sim{answer.number:08d}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _block(answer: ScriptedAnswer, *, whole: bool) -> dict[str, Any]:
    if answer.tool:
        given = json.loads("".join(answer.pieces)) if whole else {}
        return {"type": "tool_use", "id": f"toolu_sim{answer.number:08d}", "name": answer.tool, "input": given}
    return {"type": "text", "text": answer.text if whole else ""}


def _usage(usage: TokenCounts, output: int) -> dict[str, Any]:
    return {
        # Anthropic counts what came from its prompt cache beside input_tokens, OpenAI inside prompt_tokens.
        "input_tokens": usage.input - usage.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached,
        "output_tokens": output,
        "service_tier": "standard",
    }
