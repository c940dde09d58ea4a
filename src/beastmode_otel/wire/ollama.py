"""Ollama's own API (`POST /api/chat`, `POST /api/generate`): JSON lines, and a stream unless the request says no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.errors import error_in
from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.lines import LineDecoder
from beastmode_otel.wire.ollama_assembly import OllamaAssembler, answer_events
from beastmode_otel.wire.openai_chat import stop_sequences
from beastmode_otel.wire.reader import EventReader
from beastmode_otel.wire.replay import as_one_event
from beastmode_otel.wire.usage import Usage
from beastmode_otel.wire.values import content_text, count, decode, integer, items, mapping, number, text, text_or_none


class OllamaChat:
    """The format of Ollama's chat. Its last line has `done` and the usage."""

    api = "ollama.chat"
    operation = "chat"
    path = "/api/chat"
    framing: Framing | None = "ndjson"

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        options = mapping(body.get("options"))
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is not False,
            include_usage=True,
            max_tokens=count(options.get("num_predict")),  # -1 and -2 are no limit
            temperature=number(options.get("temperature")),
            top_p=number(options.get("top_p")),
            top_k=count(options.get("top_k")),
            seed=integer(options.get("seed")),
            stop_sequences=stop_sequences(options.get("stop")),
            frequency_penalty=number(options.get("frequency_penalty")),
            presence_penalty=number(options.get("presence_penalty")),
            has_tools=bool(body.get("tools")),
            output_type="json" if body.get("format") else None,  # the word, or a schema
        )

    def read_response(self, body: bytes) -> Reply:
        return read_body(decode(body))

    def reader(self) -> EventReader:
        return EventReader(OllamaAssembler(), read_body, decoder=LineDecoder(documents=False))

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        events, assembler = answer_events(body), OllamaAssembler()
        if events is None:
            return as_one_event(body, assembler.add({"done": True}, ""), self.reader().feed, framing="ndjson")
        return [assembler.add(event, "") for event in events]


class OllamaGenerate(OllamaChat):
    """The format of Ollama's completion of a prompt."""

    api = "ollama.generate"
    operation = "text_completion"
    path = "/api/generate"


def read_body(body: Any) -> Reply:
    """What a decoded response says, of either kind."""
    if not isinstance(body, Mapping):
        return Reply(parsed=False, body=body)
    message, reason, error = mapping(body.get("message")), text_or_none(body.get("done_reason")), error_in(body)
    said, calls = content_text(message.get("content")) + text(body.get("response")), items(message.get("tool_calls"))
    return Reply(
        parsed=bool(message) or isinstance(body.get("response"), str) or error is not None,
        body=body,
        model=text_or_none(body.get("model")),
        text=said,
        finish_reasons=(reason,) if reason else (),
        usage=read_usage(body),
        tool_calls=len(calls),
        empty=not (said or calls or message.get("images") or body.get("image")),
        error=error,
    )


def read_usage(body: Mapping[str, Any]) -> Usage | None:
    """Ollama's counts. Old releases leave out the prompt's when they had it in memory."""
    read, made = count(body.get("prompt_eval_count")), count(body.get("eval_count"))
    return None if read is None and made is None else Usage(input_tokens=read, output_tokens=made)
