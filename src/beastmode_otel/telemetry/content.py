"""Content capture: prompts and answers in telemetry, only when the team asks for it, with util-genai's switch."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from beastmode_otel import semconv
from beastmode_otel.errors import Redactor
from beastmode_otel.errors.redact import shown
from beastmode_otel.observer import AttemptFacts, AttemptOutcome
from beastmode_otel.wire.values import clean

CAPTURE_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_MODES: Final = {
    "": (False, False),
    "no_content": (False, False),
    "span_only": (True, False),
    "event_only": (False, True),
    "span_and_event": (True, True),
}
_log = logging.getLogger("beastmode_otel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Where content may go: nowhere (the default), to the attempt's span, to an event, or to both."""

    span: bool = False
    event: bool = False

    @classmethod
    def parse(cls, value: str) -> Capture:
        """From the variable's text. What is not one of its values means no content, and says so."""
        mode = _MODES.get(value.strip().lower())
        if mode is None:
            modes = ", ".join(mode.upper() for mode in _MODES if mode)
            _log.warning("%s=%s is not one of %s: no content is captured", CAPTURE_VARIABLE, shown(value), modes)
            return cls()
        return cls(span=mode[0], event=mode[1])


def content_of(facts: AttemptFacts, outcome: AttemptOutcome, redact: Redactor) -> dict[str, str]:
    """The convention's content attributes, as JSON texts without secrets."""
    body = facts.body or {}
    found = {
        semconv.GENAI_INPUT_MESSAGES: [_message(item) for item in _list(body.get("messages"))],
        semconv.GENAI_SYSTEM_INSTRUCTIONS: _parts(body.get("system")),
        semconv.GENAI_OUTPUT_MESSAGES: _output(outcome),
    }
    return {
        key: clean(redact(json.dumps(value, ensure_ascii=False, default=str))) for key, value in found.items() if value
    }


def _output(outcome: AttemptOutcome) -> list[dict[str, Any]]:
    reply = outcome.reply
    if reply is None or not reply.text:
        return []
    reason = reply.finish_reasons[0] if reply.finish_reasons else outcome.kind
    return [{"role": "assistant", "parts": _parts(reply.text), "finish_reason": reason}]


def _message(item: Any) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        return {"role": "user", "parts": _parts(item)}
    return {"role": str(item.get("role", "user")), "parts": _parts(item.get("content"))}


def _parts(content: Any) -> list[dict[str, Any]]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    return [_part(item) for item in _list(content)]


def _part(item: Any) -> dict[str, Any]:
    """Texts as they are; of images, audio and files only what they are: they would not fit."""
    if isinstance(item, Mapping):
        text = item.get("text")
        return (
            {"type": "text", "content": text} if isinstance(text, str) else {"type": str(item.get("type", "unknown"))}
        )
    return {"type": "text", "content": str(item)}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []
