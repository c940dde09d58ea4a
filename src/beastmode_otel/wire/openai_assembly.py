"""The events of one `chat.completion.chunk` stream, put together to the `chat.completion` they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.wire.draft import Draft
from beastmode_otel.wire.errors import error_in
from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.values import content_text, index, items, mapping, text_or_none

# choices and object are rebuilt; obfuscation is padding that exists in streams only.
_NOT_KEPT: Final = frozenset({"choices", "object", "obfuscation"})


class ChatAssembler:
    """An `Assembler`. Choices are told apart by `index`; what a chunk does not number belongs to the first choice."""

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._choices: dict[int, Choice] = {}
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
            self._choices.setdefault(index(choice.get("index")) or 0, Choice()).add(choice)
        return Chunk(
            data=data,
            event=event,
            text="".join(_text(choice) for choice in choices if not index(choice.get("index"))),
            finish_reason=next(filter(None, (text_or_none(choice.get("finish_reason")) for choice in choices)), None),
            content=any(map(_generates, choices)),
            usage_only=data.get("choices") == [] and bool(mapping(data.get("usage"))),
            error=next((found for choice in choices if (found := error_in(choice))), None),
        )

    def body(self) -> dict[str, Any] | None:
        if not self._seen:
            return None
        top = {name: value for name, value in self._top.items() if name != "usage" or value is not None}
        choices = [choice.done(place) for place, choice in sorted(self._choices.items())]
        return {**top, "object": "chat.completion", "choices": choices}


class Choice:
    """One choice, growing."""

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

    def done(self, place: int) -> dict[str, Any]:
        message = {"role": "assistant", "content": None, **self._message.done()}
        if isinstance(message.get("tool_calls"), list):
            message["tool_calls"] = [_unnumbered(call) for call in message["tool_calls"]]
        logprobs = {"logprobs": self._logprobs.done()} if mapping(self.fields.get("logprobs")) else {}
        return {**self.fields, **logprobs, "index": place, "message": message}


def _unnumbered(call: Any) -> Any:
    """A tool call without its place in the stream, which a response without a stream does not have."""
    return {name: value for name, value in call.items() if name != "index"} if isinstance(call, dict) else call


def _text(choice: Mapping[str, Any]) -> str:
    return content_text(mapping(choice.get("delta")).get("content"))


def _generates(choice: Mapping[str, Any]) -> bool:
    return any(value for name, value in mapping(choice.get("delta")).items() if name != "role")
