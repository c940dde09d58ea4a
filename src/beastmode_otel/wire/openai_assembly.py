"""The events of one stream of OpenAI's chat or completions, put together to the answer that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from beastmode_otel.wire.draft import Draft
from beastmode_otel.wire.errors import ProviderError, error_in
from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.repeats import Growth
from beastmode_otel.wire.values import content_text, index, items, mapping, text, text_or_none

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
        return bool(self._choices) and all(choice.fields.get("finish_reason") for choice in self._choices.values())

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        self._seen = True
        # Azure opens with a chunk whose id and model are "": an empty value never replaces another.
        self._top.update((k, v) for k, v in data.items() if k not in _NOT_KEPT and (v or k not in self._top))
        choices = [mapping(choice) for choice in items(data.get("choices"))]
        for choice in choices:
            self._choices.setdefault(index(choice.get("index")) or 0, self._choice()).add(choice)
        return Chunk(
            data=data,
            event=event,
            text="".join(self._choice.added(choice) for choice in choices if not index(choice.get("index"))),
            finish_reason=next(filter(None, (text_or_none(choice.get("finish_reason")) for choice in choices)), None),
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
            if name != "delta" and (value is not None or name not in self.fields):
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
        self.fields.update((k, v) for k, v in choice.items() if v is not None or k not in self.fields)

    def growth(self, choice: Mapping[str, Any]) -> list[Growth] | None:
        said = self.added(choice)
        return [Growth(said, self._text)] if said and not mapping(choice.get("logprobs")) else None

    def done(self, place: int) -> dict[str, Any]:
        logprobs = {"logprobs": self._logprobs.done()} if mapping(self.fields.get("logprobs")) else {}
        return {**self.fields, **logprobs, "index": place, "text": "".join(self._text)}

    @staticmethod
    def added(choice: Mapping[str, Any]) -> str:
        return text(choice.get("text"))

    @staticmethod
    def generates(choice: Mapping[str, Any]) -> bool:
        return bool(choice.get("text"))


def error_inside(body: Mapping[str, Any], choices: list[Mapping[str, Any]]) -> ProviderError | None:
    """The error inside an answer: OpenRouter's is in a choice, Groq's beside them, Mistral's a mere reason."""
    found = next((error for choice in choices if (error := error_in(choice))), None)
    if found is None and "x_groq" in body:
        found = error_in({"error": mapping(body["x_groq"]).get("error")})
    if found is None and any(choice.get("finish_reason") == "error" for choice in choices):
        return ProviderError()
    return found


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
