"""APIs that we do not know: everything passes through, and what can be recognised is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.one_event import as_one_event
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.provider_error import ProviderError, error_in
from beastmode_otel.wire.reader import DONE
from beastmode_otel.wire.sniff import finish_in, is_last, name_in, text_in, usage_in
from beastmode_otel.wire.sse import Event, SSEDecoder
from beastmode_otel.wire.stream_lines import LineDecoder
from beastmode_otel.wire.values import count, decode, mapping, number, text_or_none

_SSE: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
_MAX_HEAD: Final = 8192  # bytes that are looked at, blanks before the first line included
_ENOUGH: Final = 64  # bytes of the first line that tell as much as all of it
_MAX_KEPT: Final = 4096  # events kept for `Reply.body`


class UnknownReader:
    """A `StreamReader` for anything. `reply().body` is the list of decoded events, None above 4,096 of them.

    Bytes that are neither events nor JSON give one content chunk, without data, for each `feed`.
    """

    def __init__(self) -> None:
        self._head: bytes | None = b""  # None: the kind is known
        self._decoder: SSEDecoder | LineDecoder | None = None
        self._finished = False
        self._error: ProviderError | None = None
        self._events: list[Any] = []
        self._lost = False  # some event is not kept: there is no whole body any more
        self._texts: list[str] = []
        self._said = Reply(parsed=False)

    @property
    def finished(self) -> bool:
        return self._finished

    @property
    def error(self) -> ProviderError | None:
        return self._error

    def feed(self, data: bytes) -> list[Chunk]:
        if self._head is not None:
            data = self._head = self._head + data
            if not _tells(data):
                return []
            self._choose(data)
        return self._read(data)

    def goes_on(self, data: bytes) -> None:
        return None  # nobody knows what events mean here

    def end(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        if (head := self._head) is not None:
            self._choose(head)
            chunks = self._read(head)
        if self._decoder is not None:
            chunks += [self._chunk(event) for event in self._decoder.end()]
        self._finished = self._error is None or self._finished
        return chunks

    def reply(self) -> Reply:
        events = [] if self._lost else self._events
        body = events[0] if len(events) == 1 else [*events] or None
        return replace(self._said, body=body, text="".join(self._texts), error=self._error)

    def _choose(self, head: bytes) -> None:
        self._head = None
        start = _start(head)
        if start.startswith(_SSE):
            self._decoder = SSEDecoder()
        elif start[:1] in (b"{", b"["):
            self._decoder = LineDecoder()

    def _read(self, data: bytes) -> list[Chunk]:
        if self._decoder is not None:
            return [self._chunk(event) for event in self._decoder.feed(data)]
        if not data:
            return []
        self._said = replace(self._said, empty=False)
        return [Chunk(content=True)]

    def _chunk(self, event: Event) -> Chunk:
        chunk = _meaning(event)
        self._error = self._error or chunk.error
        self._finished = self._finished or chunk.terminal
        self._lost = self._lost or event.dropped
        if chunk.data is not None:
            self._note(chunk.data, chunk.text)
        return chunk

    def _note(self, value: Any, said: str) -> None:
        self._lost = self._lost or len(self._events) == _MAX_KEPT
        if not self._lost:
            self._events.append(value)
        self._texts.append(said)
        last, reason = self._said, finish_in(value)
        self._said = Reply(
            parsed=True,
            model=last.model or name_in(value, "model"),
            id=last.id or name_in(value, "id"),
            finish_reasons=(reason,) if reason else last.finish_reasons,
            usage=usage_in(value) or last.usage,
            empty=False,
        )


def _meaning(event: Event) -> Chunk:
    value = decode(event.data)
    said, terminal = text_in(value), event.data.strip() == DONE or is_last(value)
    error = error_in(event.data if value is None else value, event=event.event)
    return Chunk(
        data=value,
        event=event.event,
        text=said,
        finish_reason=finish_in(value),
        content=bool(said) or event.dropped or (value is not None and not terminal and error is None),
        terminal=terminal,
        error=error,
    )


def _start(head: bytes) -> bytes:
    return head[:_MAX_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()


def _tells(head: bytes) -> bool:
    start = _start(head)
    return len(start) >= _ENOUGH or b"\n" in start or b"\r" in start or len(head) >= _MAX_HEAD


class Unknown:
    """The format of what has no format here. `parsed` means no more than that the body is JSON."""

    api = "unknown"
    operation = "unknown"
    path = ""
    framing: Framing | None = "sse"

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=mapping(body.get("stream_options")).get("include_usage") is True,
            max_tokens=count(body.get("max_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            has_tools=bool(body.get("tools")),
        )

    def read_response(self, body: bytes) -> Reply:
        value = decode(body)
        if value is None:
            return Reply(parsed=False, empty=not body)
        reason = finish_in(value)
        return Reply(
            parsed=True,
            body=value,
            model=name_in(value, "model"),
            id=name_in(value, "id"),
            text=text_in(value),
            finish_reasons=(reason,) if reason else (),
            usage=usage_in(value),
            empty=not value,
            error=error_in(value),
        )

    def reader(self) -> UnknownReader:
        return UnknownReader()

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        return as_one_event(body, Chunk(terminal=True), self.reader().feed)
