"""OpenAI's chat completions (`POST /chat/completions`), as OpenAI and everybody who copies it speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.base import Body, Format
from beastmode_otel.wire.formats.openai_choices import (
    ChatChoice,
    ChoicesAssembler,
    chat_events,
    choices_in,
    reply_of,
    usage_inside,
    with_usage,
)
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.user_text import Cut, cut_member
from beastmode_otel.wire.values import (
    content_text,
    count,
    integer,
    is_object,
    items,
    mapping,
    number,
    text,
    text_or_none,
    texts,
)


class OpenAIChat(Format):
    """The format of OpenAI's chat completions."""

    api = "openai.chat"
    path = "/chat/completions"
    calls: tuple[CallPath, ...] = (
        CallPath("/chat/completions"),
        CallPath("/deployments/{model}/chat/completions"),  # Azure
        CallPath("/engines/{model}/chat/completions"),
        CallPath("/v1/agents/completions"),  # Mistral
    )
    done = True

    def body(self, body: Body, *, model: str | None, stream: bool) -> dict[str, Any]:
        asked = super().body(body, model=model, stream=stream)
        return with_usage(asked) if stream else asked

    def read_request(self, body: Body) -> Ask:
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
            stop_sequences=texts(body.get("stop")),
            frequency_penalty=number(body.get("frequency_penalty")),
            presence_penalty=number(body.get("presence_penalty")),
            choice_count=count(body.get("n")),
            has_tools=bool(body.get("tools") or body.get("functions")),
            output_type=_output_type(body.get("response_format")),
        )

    def read_body(self, body: Any) -> Reply:
        if not isinstance(body, Mapping):
            return Reply(parsed=False, body=body)
        if body.keys() == {"request_id"}:
            return Reply(parsed=True, body=body, pending=True)  # xAI's deferred completions: it is fetched later
        choices = choices_in(body)
        messages = [mapping(choice.get("message")) for choice in choices]
        return reply_of(
            body,
            choices,
            said=content_text(messages[0].get("content")) if messages else "",
            empty=not any(map(_answers, messages)),
            refusal=next(filter(None, (text(message.get("refusal")) for message in messages)), None),
            tool_calls=sum(map(_tool_calls, messages)),
            broken_calls=sum(map(_broken_calls, messages)),
        )

    def gets_usage_unasked(self, *, provider: str, client: str) -> bool:
        """Mistral's streams end with usage; its SDK expects it of other hosts too."""
        return provider == "mistral_ai" or client.startswith("mistral-client-")

    def replay(self, body: Any, *, include_usage: bool, unasked: bool = False) -> list[Chunk]:
        chunks = super().replay(body, include_usage=include_usage or unasked)
        return usage_inside(chunks) if unasked and not include_usage else chunks

    def assembler(self) -> ChoicesAssembler:
        return ChoicesAssembler("chat.completion", ChatChoice)

    def events(self, body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
        return chat_events(body, include_usage=include_usage)


class MistralFim(OpenAIChat):
    """Mistral's fill-in-the-middle (`POST /v1/fim/completions`): asked like a completion, answered like a chat."""

    api = "mistral.fim"
    operation = "text_completion"
    path = "/fim/completions"
    calls = (CallPath("/v1/fim/completions"),)

    def last_user_text(self, body: Body) -> Cut:
        return cut_member(body, "prompt")._replace(alone=False)  # a piece of code, which says no question


def _output_type(response_format: Any) -> str | None:
    kind = text(mapping(response_format).get("type"))
    return "json" if kind.startswith("json") else kind if kind == "text" else None


def _tool_calls(message: Body) -> int:
    return len(items(message.get("tool_calls"))) + (1 if mapping(message.get("function_call")) else 0)


def _broken_calls(message: Body) -> int:
    """A custom tool takes any text."""
    calls = [mapping(call) for call in items(message.get("tool_calls"))]
    functions = [call.get("function") for call in calls if "function" in call or "custom" not in call]
    if mapping(message.get("function_call")):
        functions.append(message["function_call"])
    return sum(not is_object(mapping(function).get("arguments")) for function in functions)


def _answers(message: Body) -> bool:
    media = message.get("audio") or message.get("images")
    return bool(message.get("content") or message.get("refusal") or _tool_calls(message) or media)
