"""What OpenAI's chat and legacy completions share: answers in `choices`, read, put together from the events of
a stream, and taken apart to such events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from beastmode_otel.wire.draft import Draft
from beastmode_otel.wire.facts import Chunk, ProviderError, Reply, Usage, merged, openai_usage, told_first
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.repeats import Growth
from beastmode_otel.wire.values import (
    content_text,
    index,
    items,
    joined,
    mapping,
    reason_or_none,
    replaces,
    text,
    text_or_none,
)

Json = Mapping[str, Any]

# Reading.


def choices_in(body: Json) -> list[Json]:
    """In their order."""
    return sorted(map(mapping, items(body.get("choices"))), key=lambda choice: index(choice.get("index")) or 0)


def reply_of(body: Json, choices: list[Json], *, said: str, empty: bool, **more: Any) -> Reply:
    """What all answers in choices say."""
    error = error_in(body) or error_inside(body, choices)
    return Reply(
        parsed=isinstance(body.get("choices"), list) or error is not None,
        body=body,
        model=text_or_none(body.get("model")),
        id=text_or_none(body.get("id")),
        text=said,
        finish_reasons=tuple(filter(None, (reason_or_none(choice.get("finish_reason")) for choice in choices))),
        usage=read_usage(body),
        empty=empty,
        choices=max(1, len(choices)),
        error=error,
        **more,
    )


def read_usage(body: Json) -> Usage | None:
    """Usage of a response or of one event of a stream. Groq's streams hide it in `x_groq`, Moonshot's in the first
    choice, and then some of them tell it once more at the top."""
    usage = openai_usage(body.get("usage"))
    if usage is not None and usage.input_tokens:
        return usage
    inside = (openai_usage(mapping(choice).get("usage")) for choice in items(body.get("choices")))
    return told_first(usage, openai_usage(mapping(body.get("x_groq")).get("usage")), *inside)


def with_usage(body: Json) -> dict[str, Any]:
    """A copy of a request that streams and asks for usage; the caller's other stream options are kept."""
    options = {**mapping(body.get("stream_options")), "include_usage": True}
    return {**body, "stream": True, "stream_options": options}


def error_inside(body: Mapping[str, Any], choices: list[Mapping[str, Any]]) -> ProviderError | None:
    """The error inside an answer: OpenRouter's is in a choice, Groq's beside them, Mistral's a mere reason."""
    found = next((error for choice in choices if (error := error_in(choice))), None)
    if found is None and "x_groq" in body:
        found = error_in({"error": mapping(body["x_groq"]).get("error")})
    if found is None and any(choice.get("finish_reason") == "error" for choice in choices):
        return ProviderError()
    return found


# Put together.

# choices and object are rebuilt; obfuscation is padding that exists in streams only.
_NOT_KEPT: Final = frozenset({"choices", "object", "obfuscation"})


class Growing(Protocol):
    """One choice of an API. added: the text in a choice of one event. generates: whether there is any output in it."""

    fields: dict[str, Any]

    def add(self, choice: Mapping[str, Any]) -> None: ...
    def done(self, place: int) -> dict[str, Any]: ...
    def growth(self, choice: Mapping[str, Any]) -> list[Growth] | None: ...
    @staticmethod
    def added(choice: Mapping[str, Any]) -> str: ...
    @staticmethod
    def generates(choice: Mapping[str, Any]) -> bool: ...


