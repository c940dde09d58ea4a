"""Anthropic's messages (`POST /v1/messages`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.anthropic_assembly import MessageAssembler
from beastmode_otel.wire.anthropic_replay import LAST, message_events
from beastmode_otel.wire.errors import error_in
from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.reader import EventReader
from beastmode_otel.wire.replay import as_one_event
from beastmode_otel.wire.usage import anthropic_usage
from beastmode_otel.wire.values import content_text, count, decode, items, mapping, number, text, text_or_none


class AnthropicMessages:
    """The format of Anthropic's messages. Its streams always carry usage."""

    api = "anthropic.messages"
    operation = "chat"
    path = "/messages"
    framing: Framing | None = "sse"

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=True,
            max_tokens=count(body.get("max_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            top_k=count(body.get("top_k")),
            stop_sequences=tuple(stop for stop in items(body.get("stop_sequences")) if isinstance(stop, str)),
            has_tools=bool(body.get("tools")),
        )

    def read_response(self, body: bytes) -> Reply:
        return read_body(decode(body))

    def reader(self) -> EventReader:
        return EventReader(MessageAssembler(), read_body)

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        events, assembler = message_events(body), MessageAssembler()
        if events is None:
            name = "error" if error_in(body) else ""
            return as_one_event(body, assembler.add({"type": LAST}, LAST), self.reader().feed, event=name)
        return [assembler.add(event, event["type"]) for event in events]


def read_body(body: Any) -> Reply:
    """What a decoded response says."""
    if not isinstance(body, Mapping):
        return Reply(parsed=False, body=body)
    blocks = [mapping(block) for block in items(body.get("content"))]
    said = content_text([block for block in blocks if block.get("type") == "text"])
    calls = sum(block.get("type") == "tool_use" for block in blocks)
    reason, refusal, error = text_or_none(body.get("stop_reason")), _refusal(body, said), error_in(body)
    return Reply(
        parsed=isinstance(body.get("content"), list) or error is not None,
        body=body,
        model=text_or_none(body.get("model")),
        id=text_or_none(body.get("id")),
        text=said,
        finish_reasons=(reason,) if reason else (),
        usage=anthropic_usage(body.get("usage")),
        refusal=refusal,
        tool_calls=calls,
        empty=not (said or calls or refusal is not None),
        error=error,
    )


def _refusal(body: Mapping[str, Any], said: str) -> str | None:
    """Anthropic refuses by `stop_reason`; the words, if any, are an explanation or the text so far."""
    if body.get("stop_reason") != "refusal":
        return None
    return text(mapping(body.get("stop_details")).get("explanation")) or said
