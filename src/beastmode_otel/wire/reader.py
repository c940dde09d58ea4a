"""Reading a stream of events: what all formats over server-sent events have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from beastmode_otel.wire.facts import Chunk, ProviderError, Reply
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.repeats import Growth, Repeat, repeat_of
from beastmode_otel.wire.sse import DONE, Event, SSEDecoder
from beastmode_otel.wire.values import (
    decode,
    joined,
)

_SAYS_ERROR: Final = re.compile(r"\s*(?:[\w ]{0,40}\b)?error:", re.IGNORECASE)  # words where JSON should be
_MAX_PIECE: Final = 64 * 1024
_LESSONS: Final = 8  # in a row that taught nothing
_TOO_LARGE: Final = ProviderError(type="invalid_response", message="An event of the stream is larger than the bound.")
_HALF: Final = re.compile(
    rb"\\u[dD][89abAB]|\xed[\xa0-\xaf]"
)  # the first half of a character, which waits for its second
# What a broken event had begun to say, in the words of the formats: a text, or what a tool is called with.
_BEGUN: Final = re.compile(
    r"""["'](?:content|text|delta|response|thinking|reasoning\w*|refusal|arguments|partial_json|name)["']\s*:\s*["'][^"'\r\n]"""
)
_NOT_JSON: Final = ProviderError(type="invalid_response", message="An event of the stream is no JSON.")


class StreamReader(Protocol):
    """Reads one stream, as bytes arrive. Not thread-safe.

    - Nothing here raises, whatever the bytes are; and however they are split, the chunks and the reply are the same.
    - `feed` gives one chunk for each event that the bytes complete, `end` (the bytes are over) those still pending.
    - `finished`: the terminal event was seen, or, after `end`, the answer is complete without one. A stream that ended
      and is not finished was cut. `error`: the first error event; look at it before `finished`.
    - `goes_on`: for those who need no chunks. Reads `data` if all that it says is more text, as the event before did,
      and gives the number of characters; None, and nothing was read: `feed` it.
    - `reply` may be called at any time, also on a stream that was cut. Its body has the shape of the response without
      a stream, and shares values with the chunks: neither may be changed.
    - It reads event streams only: a plain JSON answer to a streaming request (see its content type) goes to
      `Format.read_response`.
    """

    @property
    def finished(self) -> bool: ...
    @property
    def error(self) -> ProviderError | None: ...
    def feed(self, data: bytes) -> list[Chunk]: ...
    def goes_on(self, data: bytes) -> int | None: ...
    def end(self) -> list[Chunk]: ...
    def reply(self) -> Reply: ...


class Assembler(Protocol):
    """Puts the events of one stream together.

    - `add` takes an event that is a JSON object and no error, and says what it means. It never changes or raises.
    - `complete`: the answer says that it has ended, even when the terminal event is still missing.
    - `body` is everything so far in the shape of the response without a stream; None before the first event.
    - `growth`: what adding this event would add, when that is text and it does nothing else; None otherwise. Asked of
      events like the one that was added last.
    """

    @property
    def complete(self) -> bool: ...
    def add(self, data: Mapping[str, Any], event: str) -> Chunk: ...
    def body(self) -> dict[str, Any] | None: ...
    def growth(self, data: Mapping[str, Any]) -> Growth | None: ...


class Decoder(Protocol):
    """Bytes in, events out."""

    def feed(self, data: bytes) -> list[Event]: ...
    def end(self) -> list[Event]: ...


