"""OpenAI's responses (`POST /responses`), as OpenAI, Azure, Groq, Mistral, xAI, vLLM and others speak it.

It has no finish reasons. They are told in the words of the same vendor's chat: a `completed` response ends with `stop`
or, when the model wants functions called, `tool_calls`; an `incomplete` one with `length` or whatever its details say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from beastmode_otel.wire.facts import Ask, Chunk, ProviderError, Reply, openai_usage
from beastmode_otel.wire.formats.base import Body, Format
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.user_text import Cut, Turns, cut_last_text, cut_member
from beastmode_otel.wire.values import (
    count,
    index,
    is_object,
    items,
    joined,
    mapping,
    number,
    place_in,
    text,
    text_or_none,
)

_TURNS: Final = Turns(member="input", kind="input_text")


class OpenAIResponses(Format):
    """The format of OpenAI's responses. Its streams always carry usage."""

    api = "openai.responses"
    path = "/responses"
    calls = (
        CallPath("/v*/responses", generic=True),
        CallPath("/openai/responses", generic=True),  # Azure, gateways
    )
    named = True

    def read_request(self, body: Body) -> Ask:
        kind = text(mapping(mapping(body.get("text")).get("format")).get("type"))
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=True,
            max_tokens=count(body.get("max_output_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            has_tools=bool(body.get("tools")),
            output_type="json" if kind.startswith("json") else "text" if kind == "text" else None,
        )

    def has_shape(self, body: Body) -> bool:
        return isinstance(body.get("model"), str) and isinstance(body.get("input"), str | list)

    def is_stateful(self, body: Body) -> bool:
        """The provider keeps the answer unless `store` is false. A `prompt` is a template that is kept there, and
        an item of the input may be one of an earlier answer, by its id."""
        if body.get("store") is not False or isinstance(body.get("prompt"), Mapping) or super().is_stateful(body):
            return True
        given = body.get("input")
        listed = given if isinstance(given, list | tuple) else ()
        return any(isinstance(item, Mapping) and item.get("type") == "item_reference" for item in listed)

    def is_clients_tool(self, tool: Body) -> bool:
        return tool.get("type") in ("function", "custom")

    def last_user_text(self, body: Body) -> Cut:
        return cut_member(body, "input") if isinstance(body.get("input"), str) else cut_last_text(body, _TURNS)

    def read_body(self, body: Any) -> Reply:
        if not isinstance(body, Mapping):
            return Reply(parsed=False, body=body)
        outputs = [mapping(item) for item in items(body.get("output"))]
        kinds = [text(item.get("type")) for item in outputs]
        messages = [item for item, kind in zip(outputs, kinds, strict=True) if kind == "message"]
        parts = [mapping(part) for message in messages for part in items(message.get("content"))]
        said = "".join(text(part.get("text")) for part in parts if part.get("type") == "output_text")
        refusal = next((text(part.get("refusal")) for part in parts if part.get("type") == "refusal"), None)
        error = error_in(body) or (ProviderError() if body.get("status") == "failed" else None)
        return Reply(
            parsed=isinstance(body.get("output"), list) or error is not None,
            body=body,
            model=text_or_none(body.get("model")),
            id=text_or_none(body.get("id")),
            text=said,
            finish_reasons=finish_reasons(body) if outputs or body.get("status") != "completed" else (),
            usage=openai_usage(body.get("usage")),
            refusal=refusal,
            tool_calls=calls_in(body),
            broken_calls=sum(
                item.get("type") == "function_call" and not is_object(item.get("arguments")) for item in outputs
            ),
            empty=not (said or refusal is not None or any(kind and kind not in _NO_ANSWER for kind in kinds)),
            pending=text(body.get("status")) in _PENDING,
            error=error,
        )

    def assembler(self) -> ResponseAssembler:
        return ResponseAssembler()

    def events(self, body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
        return response_events(body)


_PENDING: Final = frozenset({"queued", "in_progress"})  # of a whole answer: in background mode
_NO_ANSWER: Final = frozenset({"message", "reasoning"})  # kinds of output that are none by being there
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


# Put together.

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
            place = place_in(data.get("output_index"), self._items, begins=step == "added")
            self._items[place] = Piece(mapping(data.get("item")))
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
        place = place_in(data.get("output_index"), self._items)
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
        texts = {name: joined((text(self._fields.get(name)), *parts)) for name, parts in self._texts.items()}
        lists = {name: self._list(name, parts) for name, parts in self._lists.items()}
        notes = {"annotations": [*items(self._fields.get("annotations")), *self._notes]} if self._notes else {}
        return {**self._fields, **texts, **lists, **notes}

    def _list(self, name: str, parts: Mapping[int, Piece]) -> list[Any]:
        given = dict(enumerate(items(self._fields.get(name))))
        given.update((place, part.done()) for place, part in parts.items())
        return [part for _, part in sorted(given.items())]


def _at(data: Mapping[str, Any], name: str) -> int:
    return index(data.get(name)) or 0


# Taken apart.

_LAST: Final = {"completed": "response.completed", "incomplete": "response.incomplete"}
_NOT_YET: Final = ("usage", "incomplete_details", "completed_at")  # null until the end
_CALL_EVENTS: Final = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}
# Which events a kind of part makes, and which of its members grows.
_PART_EVENTS: Final = {
    "output_text": ("response.output_text", "text"),
    "refusal": ("response.refusal", "refusal"),
    "reasoning_text": ("response.reasoning_text", "text"),
    "summary_text": ("response.reasoning_summary_text", "text"),
}
_HOMES: Final = {
    "content": ("content_index", "response.content_part"),
    "summary": ("summary_index", "response.reasoning_summary_part"),
}
# Which parts a kind of output has, and where.
_LISTS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "message": {"content": ("output_text", "refusal")},
    "reasoning": {"summary": ("summary_text",), "content": ("reasoning_text",)},
}

