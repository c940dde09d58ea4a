"""Answers of Cohere's chat, version 2: one body, or named events that end with message-end; its embeddings too."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents, TokenCounts, dumps, event
from beastmode_otel.simulator.behaviour import FinishReason
from beastmode_otel.simulator.request import ClientRequest
from beastmode_otel.simulator.shape_embeddings import vectors

_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "content_filter": "ERROR",
    "tool_calls": "TOOL_CALL",
}
_PREAMBLE: Final = 66  # tokens of Cohere's own that are read and not billed


def body(answer: ScriptedAnswer) -> bytes:
    """The whole answer."""
    message: dict[str, Any] = {"role": "assistant"}
    if answer.tool:
        message |= {"tool_plan": "I will use a tool.", "tool_calls": [_call(answer, "".join(answer.pieces))]}
    else:
        message["content"] = [{"type": "text", "text": answer.text}]
    return dumps({"id": _id(answer), "message": message, **_end(answer)})


def events(answer: ScriptedAnswer, *, done: bool) -> StreamEvents:
    """The answer as a stream; usage comes in its last event, asked for or not."""
    kind, member = ("tool-call", "tool_calls") if answer.tool else ("content", "content")
    begun: dict[str, Any] = _call(answer, "") if answer.tool else {"type": "text", "text": ""}
    start = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    plan = (_event("tool-plan-delta", {"tool_plan": "I will use a tool."}),) if answer.tool else ()
    grown = [{"function": {"arguments": piece}} if answer.tool else {"text": piece} for piece in answer.pieces]
    return StreamEvents(
        opening=(
            _event("message-start", start, id=_id(answer)),
            *plan,
            _event(f"{kind}-start", {member: begun}, index=0),
        ),
        deltas=tuple(_event(f"{kind}-delta", {member: piece}, index=0) for piece in grown),
        closing=(
            _event(f"{kind}-end", index=0),
            *((_named("message-end", {"delta": _end(answer)}),) if done else ()),
        ),
    )


def embeddings(answer: ScriptedAnswer, ask: ClientRequest) -> bytes:
    """Vectors of floats, in the order of the texts."""
    meta: dict[str, Any] = {"api_version": {"version": "2"}}
    if answer.usage:
        meta["billed_units"] = {"input_tokens": answer.usage.input}
    return dumps(
        {
            "id": _id(answer),
            "embeddings": {"float": vectors(ask)},
            "texts": [*ask.inputs],
            "response_type": "embeddings_by_type",
            "meta": meta,
        }
    )


def _event(name: str, message: dict[str, Any] | None = None, **more: Any) -> bytes:
    return _named(name, {**more, **({"delta": {"message": message}} if message else {})})


def _named(name: str, data: dict[str, Any]) -> bytes:
    return event(dumps({"type": name, **data}), name.encode())


def _end(answer: ScriptedAnswer) -> dict[str, Any]:
    told = {"usage": _usage(answer.usage)} if answer.usage else {}
    return {"finish_reason": _REASONS[answer.finish], **told}


def _usage(usage: TokenCounts) -> dict[str, Any]:
    return {
        "billed_units": {"input_tokens": usage.input, "output_tokens": usage.output},
        "tokens": {"input_tokens": usage.input + _PREAMBLE, "output_tokens": usage.output},
        "cached_tokens": usage.cached,
    }


def _call(answer: ScriptedAnswer, arguments: str) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": arguments}
    return {"id": f"call_sim{answer.number:08d}", "type": "function", "function": function}


def _id(answer: ScriptedAnswer) -> str:
    return f"sim-{answer.number:08d}"
