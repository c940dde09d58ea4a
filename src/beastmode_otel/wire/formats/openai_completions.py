"""OpenAI's legacy completions (`POST /completions`), which vLLM, llama.cpp, DeepSeek and others still speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.one_event import as_one_event
from beastmode_otel.wire.formats.openai_chat import read_usage, stop_sequences
from beastmode_otel.wire.formats.openai_choices import ChoicesAssembler, TextChoice, completion_events, error_inside
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.reader import EventReader
from beastmode_otel.wire.values import count, decode, index, integer, items, mapping, number, text, text_or_none

KIND = "text_completion"


class OpenAICompletions:
    """The format of OpenAI's legacy completions. Events and whole answers have one shape."""

    api = "openai.completions"
    operation = KIND
    path = "/completions"
    framing: Framing | None = "sse"

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=mapping(body.get("stream_options")).get("include_usage") is True,
            max_tokens=count(body.get("max_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            top_k=count(body.get("top_k")),
            seed=integer(body.get("seed")),
            stop_sequences=stop_sequences(body.get("stop")),
            frequency_penalty=number(body.get("frequency_penalty")),
            presence_penalty=number(body.get("presence_penalty")),
            choice_count=count(body.get("n")),
        )

    def read_response(self, body: bytes) -> Reply:
        return read_body(decode(body))

    def reader(self) -> EventReader:
        return EventReader(ChoicesAssembler(KIND, TextChoice), read_body)

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        last, events = Chunk(terminal=True), completion_events(body, include_usage=include_usage)
        if events is None:
            return as_one_event(body, last, self.reader().feed)
        assembler = ChoicesAssembler(KIND, TextChoice)
        return [*(assembler.add(event, "") for event in events), last]


def read_body(body: Any) -> Reply:
    """What a decoded response says."""
    if not isinstance(body, Mapping):
        return Reply(parsed=False, body=body)
    choices = sorted(map(mapping, items(body.get("choices"))), key=lambda choice: index(choice.get("index")) or 0)
    error = error_in(body) or error_inside(body, choices)
    return Reply(
        parsed=isinstance(body.get("choices"), list) or error is not None,
        body=body,
        model=text_or_none(body.get("model")),
        id=text_or_none(body.get("id")),
        text=text(choices[0].get("text")) if choices else "",
        finish_reasons=tuple(filter(None, (text(choice.get("finish_reason")) for choice in choices))),
        usage=read_usage(body),
        empty=not any(text(choice.get("text")) for choice in choices),
        error=error,
    )
