"""Answers of Gemini's API: one body, or events of the same shape, the last of them with the finish reason and all
counts; its embeddings too."""

from __future__ import annotations

import json
from typing import Any, Final

from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents, TokenCounts, dumps, event
from beastmode_otel.simulator.behaviour import FinishReason
from beastmode_otel.simulator.request import ClientRequest
from beastmode_otel.simulator.shape_embeddings import vectors

_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "tool_calls": "STOP",
}


def body(answer: ScriptedAnswer) -> bytes:
    """The whole answer."""
    return dumps(_chunk(answer, _whole_part(answer), answer.usage, finishReason=_REASONS[answer.finish]))


def events(answer: ScriptedAnswer, *, done: bool) -> StreamEvents:
    """The answer as a stream. Every event counts the prompt, as Google's do."""
    return StreamEvents(
        deltas=tuple(event(chunk) for chunk in _deltas(answer)),
        closing=(event(_last(answer)),) if done else (),
    )


def array(answer: ScriptedAnswer) -> bytes:
    """What is streamed without `alt=sse`: the events as the items of one array."""
    return b"[" + b",\r\n".join([*_deltas(answer), _last(answer)]) + b"]"


def embeddings(answer: ScriptedAnswer, ask: ClientRequest) -> bytes:
    """One vector, or a list of them where several were asked for at once."""
    found = [{"values": vector} for vector in vectors(ask)]
    whole: dict[str, Any] = (
        {"embeddings": found} if ask.path.endswith("batchEmbedContents") else {"embedding": found[0]}
    )
    return dumps(whole | ({"usageMetadata": {"promptTokenCount": answer.usage.input}} if answer.usage else {}))


def _deltas(answer: ScriptedAnswer) -> list[bytes]:
    parts = [_whole_part(answer)] if answer.tool else [{"text": piece} for piece in answer.pieces]
    usage = answer.usage
    asked = {"promptTokenCount": usage.input, "totalTokenCount": usage.input} if usage else None
    return [dumps(_chunk(answer, part, asked)) for part in parts]


def _last(answer: ScriptedAnswer) -> bytes:
    return dumps(_chunk(answer, {"text": ""}, answer.usage, finishReason=_REASONS[answer.finish]))


def _whole_part(answer: ScriptedAnswer) -> dict[str, Any]:
    if not answer.tool:
        return {"text": answer.text}
    return {"functionCall": {"name": answer.tool, "args": json.loads("".join(answer.pieces))}}


def _chunk(
    answer: ScriptedAnswer, part: dict[str, Any], usage: TokenCounts | dict[str, int] | None, **more: Any
) -> dict[str, Any]:
    counts = _counts(usage) if isinstance(usage, TokenCounts) else usage
    return {
        "candidates": [{"content": {"parts": [part], "role": "model"}, **more, "index": 0}],
        **({"usageMetadata": counts} if counts else {}),
        "modelVersion": answer.model,
        "responseId": f"sim{answer.number:08d}",
    }


def _counts(usage: TokenCounts) -> dict[str, int]:
    counts = {
        "promptTokenCount": usage.input,
        # Google counts thoughts beside the candidates, and what came from its cache inside the prompt.
        "candidatesTokenCount": usage.output - usage.reasoning,
        "totalTokenCount": usage.input + usage.output,
        "cachedContentTokenCount": usage.cached,
        "thoughtsTokenCount": usage.reasoning,
    }
    return {name: count for name, count in counts.items() if count}  # zeros are left out
