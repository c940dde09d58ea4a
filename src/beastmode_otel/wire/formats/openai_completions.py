"""OpenAI's legacy completions (`POST /completions`), which vLLM, llama.cpp, DeepSeek and others still speak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.facts import Ask, Reply
from beastmode_otel.wire.formats.base import Body, Format
from beastmode_otel.wire.formats.openai_choices import (
    ChoicesAssembler,
    TextChoice,
    choices_in,
    completion_events,
    reply_of,
    with_usage,
)
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.user_text import Cut, cut_member
from beastmode_otel.wire.values import count, integer, mapping, number, text, text_or_none, texts


class OpenAICompletions(Format):
    """The format of OpenAI's legacy completions. Events and whole answers have one shape."""

    api = "openai.completions"
    operation = "text_completion"
    path = "/completions"
    calls = (
        CallPath("/v*/completions", generic=True),
        CallPath("/beta/completions", generic=True),  # DeepSeek
        CallPath("/openai/completions", generic=True),  # gateways that put the vendor's name there
        CallPath("/deployments/{model}/completions", generic=True),  # Azure
    )
    done = True

    def body(self, body: Body, *, model: str | None, stream: bool) -> dict[str, Any]:
        asked = super().body(body, model=model, stream=stream)
        return with_usage(asked) if stream else asked

    def read_request(self, body: Body) -> Ask:
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
            stop_sequences=texts(body.get("stop")),
            frequency_penalty=number(body.get("frequency_penalty")),
            presence_penalty=number(body.get("presence_penalty")),
            choice_count=count(body.get("n")),
        )

    def has_shape(self, body: Body) -> bool:
        return isinstance(body.get("prompt"), str | list)

    def last_user_text(self, body: Body) -> Cut:
        return cut_member(body, "prompt")

    def read_body(self, body: Any) -> Reply:
        if not isinstance(body, Mapping):
            return Reply(parsed=False, body=body)
        choices = choices_in(body)
        said = [text(choice.get("text")) for choice in choices]
        return reply_of(body, choices, said=said[0] if said else "", empty=not any(said))

    def assembler(self) -> ChoicesAssembler:
        return ChoicesAssembler("text_completion", TextChoice)

    def events(self, body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
        return completion_events(body, include_usage=include_usage)
