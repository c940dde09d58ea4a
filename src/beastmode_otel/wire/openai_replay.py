"""One answer of OpenAI's chat or legacy completions, taken apart to the events of an equal stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from beastmode_otel.wire.errors import error_in
from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.values import index, items, mapping

# In the order in which models produce them; members that are not named here follow.
_ORDER: Final = ("reasoning_content", "reasoning", "content", "refusal", "function_call", "tool_calls")
_TEXTS: Final = frozenset({"reasoning_content", "reasoning", "content", "refusal"})


def chat_events(body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
    """The events without the last one, `[DONE]`; None when `body` is no chat completion.

    Choices follow each other. Every event carries the plain members of the top, the first one also its objects and
    lists. With `include_usage`, where usage is known, it is null in every event but the one that follows all choices.
    Groq's streams carry usage in the `x_groq` of their last choice, asked or not.
    """
    if not _has_choices(body, "message", Mapping):
        return None
    events = _events(body, "chat.completion.chunk", _steps(body["choices"]), include_usage=include_usage)
    groq, usage = body.get("x_groq"), mapping(body.get("usage"))
    if isinstance(groq, Mapping) and usage:
        last = max(place for place, event in enumerate(events) if event["choices"] or place == 0)
        events[last]["x_groq"] = {**groq, "usage": usage}
    return events


def usage_inside(chunks: list[Chunk]) -> list[Chunk]:
    """Of a replay with usage: usage in the last event that holds a choice, as Mistral streams it, asked or not."""
    alone = next((chunk for chunk in chunks if chunk.usage_only), None)
    holders = [place for place, chunk in enumerate(chunks) if mapping(chunk.data).get("choices")]
    if alone is None or not holders:
        return chunks
    told: list[Chunk] = []
    for place, chunk in enumerate(chunks):
        data = {name: value for name, value in mapping(chunk.data).items() if name != "usage"}
        usage = {"usage": alone.data["usage"]} if place == holders[-1] else {}
        told.append(replace(chunk, data={**data, **usage}) if chunk.data else chunk)
    return [chunk for chunk in told if not chunk.usage_only]


def completion_events(body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
    """The same for a legacy completion. Logarithmic probabilities come at the end of their choice, all at once."""
    if not _has_choices(body, "text", str):
        return None
    return _events(body, "text_completion", _text_steps(body["choices"]), include_usage=include_usage)


def _events(
    body: Mapping[str, Any], kind: str, steps: Iterator[dict[str, Any]], *, include_usage: bool
) -> list[dict[str, Any]]:
    top = {name: value for name, value in body.items() if name not in ("choices", "usage")}
    head = {name: value for name, value in top.items() if not isinstance(value, dict | list)}
    usage = mapping(body.get("usage")) if include_usage else {}
    unspent = {"usage": None} if usage else {}
    first, *others = [[step] for step in steps] or [[]]
    events = [{**top, "object": kind, "choices": first, **unspent}]
    events += [{**head, "object": kind, "choices": step, **unspent} for step in others]
    return [*events, {**head, "object": kind, "choices": [], "usage": usage}] if usage else events


def _has_choices(body: Any, member: str, kind: type) -> bool:
    choices = mapping(body).get("choices")
    return (
        isinstance(choices, list)
        and all(isinstance(mapping(choice).get(member), kind) for choice in choices)
        and error_in(body) is None
    )


def _text_steps(choices: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for place, choice in zip(_places(choices), choices, strict=True):
        pending = {name: None for name in ("logprobs", "finish_reason") if name in choice}
        for piece in pieces(choice["text"]):
            yield {"text": piece, "index": place, **pending}
        yield {**choice, "text": "", "index": place}


def _steps(choices: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for place, choice in zip(_places(choices), choices, strict=True):
        pending = {name: None for name in ("logprobs", "finish_reason") if name in choice}
        for delta in _deltas(choice["message"]):
            yield {"index": place, "delta": delta, **pending}
        rest = {name: value for name, value in choice.items() if name not in ("index", "message", "delta")}
        yield {"index": place, "delta": {}, **rest}


def _places(choices: list[Mapping[str, Any]]) -> list[int]:
    """The choices' own numbers, where they tell them apart and one is the first; the text of a stream is its."""
    places = [place for choice in choices if (place := index(choice.get("index"))) is not None]
    told_apart = 0 in places and len({*places}) == len(choices)
    return places if told_apart else [*range(len(choices))]


def _deltas(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    empty = {name: value for name, value in message.items() if name == "role" or not value}
    yield {"role": "assistant", **empty, **({"content": ""} if isinstance(message.get("content"), str) else {})}
    full = [name for name, value in message.items() if name != "role" and value]
    for name in sorted(full, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        for value in _growth(name, message[name]):
            yield {name: value}


def _growth(name: str, value: Any) -> Iterator[Any]:
    if name in _TEXTS and isinstance(value, str):
        yield from pieces(value)
    elif name == "function_call":
        yield from _function(value)
    elif name == "tool_calls" and all(isinstance(call, Mapping) for call in items(value)):
        # Each call whole, as Mistral and Google send it: Mistral's SDK wants the function's name in every delta, and
        # for those who put deltas together one is as good as many.
        for place, call in enumerate(items(value)):
            yield [{**call, "index": place}]
    else:
        yield value


def _function(function: Any) -> Iterator[Any]:
    arguments = mapping(function).get("arguments")
    if not isinstance(arguments, str):
        yield function
        return
    yield {**function, "arguments": ""}
    for piece in pieces(arguments):
        yield {"arguments": piece}
