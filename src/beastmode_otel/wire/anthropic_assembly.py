"""The events of one Anthropic stream, put together to the message they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.wire.facts import Chunk
from beastmode_otel.wire.repeats import Growth
from beastmode_otel.wire.values import decode, index, items, mapping, text, text_or_none

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
        return bool(self._message.get("stop_reason"))

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        self._seen = True
        # The name is in the data too; some gateways drop the `event:` line.
        kind = text(data.get("type")) or event
        chunk = Chunk(data=data, event=event, terminal=kind == "message_stop")
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
        block = self._blocks.get(_place(data))
        if block is None or data.get("type") != "content_block_delta":
            return None
        return block.growth(mapping(data.get("delta")))

    def _start(self, data: Mapping[str, Any], event: str) -> Chunk:
        start = mapping(data.get("content_block"))
        self._blocks[_place(data)] = Block(start)
        kind, said = text(start.get("type")), text(start.get("text"))
        # Text and thinking begin empty; any other block is output in itself.
        content = bool(said or text(start.get("thinking"))) or kind not in ("", "text", "thinking")
        return Chunk(data=data, event=event, text=said if kind == "text" else "", content=content)

    def _grow(self, data: Mapping[str, Any], event: str) -> Chunk:
        delta = mapping(data.get("delta"))
        said = self._blocks.setdefault(_place(data), Block({"type": "text"})).add(delta)
        visible = said if delta.get("type") == "text_delta" else ""
        return Chunk(data=data, event=event, text=visible, content=bool(said))

    def _close(self, data: Mapping[str, Any], event: str) -> Chunk:
        delta = mapping(data.get("delta"))
        self._message.update(delta)
        usage = {**mapping(self._message.get("usage")), **_given(mapping(data.get("usage")))}
        self._message.update({"usage": usage} if usage else {})
        return Chunk(data=data, event=event, finish_reason=text_or_none(delta.get("stop_reason")))


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
        grown = {name: "".join(parts) for name, parts in self._parts.items()}
        arguments = grown.pop("partial_json", "")
        block = {**self._start, **{name: text(self._start.get(name)) + value for name, value in grown.items()}}
        if arguments:
            # A cut stream leaves half an object: it stays text, so that nobody takes it for the whole.
            parsed = decode(arguments)
            block["input"] = arguments if parsed is None else parsed
        if self._citations:
            block["citations"] = [*items(self._start.get("citations")), *self._citations]
        return block


def _place(data: Mapping[str, Any]) -> int:
    return index(data.get("index")) or 0


def _given(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in usage.items() if value is not None}
