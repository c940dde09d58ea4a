"""OpenAI's chat completions (`POST /chat/completions`), as OpenAI and everybody who copies it speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.one_event import as_one_event
from beastmode_otel.wire.formats.openai_choices import ChatChoice, ChoicesAssembler, chat_events, error_inside
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.reader import EventReader
from beastmode_otel.wire.usage import Usage, openai_usage
from beastmode_otel.wire.values import (
    content_text,
    count,
    decode,
    index,
    integer,
    items,
    mapping,
    number,
    text,
    text_or_none,
)


class OpenAIChat:
    """The format of OpenAI's chat completions."""

    api = "openai.chat"
    operation = "chat"
    path = "/chat/completions"
    framing: Framing | None = "sse"

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        limit = count(body.get("max_completion_tokens"))
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=mapping(body.get("stream_options")).get("include_usage") is True,
            max_tokens=limit if limit is not None else count(body.get("max_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            top_k=count(body.get("top_k")),
            seed=integer(body.get("seed", body.get("random_seed"))),  # the second is Mistral's
            stop_sequences=stop_sequences(body.get("stop")),
            frequency_penalty=number(body.get("frequency_penalty")),
            presence_penalty=number(body.get("presence_penalty")),
            choice_count=count(body.get("n")),
            has_tools=bool(body.get("tools") or body.get("functions")),
            output_type=_output_type(body.get("response_format")),
        )

    def read_response(self, body: bytes) -> Reply:
        return read_body(decode(body))

    def reader(self) -> EventReader:
        return EventReader(_assembler(), read_body)

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        last, events = Chunk(terminal=True), chat_events(body, include_usage=include_usage)
        if events is None:
            return as_one_event(body, last, self.reader().feed)
        assembler = _assembler()
        return [*(assembler.add(event, "") for event in events), last]


class MistralFim(OpenAIChat):
    """Mistral's fill-in-the-middle (`POST /v1/fim/completions`): asked like a completion, answered like a chat."""

    api = "mistral.fim"
    operation = "text_completion"
    path = "/fim/completions"


def with_usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a request that streams and asks for usage; the caller's other stream options are kept."""
    options = {**mapping(body.get("stream_options")), "include_usage": True}
    return {**body, "stream": True, "stream_options": options}


def read_body(body: Any) -> Reply:
    """What a decoded response says."""
    if not isinstance(body, Mapping):
        return Reply(parsed=False, body=body)
    choices = sorted(map(mapping, items(body.get("choices"))), key=lambda choice: index(choice.get("index")) or 0)
    messages = [mapping(choice.get("message")) for choice in choices]
    error = error_in(body) or error_inside(body, choices)
    return Reply(
        parsed=isinstance(body.get("choices"), list) or error is not None,
        body=body,
        model=text_or_none(body.get("model")),
        id=text_or_none(body.get("id")),
        text=content_text(messages[0].get("content")) if messages else "",
        finish_reasons=tuple(filter(None, (text(choice.get("finish_reason")) for choice in choices))),
        usage=read_usage(body),
        refusal=next(filter(None, (text(message.get("refusal")) for message in messages)), None),
        tool_calls=sum(map(_tool_calls, messages)),
        empty=not any(map(_answers, messages)),
        error=error,
    )


def read_usage(body: Mapping[str, Any]) -> Usage | None:
    """Usage of a response or of one event of a stream. Groq's streams hide it in `x_groq`."""
    return openai_usage(body.get("usage") or mapping(body.get("x_groq")).get("usage"))


def stop_sequences(value: Any) -> tuple[str, ...]:
    """`stop` as a string or a list of strings."""
    return (value,) if isinstance(value, str) else tuple(stop for stop in items(value) if isinstance(stop, str))


def _assembler() -> ChoicesAssembler:
    return ChoicesAssembler("chat.completion", ChatChoice)


def _output_type(response_format: Any) -> str | None:
    kind = text(mapping(response_format).get("type"))
    return "json" if kind.startswith("json") else kind if kind == "text" else None


def _tool_calls(message: Mapping[str, Any]) -> int:
    return len(items(message.get("tool_calls"))) + (1 if mapping(message.get("function_call")) else 0)


def _answers(message: Mapping[str, Any]) -> bool:
    media = message.get("audio") or message.get("images")
    return bool(message.get("content") or message.get("refusal") or _tool_calls(message) or media)