class ChoicesAssembler:
    """An `Assembler`. Choices are told apart by `index`; what a chunk does not number belongs to the first choice."""

    def __init__(self, kind: str, choice: type[Growing]) -> None:
        self._kind, self._choice = kind, choice
        self._top: dict[str, Any] = {}
        self._choices: dict[int, Growing] = {}
        self._seen = False

    @property
    def complete(self) -> bool:
        return bool(self._choices) and all(
            reason_or_none(choice.fields.get("finish_reason")) for choice in self._choices.values()
        )

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        self._seen = True
        top = data
        if mapping(data.get("usage")) and mapping(self._top.get("usage")):
            top = {**data, "usage": merged(self._top["usage"], data["usage"])}
        # Azure opens with a chunk whose id and model are "": an empty value never replaces another.
        self._top.update((k, v) for k, v in top.items() if k not in _NOT_KEPT and (v or k not in self._top))
        choices = [mapping(choice) for choice in items(data.get("choices"))]
        for choice in choices:
            self._choices.setdefault(index(choice.get("index")) or 0, self._choice()).add(choice)
        return Chunk(
            data=data,
            event=event,
            text="".join(self._choice.added(choice) for choice in choices if not index(choice.get("index"))),
            finish_reason=next(filter(None, (reason_or_none(choice.get("finish_reason")) for choice in choices)), None),
            content=any(map(self._choice.generates, choices)),
            usage_only=data.get("choices") == [] and bool(mapping(data.get("usage"))),
            error=error_inside(data, choices),
        )

    def body(self) -> dict[str, Any] | None:
        if not self._seen:
            return None
        top = {name: value for name, value in self._top.items() if name != "usage" or value is not None}
        choices = [choice.done(place) for place, choice in sorted(self._choices.items())]
        return {**_with_usage(top), "object": self._kind, "choices": choices}

    def growth(self, data: Mapping[str, Any]) -> Growth | None:
        choices = items(data.get("choices"))
        choice = mapping(choices[0]) if len(choices) == 1 else {}
        growing = self._choices.get(index(choice.get("index")) or 0)
        found = growing.growth(choice) if growing is not None and choice else None
        return found[0] if found is not None and len(found) == 1 else None


class ChatChoice:
    """One choice of a chat completion."""

    __slots__ = ("_logprobs", "_message", "fields")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self._message = Draft()
        self._logprobs = Draft()

    def add(self, choice: Mapping[str, Any]) -> None:
        self._message.add(mapping(choice.get("delta")))
        self._logprobs.add(mapping(choice.get("logprobs")))
        for name, value in choice.items():
            if name != "delta" and replaces(name, value, self.fields, "finish_reason"):
                self.fields[name] = value

    def growth(self, choice: Mapping[str, Any]) -> list[Growth] | None:
        return None if mapping(choice.get("logprobs")) else self._message.growth(mapping(choice.get("delta")))

    def done(self, place: int) -> dict[str, Any]:
        message = {"role": "assistant", "content": None, **self._message.done()}
        if isinstance(message.get("tool_calls"), list):
            message["tool_calls"] = [_unnumbered(call) for call in message["tool_calls"]]
        logprobs = {"logprobs": self._logprobs.done()} if mapping(self.fields.get("logprobs")) else {}
        return {**self.fields, **logprobs, "index": place, "message": message}

    @staticmethod
    def added(choice: Mapping[str, Any]) -> str:
        return content_text(mapping(choice.get("delta")).get("content"))

    @staticmethod
    def generates(choice: Mapping[str, Any]) -> bool:
        return any(value for name, value in mapping(choice.get("delta")).items() if name != "role")


class TextChoice:
    """One choice of a legacy completion: its deltas have the shape of the whole."""

    __slots__ = ("_logprobs", "_text", "fields")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self._text: list[str] = []
        self._logprobs = Draft()

    def add(self, choice: Mapping[str, Any]) -> None:
        self._text.append(self.added(choice))
        self._logprobs.add(mapping(choice.get("logprobs")))
        self.fields.update({k: v for k, v in choice.items() if replaces(k, v, self.fields, "finish_reason")})

    def growth(self, choice: Mapping[str, Any]) -> list[Growth] | None:
        said = self.added(choice)
        return [Growth(said, self._text)] if said and not mapping(choice.get("logprobs")) else None

    def done(self, place: int) -> dict[str, Any]:
        logprobs = {"logprobs": self._logprobs.done()} if mapping(self.fields.get("logprobs")) else {}
        return {**self.fields, **logprobs, "index": place, "text": joined(self._text)}

    @staticmethod
    def added(choice: Mapping[str, Any]) -> str:
        return text(choice.get("text"))

    @staticmethod
    def generates(choice: Mapping[str, Any]) -> bool:
        return bool(choice.get("text"))


def _with_usage(top: dict[str, Any]) -> dict[str, Any]:
    """Groq's streams say in `x_groq` what its responses without a stream say at the top."""
    groq = mapping(top.get("x_groq"))
    if not mapping(groq.get("usage")):
        return top
    rest = {name: value for name, value in groq.items() if name != "usage"}
    return {**top, "x_groq": rest, "usage": top.get("usage") or groq["usage"]}


def _unnumbered(call: Any) -> Any:
    """A tool call without its place in the stream, which a response without a stream does not have."""
    return {name: value for name, value in call.items() if name != "index"} if isinstance(call, dict) else call


# Taken apart.

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
