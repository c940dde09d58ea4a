"""Answers of Ollama's own API: one body, or JSON lines of which the last has `done` and the counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents, dumps
from beastmode_otel.simulator.behaviour import FinishReason

_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "stop",
    "tool_calls": "stop",
}


def body(answer: ScriptedAnswer, *, chat: bool) -> bytes:
    """The whole answer. A completion of a prompt has no tools: it says the arguments."""
    said = "".join(answer.pieces) if answer.tool and not chat else answer.text
    given = _message(answer, "", _calls(answer)) if chat and answer.tool else _said(answer, said, chat=chat)
    return dumps({**_head(answer), **given, **_end(answer, chat=chat)})


def events(answer: ScriptedAnswer, *, chat: bool, done: bool) -> StreamEvents:
    """The answer as a stream; the counts come in its last line."""
    deltas = [_said(answer, piece, chat=chat) for piece in answer.pieces]
    if answer.tool and chat:
        deltas = [_message(answer, "", _calls(answer))]
    last = {**_head(answer), **_said(answer, "", chat=chat), **_end(answer, chat=chat)}
    return StreamEvents(
        deltas=tuple(_line({**_head(answer), **delta, "done": False}) for delta in deltas),
        closing=(_line(last),) if done else (),
        lines=True,
    )


def _line(value: dict[str, Any]) -> bytes:
    return dumps(value) + b"\n"


def _head(answer: ScriptedAnswer) -> dict[str, Any]:
    return {"model": answer.model, "created_at": f"{datetime.fromtimestamp(answer.created, UTC):%Y-%m-%dT%H:%M:%SZ}"}


def _said(answer: ScriptedAnswer, text: str, *, chat: bool) -> dict[str, Any]:
    return _message(answer, text, {}) if chat else {"response": text}


def _message(answer: ScriptedAnswer, text: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text, **more}}


def _calls(answer: ScriptedAnswer) -> dict[str, Any]:
    function = {"name": answer.tool, "arguments": json.loads("".join(answer.pieces))}
    return {"tool_calls": [{"id": f"call_sim{answer.number:08d}", "function": function}]}


def _end(answer: ScriptedAnswer, *, chat: bool) -> dict[str, Any]:
    end: dict[str, Any] = {"done": True, "done_reason": _REASONS[answer.finish]}
    if not chat:
        end["context"] = [1, 2, 3]
    end |= {"total_duration": 174_560_334, "load_duration": 101_397_084}
    if answer.usage:
        end |= {"prompt_eval_count": answer.usage.input, "prompt_eval_duration": 13_074_791}
        end |= {"eval_count": answer.usage.output, "eval_duration": 52_479_709}
    return end
