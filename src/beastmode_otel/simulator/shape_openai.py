"""Chat completions as OpenAI sends them: one body, or chunks that end with [DONE]."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel.simulator.answers import Answer, Events, Usage, dumps, event

_FINGERPRINT: Final = "fp_simulator"
_DONE: Final = event(b"[DONE]")


def body(answer: Answer) -> bytes:
    """The whole answer."""
    whole: dict[str, Any] = {
        "id": _id(answer),
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": [{"index": 0, "message": _message(answer), "logprobs": None, "finish_reason": answer.finish}],
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
    }
    if answer.usage:
        whole["usage"] = _usage(answer.usage)
    return dumps(whole)


def events(answer: Answer, *, include_usage: bool, done: bool) -> Events:
    """The answer as a stream; usage comes in a last chunk, and only if the client asked for it."""
    usage = answer.usage if include_usage else None

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _chunk(answer, [choice], {"usage": None} if usage else {})

    opening = chunk({"role": "assistant", "content": "", "refusal": None})
    deltas = [chunk({"content": piece}) for piece in answer.pieces]
    if answer.tool:
        opening = chunk({"role": "assistant", "content": None, "tool_calls": [{"index": 0, **_call(answer, "")}]})
        deltas = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in answer.pieces]
    closing = [chunk({}, answer.finish)]
    if usage:
        closing.append(_chunk(answer, [], {"usage": _usage(usage)}))
    if done:
        closing.append(_DONE)
    return Events(opening=(opening,), deltas=tuple(deltas), closing=tuple(closing))


def _chunk(answer: Answer, choices: list[dict[str, Any]], more: dict[str, Any]) -> bytes:
    data = {
        "id": _id(answer),
        "object": "chat.completion.chunk",
        "created": answer.created,
        "model": answer.model,
        "service_tier": "default",
        "system_fingerprint": _FINGERPRINT,
        "choices": choices,
        **more,
    }
    return event(dumps(data))


def _message(answer: Answer) -> dict[str, Any]:
    if answer.tool:
        call = _call(answer, "".join(answer.pieces))
        return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    return {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}


def _call(answer: Answer, arguments: str) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": arguments}
    return {"id": f"call_sim{answer.number:08d}", "type": "function", "function": function}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _id(answer: Answer) -> str:
    return f"chatcmpl-sim{answer.number:08d}"
