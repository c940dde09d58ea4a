"""Answers for the other paths: the list of models, and a shape of our own for everything else that is posted."""

from __future__ import annotations

from typing import Final

from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents, dumps, event

_MODELS: Final = ("sim-1", "sim-1-mini", "gpt-4o-mini", "claude-sonnet-4-5")
_SINCE: Final = 1_700_000_000


def models() -> bytes:
    """A list that OpenAI's and Anthropic's clients both can read."""
    data = [
        {"id": name, "object": "model", "created": _SINCE, "owned_by": "simulator", "type": "model"} for name in _MODELS
    ]
    return dumps({"object": "list", "data": data, "has_more": False, "first_id": _MODELS[0], "last_id": _MODELS[-1]})


def body(answer: ScriptedAnswer, path: str) -> bytes:
    """The whole answer."""
    return dumps({"output": answer.text, "path": path, "model": answer.model})


def events(answer: ScriptedAnswer) -> StreamEvents:
    """Plain data events, without a terminal one."""
    return StreamEvents(deltas=tuple(event(dumps({"output": piece})) for piece in answer.pieces))
