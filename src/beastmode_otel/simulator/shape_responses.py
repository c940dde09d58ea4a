"""OpenAI's responses: one body, or named and numbered events of which the last holds the whole again."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents, TokenCounts, dumps, event

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


def body(answer: ScriptedAnswer) -> bytes:
    """The whole answer."""
    return dumps(_whole(answer))


def events(answer: ScriptedAnswer, *, done: bool) -> StreamEvents:
    """The answer as a stream; usage comes in its last event, asked for or not."""
    whole, item = _whole(answer), _item(answer)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    at: dict[str, Any] = {"item_id": item["id"], "output_index": 0}
    added = {"output_index": 0, "item": _begun(item)}
    opening = [_event("created", response=begun), _event("in_progress", response=begun)]
    opening.append(_event("output_item.added", **added))
    if answer.tool:
        stem, closing = "function_call_arguments", []
        ended = {"arguments": item["arguments"]}
    else:
        stem, part = "output_text", item["content"][0]
        at |= {"content_index": 0}
        opening.append(_event("content_part.added", **at, part={**part, "text": ""}))
        closing = [_event("content_part.done", **at, part=part)]
        ended = {"text": answer.text, "logprobs": []}
    more: dict[str, Any] = {} if answer.tool else {"logprobs": []}
    deltas = [_event(f"{stem}.delta", **at, delta=piece, **more) for piece in answer.pieces]
    closing = [_event(f"{stem}.done", **at, **ended), *closing, _event("output_item.done", output_index=0, item=item)]
    if done:
        closing.append(_event(whole["status"], response=whole))
    return _numbered(opening, deltas, closing)


def _numbered(*parts: list[dict[str, Any]]) -> StreamEvents:
    number = -1
    written: list[tuple[bytes, ...]] = []
    for part in parts:
        lines = []
        for data in part:
            number += 1
            lines.append(event(dumps({**data, "sequence_number": number}), data["type"].encode()))
        written.append(tuple(lines))
    opening, deltas, closing = written
    return StreamEvents(opening=opening, deltas=deltas, closing=closing)


def _event(name: str, **data: Any) -> dict[str, Any]:
    return {"type": f"response.{name}", **data}


def _whole(answer: ScriptedAnswer) -> dict[str, Any]:
    reason = _INCOMPLETE.get(answer.finish)
    return {
        "id": f"resp_sim{answer.number:08d}",
        "object": "response",
        "created_at": answer.created,
        "status": "incomplete" if reason else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "max_output_tokens": None,
        "model": answer.model,
        "output": [_item(answer)],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": _usage(answer.usage) if answer.usage else None,
        "user": None,
        "metadata": {},
    }


def _item(answer: ScriptedAnswer) -> dict[str, Any]:
    status = "incomplete" if answer.finish in _INCOMPLETE else "completed"
    if answer.tool:
        call = {"call_id": f"call_sim{answer.number:08d}", "name": answer.tool, "arguments": "".join(answer.pieces)}
        return {"id": f"fc_sim{answer.number:08d}", "type": "function_call", "status": status, **call}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}
    message = {"id": f"msg_sim{answer.number:08d}", "type": "message", "status": status, "role": "assistant"}
    return {**message, "content": [part]}


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "status": "in_progress", **({"arguments": ""} if "arguments" in item else {"content": []})}


def _usage(usage: TokenCounts) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    }
