"""Anthropic's messages (`POST /v1/messages`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from beastmode_otel.wire.facts import Ask, Chunk, Reply, Usage, known, merged
from beastmode_otel.wire.formats.base import Body, End, Format
from beastmode_otel.wire.framing import to_json
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.repeats import Growth
from beastmode_otel.wire.values import (
    content_text,
    count,
    decode,
    items,
    joined,
    mapping,
    number,
    place_in,
    reason_or_none,
    replaces,
    text,
    text_or_none,
    texts,
)

VERSION: Final = "2023-06-01"
_COUNTS: Final = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
_LAST: Final = "message_stop"


class AnthropicMessages(Format):
    """The format of Anthropic's messages. Its streams always carry usage."""

    api = "anthropic.messages"
    path = "/messages"
    calls = (
        # /messages alone would take OpenAI's threads and every chat application for Anthropic.
        CallPath("/v1/messages", generic=True),
        CallPath("/publishers/anthropic/models/{model}:rawPredict"),  # Vertex
        CallPath("/publishers/anthropic/models/{model}:streamRawPredict", streams=True),
    )
    clients = ("anthropic/",)
    marks = ("anthropic-version", "x-stainless-lang")
    request_id_header = "request-id"
    ends: Mapping[str, End] = MappingProxyType(
        {
            **dict.fromkeys(("end_turn", "stop_sequence", "tool_use"), "whole"),
            **dict.fromkeys(("max_tokens", "model_context_window_exceeded"), "truncated"),
            "refusal": "refused",
        }
    )
    counts_ahead = True
    named = True
    final: Mapping[str, Any] = MappingProxyType({"type": _LAST})

    def headers(self, key: str | None) -> dict[str, str]:
        return {"anthropic-version": VERSION, **({} if key is None else {"x-api-key": key})}

    def read_request(self, body: Body) -> Ask:
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=True,
            max_tokens=count(body.get("max_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            top_k=count(body.get("top_k")),
            stop_sequences=texts(items(body.get("stop_sequences"))),
            has_tools=bool(body.get("tools")),
        )

    def has_shape(self, body: Body) -> bool:
        return isinstance(body.get("model"), str) and isinstance(body.get("messages"), list)

    def is_clients_tool(self, tool: Body) -> bool:
        """One with a schema and no kind of its own: what Anthropic defines works on a computer's state, or there."""
        return tool.get("type") in (None, "custom") and "input_schema" in tool

    def read_body(self, body: Any) -> Reply:
        if not isinstance(body, Mapping):
            return Reply(parsed=False, body=body)
        blocks = [mapping(block) for block in items(body.get("content"))]
        said = content_text([block for block in blocks if block.get("type") == "text"])
        calls = [block for block in blocks if block.get("type") == "tool_use"]
        reason, refusal, error = reason_or_none(body.get("stop_reason")), _refusal(body, said), error_in(body)
        return Reply(
            parsed=isinstance(body.get("content"), list) or error is not None,
            body=body,
            model=text_or_none(body.get("model")),
            id=text_or_none(body.get("id")),
            text=said,
            finish_reasons=(reason,) if reason else (),
            usage=anthropic_usage(body.get("usage")),
            refusal=refusal,
            tool_calls=len(calls),
            broken_calls=sum(not isinstance(call.get("input"), Mapping) for call in calls),
            empty=not (said or calls or refusal is not None),
            error=error,
        )

    def assembler(self) -> MessageAssembler:
        return MessageAssembler()

    def events(self, body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
        return message_events(body)


def anthropic_usage(value: Any) -> Usage | None:
    """`input_tokens` leaves out what the cache read and wrote, so it is added.

    With `iterations`, a message took several calls of models, and the top leaves out some of them (compaction): each
    count is the sum of theirs (beta_usage.py of Anthropic's SDK).
    """
    usage = mapping(value)
    fresh, cached, written, answered = _summed(usage)
    return known(
        Usage(
            input_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
            output_tokens=answered,
            cached_input_tokens=cached,
            cache_write_tokens=written,
        )
    )


def _summed(usage: Mapping[str, Any]) -> list[int | None]:
    """The counts in the order of `_COUNTS`. The sum is never less than what the top says."""
    top = [count(usage.get(name)) for name in _COUNTS]
    if top[2] is None and (written := mapping(usage.get("cache_creation"))):
        top[2] = sum(count(tokens) or 0 for tokens in written.values())
    calls = [mapping(each) for each in items(usage.get("iterations"))]
    sums = [[found for call in calls if (found := count(call.get(name))) is not None] for name in _COUNTS]
    return [max(sum(found), said or 0) if found else said for found, said in zip(sums, top, strict=True)]


def _refusal(body: Mapping[str, Any], said: str) -> str | None:
    """Anthropic refuses by `stop_reason`; the words, if any, are an explanation or the text so far."""
    if body.get("stop_reason") != "refusal":
        return None
    return text(mapping(body.get("stop_details")).get("explanation")) or said


# Put together.

_GROWS: Final = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
    "input_json_delta": "partial_json",
}


class MessageAssembler:
    """An `Assembler`. Usage is known from the first event on, so a cut stream tells what its input cost."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, Block] = {}
        self._seen = False

    @property
    def complete(self) -> bool:
        return reason_or_none(self._message.get("stop_reason")) is not None

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        self._seen = True
        # The name is in the data too; some gateways drop the `event:` line.
        kind = text(data.get("type")) or event
        chunk = Chunk(data=data, event=event, terminal=kind == _LAST)
        if kind == "message_start":
            self._message.update(mapping(data.get("message")))
        elif kind == "content_block_start":
            return self._start(data, event)
        elif kind == "content_block_delta":
            return self._grow(data, event)
        elif kind == "message_delta":
            return self._close(data, event)
        return chunk

    def body(self) -> dict[str, Any] | None:
        if not self._seen:
            return None
        blocks = [block.done() for _, block in sorted(self._blocks.items())]
        return {**self._message, "content": [*items(self._message.get("content")), *blocks]}

    def growth(self, data: Mapping[str, Any]) -> Growth | None:
        block = self._blocks.get(place_in(data.get("index"), self._blocks))
        if block is None or data.get("type") != "content_block_delta":
            return None
        return block.growth(mapping(data.get("delta")))

    def _start(self, data: Mapping[str, Any], event: str) -> Chunk:
        start = mapping(data.get("content_block"))
        self._blocks[place_in(data.get("index"), self._blocks, begins=True)] = Block(start)
        kind, said = text(start.get("type")), text(start.get("text"))
        # Text and thinking begin empty; any other block is output in itself.
        content = bool(said or text(start.get("thinking"))) or kind not in ("", "text", "thinking")
        return Chunk(data=data, event=event, text=said if kind == "text" else "", content=content)

    def _grow(self, data: Mapping[str, Any], event: str) -> Chunk:
        delta = mapping(data.get("delta"))
        place = place_in(data.get("index"), self._blocks)
        said = self._blocks.setdefault(place, Block({"type": "text"})).add(delta)
        visible = said if delta.get("type") == "text_delta" else ""
        return Chunk(data=data, event=event, text=visible, content=bool(said))

    def _close(self, data: Mapping[str, Any], event: str) -> Chunk:
        delta = mapping(data.get("delta"))
        self._message.update({k: v for k, v in delta.items() if replaces(k, v, self._message, "stop_reason")})
        usage = merged(self._message.get("usage"), data.get("usage"))
        self._message.update({"usage": usage} if usage else {})
        return Chunk(data=data, event=event, finish_reason=reason_or_none(delta.get("stop_reason")))


class Block:
    """One content block, growing."""

    __slots__ = ("_citations", "_parts", "_start")

    def __init__(self, start: Mapping[str, Any]) -> None:
        self._start = start
        self._parts: dict[str, list[str]] = {}
        self._citations: list[Any] = []

    def add(self, delta: Mapping[str, Any]) -> str:
        """What the delta adds, as text. A kind that we do not know adds nothing."""
        kind = text(delta.get("type"))
        if kind == "citations_delta":
            self._citations.append(delta.get("citation"))
        member = _GROWS.get(kind)
        said = text(delta.get(member)) if member else ""
        if member and said:
            self._parts.setdefault(member, []).append(said)
        return said

    def growth(self, delta: Mapping[str, Any]) -> Growth | None:
        member = _GROWS.get(text(delta.get("type")))
        said = text(delta.get(member)) if member else ""
        return Growth(said, self._parts[member]) if member in self._parts and said else None

    def done(self) -> dict[str, Any]:
        grown = {name: joined(parts) for name, parts in self._parts.items()}
        arguments = grown.pop("partial_json", "")
        block = {**self._start, **{name: joined((text(self._start.get(name)), value)) for name, value in grown.items()}}
        if arguments:
            # A cut stream leaves half an object: it stays text, so that nobody takes it for the whole.
            parsed = decode(arguments)
            block["input"] = arguments if parsed is None else parsed
        if self._citations:
            block["citations"] = [*items(self._start.get("citations")), *self._citations]
        return block


# Taken apart.

_AT_THE_END: Final = ("stop_reason", "stop_sequence", "stop_details", "container")


def message_events(body: Any) -> list[dict[str, Any]] | None:
    """All events, each with its name as its `type`; None when `body` is no message."""
    blocks = mapping(body).get("content")
    if (
        not isinstance(blocks, list)
        or error_in(body) is not None
        or not all(isinstance(block, Mapping) for block in blocks)
    ):
        return None
    end = {name: body[name] for name in _AT_THE_END if name in body}
    usage, spent = _usage(body.get("usage"))
    start = {**body, "content": [], **dict.fromkeys(end), **usage}
    return [
        {"type": "message_start", "message": start},
        *(event for place, block in enumerate(blocks) for event in _block(place, block)),
        {"type": "message_delta", "delta": end, "usage": spent},
        {"type": _LAST},
    ]


def _usage(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the first event says of usage, and what the last but one adds: the output is not known at the start."""
    usage = mapping(value)
    output = count(usage.get("output_tokens"))
    if output is None:
        return {}, {}
    last = {name: usage[name] for name in ("iterations",) if name in usage}
    begun = {name: value for name, value in usage.items() if name not in last}
    return {"usage": {**begun, "output_tokens": 0}}, {"output_tokens": output, **last}


def _block(place: int, block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    start, deltas = _taken_apart(block)
    yield {"type": "content_block_start", "index": place, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": place, "delta": delta}
    yield {"type": "content_block_stop", "index": place}


def _taken_apart(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How the block begins, and what it grows by. Kinds that we do not know come whole, as Anthropic's results do."""
    kind = text(block.get("type"))
    if kind == "text":
        return _text(block)
    if kind == "thinking":
        return _thinking(block)
    if kind.endswith("tool_use"):  # tool_use, server_tool_use, mcp_tool_use
        return _tool_use(block)
    return {**block}, []


def _text(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    start, citations = {**block}, items(block.get("citations"))
    if said := text(block.get("text")):
        start["text"] = ""
    if citations:
        start["citations"] = []
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces(said)]
    return start, [*deltas, *({"type": "citations_delta", "citation": citation} for citation in citations)]


def _thinking(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    grown = {name: said for name in ("thinking", "signature") if (said := text_or_none(block.get(name)))}
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(grown.get("thinking", ""))]
    if signature := grown.get("signature"):
        deltas.append({"type": "signature_delta", "signature": signature})  # whole: the SDKs replace, never append
    return {**block, **dict.fromkeys(grown, "")}, deltas


def _tool_use(block: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    arguments = _arguments(block.get("input"))
    if not arguments:
        return {**block}, []
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments)]
    return {**block, "input": {}}, deltas


def _arguments(value: Any) -> str | None:
    """The JSON of a tool's input. Text that is no JSON is the half that was left of a cut stream, and goes as it is."""
    if not value or (isinstance(value, str) and decode(value) is None):
        return text(value)
    return to_json(value, ascii_only=False)
