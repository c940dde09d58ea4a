"""One response of OpenAI's, taken apart to the events of an equal stream.

Messages, reasoning and calls of the caller's functions grow as they do at OpenAI. Output of any other kind (a web
search that ran there, …) comes whole, for its progress is not in the response. A response that failed, was cancelled
or is still at work has no equal stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from beastmode_otel.wire.errors import error_in
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.values import items, mapping, text

_LAST: Final = {"completed": "response.completed", "incomplete": "response.incomplete"}
_NOT_YET: Final = ("usage", "incomplete_details", "completed_at")  # null until the end
_CALLS: Final = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}
# Which events a kind of part makes, and which of its members grows.
_PARTS: Final = {
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
    member, call = _CALLS.get(kind, ("", ""))
    grows = isinstance(item.get(member), str)
    start = {**item, **{name: [] for name in lists}, **({member: ""} if grows else {})}
    if lists or grows:
        start |= {"status": "in_progress"} if "status" in item else {}
    yield {"type": "response.output_item.added", **at, "item": start}
    for name, kinds in lists.items():
        for number, part in enumerate(item[name]):
            of = text(mapping(part).get("type"))
            yield from _part(name, {**inside, _HOMES[name][0]: number}, part, of if of in kinds else "")
    if grows:
        yield from _text(call, inside, member, item[member])
    yield {"type": "response.output_item.done", **at, "item": item}


def _part(name: str, at: dict[str, Any], part: Any, kind: str) -> Events:
    """kind: "" for a part that comes whole."""
    home = _HOMES[name][1]
    stem, member = _PARTS.get(kind, ("", ""))
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
    for number, note in enumerate(items(mapping(part).get("annotations"))):
        yield {"type": f"{stem}.annotation.added", **at, "annotation_index": number, "annotation": note}
    yield {"type": f"{stem}.done", **at, member: said, **(none and {"logprobs": items(mapping(part).get("logprobs"))})}