Events = Iterator[dict[str, Any]]


def response_events(body: Any) -> list[dict[str, Any]] | None:
    """All events, each with its name as its `type`; None when `body` is no response that came to its end."""
    response = mapping(body)
    outputs, last = response.get("output"), _LAST.get(text(response.get("status")))
    if (
        not isinstance(outputs, list)
        or last is None
        or error_in(body) is not None
        or not all(isinstance(item, Mapping) for item in outputs)
    ):
        return None
    begun = {**response, "status": "in_progress", "output": [], **{n: None for n in _NOT_YET if n in response}}
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        *(event for place, item in enumerate(outputs) for event in _item(place, item)),
        {"type": last, "response": response},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _item(place: int, item: Mapping[str, Any]) -> Events:
    kind = text(item.get("type"))
    at = {"output_index": place}
    inside = {"item_id": item.get("id"), **at} if "id" in item else at
    lists = {name: kinds for name, kinds in _LISTS.get(kind, {}).items() if isinstance(item.get(name), list)}
    member, call = _CALL_EVENTS.get(kind, ("", ""))
    grows = isinstance(item.get(member), str)
    start = {**item, **{name: [] for name in lists}, **({member: ""} if grows else {})}
    if lists or grows:
        start |= {"status": "in_progress"} if "status" in item else {}
    yield {"type": "response.output_item.added", **at, "item": start}
    for name, kinds in lists.items():
        for place, part in enumerate(item[name]):
            of = text(mapping(part).get("type"))
            yield from _part(name, {**inside, _HOMES[name][0]: place}, part, of if of in kinds else "")
    if grows:
        yield from _text(call, inside, member, item[member])
    yield {"type": "response.output_item.done", **at, "item": item}


def _part(name: str, at: dict[str, Any], part: Any, kind: str) -> Events:
    """kind: "" for a part that comes whole."""
    home = _HOMES[name][1]
    stem, member = _PART_EVENTS.get(kind, ("", ""))
    if not isinstance(mapping(part).get(member), str):
        yield {"type": f"{home}.added", **at, "part": part}
        yield {"type": f"{home}.done", **at, "part": part}
        return
    empty: dict[str, Any] = {n: [] for n in ("annotations", "logprobs") if isinstance(part.get(n), list)}
    yield {"type": f"{home}.added", **at, "part": {**part, member: "", **empty}}
    yield from _text(stem, at, member, part[member], part if kind == "output_text" else None)
    yield {"type": f"{home}.done", **at, "part": part}


def _text(stem: str, at: dict[str, Any], member: str, said: str, part: Mapping[str, Any] | None = None) -> Events:
    """Deltas and the event that repeats them, which holds the probabilities: how they fall to deltas is not known.

    part: of a message, which may have annotations and probabilities.
    """
    none: dict[str, Any] = {} if part is None else {"logprobs": []}
    for piece in pieces(said):
        yield {"type": f"{stem}.delta", **at, "delta": piece, **none}
    for place, note in enumerate(items(mapping(part).get("annotations"))):
        yield {"type": f"{stem}.annotation.added", **at, "annotation_index": place, "annotation": note}
    yield {"type": f"{stem}.done", **at, member: said, **(none and {"logprobs": items(mapping(part).get("logprobs"))})}
