"""Best guesses about JSON of an unknown format: where text, usage, model and id usually stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.wire.usage import Usage, gemini_usage, sniff_usage
from beastmode_otel.wire.values import content_text, items, mapping, text, text_or_none

_PLAIN: Final = ("output_text", "response", "completion", "generated_text", "text")
_ENDINGS: Final = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})


def text_in(value: Any) -> str:
    """The generated text of a response or of one step of a stream.

    Known: OpenAI chat, completions and responses, Anthropic, Ollama, Gemini, and servers with one plain member.
    """
    body = mapping(value)
    if text(body.get("type")).endswith(".done"):
        return ""  # OpenAI responses: repeats what the deltas said
    choice = mapping(next(iter(items(body.get("choices"))), None))
    return _in_choice(choice) or _in_delta(body) or _in_message(body) or _in_lists(body) or _in_member(body)


def usage_in(value: Any) -> Usage | None:
    """Usage in OpenAI's, Anthropic's, Ollama's or Gemini's words, at the top or inside `response` or `message`."""
    body = mapping(value)
    if "usageMetadata" in body:
        return gemini_usage(body["usageMetadata"])
    homes = (body, mapping(body.get("response")), mapping(body.get("message")))
    found = next((usage for home in homes if (usage := sniff_usage(home.get("usage")))), None)
    if found is not None or "eval_count" not in body:
        return found
    return sniff_usage({"input_tokens": body.get("prompt_eval_count"), "output_tokens": body.get("eval_count")})


def name_in(value: Any, name: str) -> str | None:
    """A text such as `model` or `id`, at the top or inside `response` or `message`."""
    body = mapping(value)
    homes = (body, mapping(body.get("response")), mapping(body.get("message")))
    return next((found for home in homes if (found := text_or_none(home.get(name)))), None)


def finish_in(value: Any) -> str | None:
    """Why the model stopped."""
    body = mapping(value)
    choice = mapping(next(iter(items(body.get("choices"))), None))
    candidate = mapping(next(iter(items(body.get("candidates"))), None))  # Gemini's
    stopped = (body.get("stop_reason"), mapping(body.get("delta")).get("stop_reason"), body.get("done_reason"))
    places = (choice.get("finish_reason"), *stopped, candidate.get("finishReason"))
    return next((found for place in places if (found := text_or_none(place))), None)


def is_last(value: Any) -> bool:
    """Whether an event says that it is the last of its stream (Anthropic, OpenAI responses, Ollama)."""
    body = mapping(value)
    return body.get("done") is True or text(body.get("type")) in _ENDINGS


def _in_choice(choice: Mapping[str, Any]) -> str:
    delta, message = mapping(choice.get("delta")), mapping(choice.get("message"))
    return content_text(delta.get("content")) or content_text(message.get("content")) or text(choice.get("text"))


def _in_delta(body: Mapping[str, Any]) -> str:
    delta = body.get("delta")
    if isinstance(delta, str):
        return delta if text(body.get("type")).endswith("output_text.delta") else ""
    return text(mapping(delta).get("text"))


def _in_message(body: Mapping[str, Any]) -> str:
    return content_text(mapping(body.get("message")).get("content")) or content_text(body.get("content"))


def _in_lists(body: Mapping[str, Any]) -> str:
    output = "".join(content_text(mapping(item).get("content")) for item in items(body.get("output")))
    candidate = mapping(next(iter(items(body.get("candidates"))), None))
    return output or content_text(mapping(candidate.get("content")).get("parts"))


def _in_member(body: Mapping[str, Any]) -> str:
    return next((found for name in _PLAIN if (found := text(body.get(name)))), "")
