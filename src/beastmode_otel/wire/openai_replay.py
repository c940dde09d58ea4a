"""One `chat.completion`, taken apart to the `chat.completion.chunk` events of an equal stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from beastmode_otel.wire.errors import error_in
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.values import index, items, mapping

# In the order in which models produce them; members that are not named here follow.
_ORDER: Final = ("reasoning_content", "reasoning", "content", "refusal", "function_call", "tool_calls")
_TEXTS: Final = frozenset({"reasoning_content", "reasoning", "content", "refusal"})


def chat_events(body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
    """The events without the last one, `[DONE]`; None when `body` is no chat completion.

    Choices follow each other. Every event carries the plain members of the top, the first one also its objects and
    lists. With `include_usage`, where usage is known, it is null in every event but the one that follows all choices.
    """
    if not _is_completion(body):
        return None
    top = {name: value for name, value in body.items() if name not in ("choices", "usage")}
    head = {name: value for name, value in top.items() if not isinstance(value, dict | list)}
    kind: dict[str, Any] = {"object": "chat.completion.chunk"}
    usage = mapping(body.get("usage")) if include_usage else {}
    unspent = {"usage": None} if usage else {}
    first, *others = [[step] for step in _steps(body["choices"])] or [[]]
    events = [{**top, **kind, "choices": first, **unspent}]
    events += [{**head, **kind, "choices": step, **unspent} for step in others]
    return [*events, {**head, **kind, "choices": [], "usage": usage}] if usage else events


def _is_completion(body: Any) -> bool:
    choices = mapping(body).get("choices")
    return (
        isinstance(choices, list)
        and all(isinstance(mapping(choice).get("message"), Mapping) for choice in choices)
        and error_in(body) is None
    )


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
        for place, call in enumerate(items(value)):
            yield from ([{"index": place, **step}] for step in _call(call))
    else:
        yield value


def _call(call: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    named = {name: value for name, value in call.items() if name != "index"}
    if "function" not in call:
        yield named
        return
    first, *others = _function(call["function"])
    yield {**named, "function": first}
    for step in others:
        yield {"function": step}


def _function(function: Any) -> Iterator[Any]:
    arguments = mapping(function).get("arguments")
    if not isinstance(arguments, str):
        yield function
        return
    yield {**function, "arguments": ""}
    for piece in pieces(arguments):
        yield {"arguments": piece}
