"""The events of one stream of OpenAI's responses, put together to the response that they stand for.

The last event holds all of it; what came before counts only where that is missing, so when the stream was cut, or where
a gateway sends a last event without output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from beastmode_otel.wire.errors import ProviderError, error_in
from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.values import index, items, mapping, text

LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ENDED: Final = frozenset({"completed", "incomplete"})
_PLACES: Final = {"content": "content_index", "summary": "summary_index"}


class Grows(NamedTuple):
    """What an event adds to: a member of a part in a list of the item or, without a list, of the item itself.

    item, part: their kinds, when the event that began them was lost.
    """

    member: str
    item: str
    into: str = ""
    part: str = ""


_TEXT: Final = "response.output_text"
_GROWS: Final = {
    _TEXT: Grows("text", "message", "content", "output_text"),
    "response.refusal": Grows("refusal", "message", "content", "refusal"),
    "response.reasoning_text": Grows("text", "reasoning", "content", "reasoning_text"),
    "response.reasoning_summary_text": Grows("text", "reasoning", "summary", "summary_text"),
    "response.function_call_arguments": Grows("arguments", "function_call"),
    "response.mcp_call_arguments": Grows("arguments", "mcp_call"),
    "response.custom_tool_call_input": Grows("input", "custom_tool_call"),
    "response.code_interpreter_call_code": Grows("code", "code_interpreter_call"),
}
_PARTS: Final = {"response.content_part": "content", "response.reasoning_summary_part": "summary"}


# Calls that the caller has to carry out; every other kind of call (a web search, …) ran at the provider.
_CALLS: Final = frozenset(
    {"function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call"}
)
_REASONS: Final = {"max_output_tokens": "length", "": "incomplete"}


def calls_in(response: Mapping[str, Any]) -> int:
    """How many calls the model wants of the caller."""
    return sum(text(mapping(item).get("type")) in _CALLS for item in items(response.get("output")))


def finish_reasons(response: Mapping[str, Any]) -> tuple[str, ...]:
    """Why it ended, in the words of OpenAI's chat; empty when it has not, or has failed."""
    status = response.get("status")
    if status == "completed":
        return ("tool_calls" if calls_in(response) else "stop",)
    if status == "incomplete":
        reason = text(mapping(response.get("incomplete_details")).get("reason"))
        return (_REASONS.get(reason, reason),)
    return ("cancelled",) if status == "cancelled" else ()


class ResponseAssembler:
    """An `Assembler`. Output items are told apart by `output_index`, their parts by `content_index` or the like."""

    def __init__(self) -> None:
        self._response: dict[str, Any] = {}
        self._items: dict[int, Piece] = {}
        self._seen = False

    @property
    def complete(self) -> bool:
        return self._response.get("status") in _ENDED

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        self._seen = True
        kind = text(data.get("type")) or event
        whose, _, step = kind.rpartition(".")
        if isinstance(data.get("response"), Mapping):
            return self._snapshot(kind, data, event)
        if (grows := _GROWS.get(whose)) is not None:
            return self._grow(grows, whose, step, data, event)
        if whose == "response.output_item":
            self._items[_at(data, "output_index")] = Piece(mapping(data.get("item")))
        elif whose in _PARTS:
            self._item(data, "").put(_PARTS[whose], _at(data, _PLACES[_PARTS[whose]]), mapping(data.get("part")))
        elif kind == "response.output_text.annotation.added":
            self._item(data, "message").part("content", _at(data, "content_index")).note(data.get("annotation"))
        return Chunk(data=data, event=event, content=step in ("delta", "partial_image"))

    def growth(self, data: Mapping[str, Any]) -> None:
        return None  # its events are numbered, and so never alike

    def body(self) -> dict[str, Any] | None:
        if not self._seen:
            return None
        if items(self._response.get("output")) or not self._items:
            return {**self._response}
        return {**self._response, "output": [item.done() for _, item in sorted(self._items.items())]}

    def _snapshot(self, kind: str, data: Mapping[str, Any], event: str) -> Chunk:
        response, last = data["response"], kind in LAST
        self._response.update((k, v) for k, v in response.items() if k != "output" or last or not self._items)
        error = error_in(response)
        if error is None and kind == "response.failed":
            error = ProviderError()
        reason = next(iter(finish_reasons(response)), None) if last else None
        return Chunk(data=data, event=event, finish_reason=reason, terminal=last, error=error)

    def _grow(self, grows: Grows, whose: str, step: str, data: Mapping[str, Any], event: str) -> Chunk:
        piece = self._item(data, grows.item)
        if grows.into:
            piece = piece.part(grows.into, _at(data, _PLACES[grows.into]), grows.part)
        if step == "done":  # repeats what the deltas said, or says it where there were none
            said = "" if piece.says(grows.member) else text(data.get(grows.member))
        else:
            said = text(data.get("delta"))
        piece.add(grows.member, said)
        return Chunk(data=data, event=event, text=said if whose == _TEXT else "", content=bool(said))

    def _item(self, data: Mapping[str, Any], kind: str) -> Piece:
        place = _at(data, "output_index")
        if place not in self._items:
            self._items[place] = Piece({"type": kind} if kind else {})
        return self._items[place]


class Piece:
    """An output item or one of its parts, growing."""

    __slots__ = ("_fields", "_lists", "_notes", "_texts")

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self._texts: dict[str, list[str]] = {}
        self._lists: dict[str, dict[int, Piece]] = {}
        self._notes: list[Any] = []

    def says(self, member: str) -> bool:
        return bool(self._texts.get(member) or self._fields.get(member))

    def add(self, member: str, said: str) -> None:
        if said:
            self._texts.setdefault(member, []).append(said)

    def note(self, annotation: Any) -> None:
        self._notes.append(annotation)

    def put(self, into: str, place: int, fields: Mapping[str, Any]) -> None:
        """The part begins, or is given whole."""
        self._lists.setdefault(into, {})[place] = Piece(fields)

    def part(self, into: str, place: int, kind: str = "") -> Piece:
        parts = self._lists.setdefault(into, {})
        if place not in parts:
            given = items(self._fields.get(into))
            begun = mapping(given[place]) if place < len(given) else {"type": kind} if kind else {}
            parts[place] = Piece(begun)
        return parts[place]

    def done(self) -> dict[str, Any]:
        texts = {name: text(self._fields.get(name)) + "".join(parts) for name, parts in self._texts.items()}
        lists = {name: self._list(name, parts) for name, parts in self._lists.items()}
        notes = {"annotations": [*items(self._fields.get("annotations")), *self._notes]} if self._notes else {}
        return {**self._fields, **texts, **lists, **notes}

    def _list(self, name: str, parts: Mapping[int, Piece]) -> list[Any]:
        given = dict(enumerate(items(self._fields.get(name))))
        given.update((place, part.done()) for place, part in parts.items())
        return [part for _, part in sorted(given.items())]


def _at(data: Mapping[str, Any], name: str) -> int:
    return index(data.get(name)) or 0
