"""The body of a response, read from its raw bytes beside whoever it is meant for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from beastmode_otel.wire.decoding import MAX_DECODED, ContentDecoder
from beastmode_otel.wire.errors import ProviderError
from beastmode_otel.wire.facts import Chunk, Reply
from beastmode_otel.wire.formats import Format

MAX_WHOLE: Final = 8 * 1024 * 1024
_STREAMS: Final = ("text/event-stream", "application/x-ndjson", "application/jsonl", "application/stream+json")


class BodyReader:
    """Raw bytes in as they pass, chunks out, and the reply in the end; the bytes themselves are not touched.

    headers: of the response, names in lower case; they tell the coding, and a stream from a whole answer (a provider
    may answer a request for a stream with the whole). stream: the request asked for one, which counts where the
    content type does not tell. max_whole, max_decoded: bytes of a whole answer, of a stream after decoding.

    - `feed` gives the chunks of a stream that the bytes complete, `end` those still pending; a whole answer gives none.
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
        max_whole: int = MAX_WHOLE,
        max_decoded: int = MAX_DECODED,
    ) -> None:
        self._form, self._max_whole = form, max_whole
        self._decoder = ContentDecoder(headers.get("content-encoding", ""), max_decoded=max_decoded)
        self._reader = form.reader() if is_stream(form, headers, stream=stream) else None
        self._whole = bytearray()
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
            if self._reader is not None:
                chunks += self._reader.feed(piece)
            else:
                self._hold(piece)
        return chunks

    def end(self) -> list[Chunk]:
        """The bytes are over."""
        self._ended = True
        return self._reader.end() if self._reader is not None and self.known else []

    def reply(self) -> Reply:
        """What was said so far; of a whole answer nothing before `end`."""
        if self._reader is not None:
            return self._reader.reply()
        if not self._ended or not self.known:
            return Reply(parsed=False)
        if self._reply is None:
            self._reply = self._form.read_response(bytes(self._whole))
        return self._reply

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