class EventReader:
    """A `StreamReader` over events, server-sent ones unless `decoder` reads others. What an event means is the
    assembler's business.

    An event that begins as JSON and is none is left out when nothing can be read in it and the stream is whole without
    it: it goes on, ends as it should and holds an answer. Else it is an error of the category `invalid_response`: at
    once where a text had begun in it, which would be missing; at the end where that end or the answer is. Other text
    is let through.
    """

    def __init__(self, assembler: Assembler, read: Callable[[Any], Reply], *, decoder: Decoder | None = None) -> None:
        self._assembler = assembler
        self._read = read
        self._decoder = decoder or SSEDecoder()
        self._finished = False
        self._error: ProviderError | None = None
        self._last: tuple[bytes, Mapping[str, Any]] | None = None  # the last event, if it came alone and whole
        self._repeat: Repeat | None = None
        self._lessons = 0
        self._broken = 0
        self._half = ""  # of a character, the beginning of which was the end of a text

    @property
    def finished(self) -> bool:
        return self._finished

    @property
    def error(self) -> ProviderError | None:
        return self._error

    def feed(self, data: bytes) -> list[Chunk]:
        begins = self._is_idle()
        self._last = self._repeat = None
        chunks = [self._chunk(event) for event in self._decoder.feed(data)]
        if begins and len(chunks) == 1 and type(chunks[0].data) is dict and self._is_idle():
            self._last = (data, chunks[0].data)
        return chunks

    def goes_on(self, data: bytes) -> int | None:
        if self._repeat is None:
            self._repeat = self._learn()
        if self._repeat is None or _HALF.search(data):
            return None
        added = self._repeat.read(data) if len(data) <= _MAX_PIECE else None
        if added is not None:
            self._lessons, self._half = 0, ""
        return added

    def _is_idle(self) -> bool:
        return isinstance(self._decoder, SSEDecoder) and self._decoder.idle

    def _learn(self) -> Repeat | None:
        """From the last event, how to read the next. Not for ever, from a stream whose events all differ."""
        last, self._last = self._last, None
        if last is None or self._error is not None or self._finished or self._lessons == _LESSONS:
            return None
        self._lessons += 1
        return repeat_of(*last, self._assembler.growth, _json_of)

    def end(self) -> list[Chunk]:
        # What does not decode here is not malformed but cut, and the missing terminal event tells that.
        chunks = [self._chunk(event) for event in self._decoder.end() if _is_whole(event)]
        if self._error is None and self._assembler.complete and not (self._broken and not self._is_whole_without()):
            self._finished = True
        if self._broken and not self._finished and self._error is None and self._assembler.body() is None:
            self._error = _NOT_JSON  # nothing was left out of an answer: there is none
            chunks.append(Chunk(error=_NOT_JSON))
        return chunks

    def reply(self) -> Reply:
        body = self._assembler.body()
        said = self._read(body) if body is not None else Reply(parsed=self._error is not None)
        if said.pending:  # in progress is what a stream says of itself until its end; only a whole answer is a receipt
            said = replace(said, pending=False)
        if self._broken:
            said = replace(said, broken_events=self._broken)
        return replace(said, error=self._error) if self._error is not None else said

    def _chunk(self, event: Event) -> Chunk:
        chunk = self._meaning(event)
        if self._broken and chunk.terminal and not self._is_whole_without():
            chunk = replace(chunk, error=_NOT_JSON, terminal=False)
        if self._half or not chunk.text.isascii():
            chunk = self._whole_characters(chunk)
        self._finished = self._finished or chunk.terminal
        self._error = self._error or chunk.error
        return chunk

    def _is_whole_without(self) -> bool:
        """Whether what came beside the broken events is an answer that has come to its end."""
        body = self._assembler.body()
        return self._assembler.complete and body is not None and not self._read(body).empty

    def _whole_characters(self, chunk: Chunk) -> Chunk:
        """The chunk without the first half of a character at the end of its text: that waits for the second."""
        said = self._half + chunk.text
        if not (chunk.text or chunk.terminal):
            return chunk
        self._half = ""
        if said and "\ud800" <= said[-1] <= "\udbff" and not chunk.terminal:
            said, self._half = said[:-1], said[-1]
        said = joined((said,))
        return chunk if said == chunk.text else replace(chunk, text=said)

    def _meaning(self, event: Event) -> Chunk:
        if event.dropped:
            return Chunk(event=event.event, error=_TOO_LARGE)
        if event.data.strip() == DONE:
            return Chunk(event=event.event, terminal=True)
        value = decode(event.data)
        if value is None and event.data.lstrip()[:1] == "{":
            if _BEGUN.search(event.data):
                return Chunk(event=event.event, error=_NOT_JSON)
            self._broken += 1
            return Chunk(event=event.event)
        name = "error" if value is None and _SAYS_ERROR.match(event.data) else event.event
        if (error := error_in(event.data if value is None else value, event=name)) is not None:
            return Chunk(data=value, event=event.event, error=error)
        if not isinstance(value, Mapping):
            return Chunk(data=value, event=event.event)
        return self._assembler.add(value, event.event)


def _json_of(event: bytes) -> Any:
    events = SSEDecoder().feed(event)
    return decode(events[0].data) if len(events) == 1 else None


def _is_whole(event: Event) -> bool:
    return not event.dropped and (event.data.strip() == DONE or decode(event.data) is not None)
