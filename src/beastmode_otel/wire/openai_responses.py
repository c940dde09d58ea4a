"""OpenAI's responses (`POST /responses`), as OpenAI, Azure, Groq, Mistral, xAI, vLLM and others speak it.

It has no finish reasons. They are told in the words of the same vendor's chat: a `completed` response ends with `stop`
or, when the model wants functions called, `tool_calls`; an `incomplete` one with `length` or whatever its details say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.wire.errors import ProviderError, error_in
from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.reader import EventReader
from beastmode_otel.wire.replay import as_one_event
from beastmode_otel.wire.responses_assembly import ResponseAssembler, calls_in, finish_reasons
from beastmode_otel.wire.responses_replay import response_events
from beastmode_otel.wire.usage import openai_usage
from beastmode_otel.wire.values import count, decode, items, mapping, number, text, text_or_none

_NO_ANSWER: Final = frozenset({"message", "reasoning"})  # kinds of output that are none by being there


class OpenAIResponses:
    """The format of OpenAI's responses. Its streams always carry usage."""

    api = "openai.responses"
    operation = "chat"
    path = "/responses"
    framing: Framing | None = "sse"

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        kind = text(mapping(mapping(body.get("text")).get("format")).get("type"))
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=True,
            max_tokens=count(body.get("max_output_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            has_tools=bool(body.get("tools")),
            output_type="json" if kind.startswith("json") else "text" if kind == "text" else None,
        )

    def read_response(self, body: bytes) -> Reply:
        return read_body(decode(body))

    def reader(self) -> EventReader:
        return EventReader(ResponseAssembler(), read_body)

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        last, events = Chunk(terminal=True), response_events(body)
        if events is None:
            return as_one_event(body, last, self.reader().feed)
        assembler = ResponseAssembler()
        return [assembler.add(event, event["type"]) for event in events]


def read_body(body: Any) -> Reply:
    """What a decoded response says."""
    if not isinstance(body, Mapping):
        return Reply(parsed=False, body=body)
    outputs = [mapping(item) for item in items(body.get("output"))]
    kinds = [text(item.get("type")) for item in outputs]
    messages = [item for item, kind in zip(outputs, kinds, strict=True) if kind == "message"]
    parts = [mapping(part) for message in messages for part in items(message.get("content"))]
    said = "".join(text(part.get("text")) for part in parts if part.get("type") == "output_text")
    refusal = next((text(part.get("refusal")) for part in parts if part.get("type") == "refusal"), None)
    error = _error(body)
    return Reply(
        parsed=isinstance(body.get("output"), list) or error is not None,
        body=body,
        model=text_or_none(body.get("model")),
        id=text_or_none(body.get("id")),
        text=said,
        finish_reasons=finish_reasons(body),
        usage=openai_usage(body.get("usage")),
        refusal=refusal,
        tool_calls=calls_in(body),
        empty=not (said or refusal is not None or any(kind and kind not in _NO_ANSWER for kind in kinds)),
        error=error,
    )


def _error(body: Mapping[str, Any]) -> ProviderError | None:
    return error_in(body) or (ProviderError() if body.get("status") == "failed" else None)
