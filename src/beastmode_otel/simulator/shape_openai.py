"""Chat completions as OpenAI, Azure, Groq and Mistral send them, and OpenAI's legacy completions: one body, or chunks
that end with [DONE]."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents, TokenCounts, dumps, event
from beastmode_otel.simulator.behaviour import Dialect

_FINGERPRINT: Final = "fp_simulator"
_DONE: Final = event(b"[DONE]")
_SAFE: Final = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": False, "severity": "safe"}}


def body(answer: ScriptedAnswer, dialect: Dialect = "openai") -> bytes:
    """The whole answer."""
    choice: dict[str, Any] = {"index": 0, "message": _message(answer), "logprobs": None, "finish_reason": answer.finish}
    if dialect == "azure":
        choice["content_filter_results"] = _SAFE
    whole = {**_top(answer, "chat.completion", dialect), "choices": [choice]}
    if dialect == "groq":
        whole["x_groq"] = {"id": _groq_id(answer)}
    if dialect == "azure":
        whole["prompt_filter_results"] = _prompt_filter()
    if answer.usage:
        whole["usage"] = _usage(answer.usage)
    return dumps(whole)


def events(answer: ScriptedAnswer, dialect: Dialect = "openai", *, include_usage: bool, done: bool) -> StreamEvents:
    """The answer as a stream. OpenAI and Azure send usage in a last chunk, and only if the client asked for it; Groq
    always in `x_groq` of the last choice, and Mistral always in the chunk of the last choice."""
    usage = answer.usage if include_usage and dialect != "mistral" else None
    unspent: dict[str, Any] = {"usage": None} if usage else {}
    top = _top(answer, "chat.completion.chunk", dialect)

    def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event(dumps({**top, "choices": [choice], **unspent, **more}))

    begun: dict[str, Any] = {"x_groq": {"id": _groq_id(answer)}} if dialect == "groq" else {}
    opening = chunk({"role": "assistant", "content": "", "refusal": None}, **begun)
    deltas = [chunk({"content": piece}) for piece in answer.pieces]
    if answer.tool:
        opening = chunk({"role": "assistant", "content": None, "tool_calls": [_begun_call(answer)]}, **begun)
        deltas = [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in answer.pieces]
    if answer.tool and dialect == "mistral":  # whole: its SDK wants the function's name in every delta
        opening = chunk({"role": "assistant", "content": ""})
        deltas = [chunk({"tool_calls": [{"index": 0, **_call(answer, "".join(answer.pieces))}]})]
    closing = [chunk({"content": ""} if dialect == "mistral" else {}, answer.finish, **_last(answer, dialect))]
    if usage:
        closing.append(event(dumps({**top, "choices": [], "usage": _usage(usage)})))
    if done:
        closing.append(_DONE)
    filtered = (_azure_opening(),) if dialect == "azure" else ()
    return StreamEvents(opening=(*filtered, opening), deltas=tuple(deltas), closing=tuple(closing))


def completion(answer: ScriptedAnswer) -> bytes:
    """The whole answer as a legacy completion."""
    choice = {"index": 0, "text": answer.text, "logprobs": None, "finish_reason": _plain_end(answer)}
    whole = {**_completion_top(answer), "choices": [choice]}
    return dumps(whole | ({"usage": _usage(answer.usage)} if answer.usage else {}))


def completion_events(answer: ScriptedAnswer, *, include_usage: bool, done: bool) -> StreamEvents:
    """A legacy completion as a stream; its chunks have the shape of the whole."""
    usage, top = answer.usage if include_usage else None, _completion_top(answer)
    unspent: dict[str, Any] = {"usage": None} if usage else {}

    def chunk(text: str, finish: str | None = None) -> bytes:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return event(dumps({**top, "choices": [choice], **unspent}))

    closing = [chunk("", _plain_end(answer))]
    if usage:
        closing.append(event(dumps({**top, "choices": [], "usage": _usage(usage)})))
    if done:
        closing.append(_DONE)
    return StreamEvents(deltas=tuple(map(chunk, answer.pieces)), closing=tuple(closing))


def _plain_end(answer: ScriptedAnswer) -> str:
    return "stop" if answer.finish == "tool_calls" else answer.finish


def _completion_top(answer: ScriptedAnswer) -> dict[str, Any]:
    top = {"id": f"cmpl-sim{answer.number:08d}", "object": "text_completion", "created": answer.created}
    return {**top, "model": answer.model, "system_fingerprint": _FINGERPRINT}


def _top(answer: ScriptedAnswer, kind: str, dialect: Dialect) -> dict[str, Any]:
    top = {"id": _id(answer), "object": kind, "created": answer.created, "model": answer.model}
    return top if dialect == "mistral" else {**top, "service_tier": "default", "system_fingerprint": _FINGERPRINT}


def _last(answer: ScriptedAnswer, dialect: Dialect) -> dict[str, Any]:
    """What the chunk of the last choice carries beside it."""
    told = {"usage": _usage(answer.usage)} if answer.usage else {}
    if dialect == "groq":
        return {"x_groq": {"id": _groq_id(answer), **told}}
    return told if dialect == "mistral" else {}


def _azure_opening() -> bytes:
    top = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    return event(dumps({**top, "prompt_filter_results": _prompt_filter()}))


def _prompt_filter() -> list[dict[str, Any]]:
    return [{"prompt_index": 0, "content_filter_results": _SAFE}]


def _groq_id(answer: ScriptedAnswer) -> str:
    return f"req_sim{answer.number:08d}"


def _message(answer: ScriptedAnswer) -> dict[str, Any]:
    if answer.tool:
        call = _call(answer, "".join(answer.pieces))
        return {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]}
    return {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}


def _begun_call(answer: ScriptedAnswer) -> dict[str, Any]:
    return {"index": 0, **_call(answer, "")}


def _call(answer: ScriptedAnswer, arguments: str) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": arguments}
    return {"id": f"call_sim{answer.number:08d}", "type": "function", "function": function}


def _usage(usage: TokenCounts) -> dict[str, Any]:
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


def _id(answer: ScriptedAnswer) -> str:
    return f"chatcmpl-sim{answer.number:08d}"
