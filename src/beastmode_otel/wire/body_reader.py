"""The body of a response, read from its raw bytes beside whoever it is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from beastmode_otel.wire.content_encoding import MAX_DECODED, ContentDecoder
from beastmode_otel.wire.facts import Chunk, ProviderError, Reply
from beastmode_otel.wire.formats.base import Format
from beastmode_otel.wire.reader import StreamReader
from beastmode_otel.wire.values import decode

MAX_WHOLE: Final = 8 * 1024 * 1024
Shape = Literal["stream", "whole", "unsaid"]
_STREAMS: Final = ("text/event-stream", "application/x-ndjson", "application/jsonl", "application/stream+json")
_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:", b"error:", b":")
_BOM: Final = b"\xef\xbb\xbf"
_MAX_HEAD: Final = 64 * 1024  # bytes that are held until they tell what they begin


class BodyReader:
    """Raw bytes in as they pass, chunks out, and the reply in the end; the bytes themselves are not touched.

    headers: of the response, names in lower case; they tell the coding. Whether it is a stream or a whole answer its
    first bytes tell: gateways stream as application/json, and to those who asked for the whole, and providers answer a
    request for a stream with the whole. Where the bytes do not, the content type does, or else stream: the request
    asked for one. max_whole: bytes of a whole answer, characters of a stream's text. max_decoded: bytes of what was
    compressed.

    - `feed` gives the chunks of a stream that the bytes complete, `end` those still pending; a whole answer gives none.
    - `goes_on`: reads `data` if it only goes on with a stream's text, as nearly all of it does, at a tenth of the cost
      of `feed` and without chunks. False: nothing was read, `feed` it.
    - `known`: False once the content cannot be told any more: its coding is not installed, broken or larger than the
      bound. Then nothing that comes later is read, and `finished` says nothing.
    - `finished`: a stream's terminal event was seen, or the whole answer has come and is one. After `end`, not
      finished and known means cut. `error`: the first error event of a stream, or the error in a whole answer.
    - Nothing here raises. Not thread-safe.
    """

    def __init__(
        self,
        form: Format,
        headers: Mapping[str, str],
        *,
        stream: bool,
        max_whole: float = MAX_WHOLE,
        max_decoded: int = MAX_DECODED,
    ) -> None:
        self._form, self._max_whole = form, max_whole
        self._decoder = ContentDecoder(headers.get("content-encoding", ""), max_decoded=max_decoded)
        self._reader = form.reader() if is_stream(form, headers, stream=stream) else None
        self._head: bytes | None = b"" if form.framing is not None else None  # None: it has told
        self._whole = bytearray()
        self._said = 0
        self._ended = False
        self._reply: Reply | None = None

    @property
    def streams(self) -> bool:
        return self._reader is not None

    @property
    def known(self) -> bool:
        return self._decoder.known

    @property
    def finished(self) -> bool:
        if self._reader is not None:
            return self._reader.finished
        return self._ended and self.known and self.reply().parsed

    @property
    def error(self) -> ProviderError | None:
        return self._reader.error if self._reader is not None else self.reply().error

    def feed(self, data: bytes) -> list[Chunk]:
        chunks: list[Chunk] = []
        for piece in self._decoder.feed(data):
            if self._head is not None:
                piece = self._tell(piece)
            if self._reader is not None:
                chunks += self._read(self._reader, piece)
            else:
                self._hold(piece)
        return chunks

    def goes_on(self, data: bytes) -> bool:
        if self._reader is None or self._head is not None or not self._decoder.plain:
            return False
        added = self._reader.goes_on(data)
        if added is None:
            return False
        self._count(self._reader, added)
        return True

    def end(self) -> list[Chunk]:
        """The bytes are over."""
        self._ended = True
        head, self._head = self._head, None
        if self._reader is None:
            self._hold(head or b"")
            return []
        chunks = self._read(self._reader, head) if head else []
        return [*chunks, *self._reader.end()] if self.known else []

    def reply(self) -> Reply:
        """What was said so far; of a whole answer nothing before `end`."""
        if self._reader is not None:
            return self._reader.reply()
        if not self._ended or not self.known:
            return Reply(parsed=False)
        if self._reply is None:
            self._reply = self._form.read_response(bytes(self._whole))
        return self._reply

    def _tell(self, piece: bytes) -> bytes:
        """The bytes so far, if they tell what they are or are too many to wait; else nothing, and they are held."""
        head = self._head = (self._head or b"") + piece
        shape = shape_of(head, self._form)
        if shape is None and len(head) < _MAX_HEAD:
            return b""
        self._head = None
        if shape == "stream" and self._reader is None:
            self._reader = self._form.reader()
        elif shape == "whole":
            self._reader = None
        return head

    def _read(self, reader: StreamReader, piece: bytes) -> list[Chunk]:
        chunks = reader.feed(piece)
        self._count(reader, sum(len(chunk.text) for chunk in chunks))
        return chunks

    def _count(self, reader: StreamReader, added: int) -> None:
        """A stream says no more than a whole answer may, and then we keep nothing of it."""
        self._said += added
        if self._said > self._max_whole and not reader.finished:
            self._reader = self._form.reader()
            self._decoder.known = False

    def _hold(self, piece: bytes) -> None:
        if len(self._whole) + len(piece) > self._max_whole:
            self._whole = bytearray()
            self._decoder.known = False
        if self.known:
            self._whole += piece


def is_stream(form: Format, headers: Mapping[str, str], *, stream: bool) -> bool:
    """Whether a response is a stream: its content type says, or, where that is silent, the request did."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if form.framing is None:
        return False
    if kind in _STREAMS:
        return True
    return stream and "json" not in kind and not kind.startswith("text/html")


def shape_of(head: bytes, form: Format) -> Shape | None:
    """What a body that begins with `head` is; None: more bytes may tell.

    JSON lines and a whole answer begin alike: a line that ends, and is not the last of its answer, is one of several.
    """
    start = head.removeprefix(_BOM).lstrip()
    if not start or _BOM.startswith(start):
        return None
    if start[:1] not in (b"{", b"["):
        if start.startswith(_FIELDS):
            return "stream" if form.framing == "sse" else "unsaid"
        return None if any(field.startswith(start) for field in _FIELDS) else "unsaid"
    if form.api == "unknown":
        return "unsaid"  # its reader sees for itself
    if form.framing == "sse":
        return "whole"
    line, ended, rest = start.partition(b"\n")
    if not ended:
        return None
    value = decode(line)
    several = isinstance(value, Mapping) and (value.get("done") is not True or bool(rest.strip()))
    return "stream" if several else "unsaid"
