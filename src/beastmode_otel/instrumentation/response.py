"""What comes back for an app's own call, and what is wrong with it. It ends nothing and tells nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.attempts import failures
from beastmode_otel.errors import BeastModeError
from beastmode_otel.wire import BodyReader, Chunk, ContentDecoder, LLMCall

_MAX_FAILURE: Final = 64 * 1024  # bytes of an error response that are read
_CODED: Final = "content-encoding"


class Incoming:
    """status: None before the head. headers: by names in lower case. body: its reader for a 2xx, None for any other."""

    def __init__(self, seen: LLMCall, place: failures.Place) -> None:
        self._seen, self._place = seen, place
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.body: BodyReader | None = None
        self._failure: tuple[ContentDecoder, bytearray] | None = None
        self._heard = self._answers = self._decodes = False

    def head(self, response: Any) -> None:
        self.status = status = response.status_code
        self.headers = headers = dict(response.headers.items())  # in lower case, both libraries have them
        if 200 <= status < 300:
            self.body = BodyReader(self._seen.format, headers, stream=self._seen.stream)
            self._decodes = self.body.known
        else:
            self._failure = (ContentDecoder(headers.get(_CODED, "")), bytearray())

    def decoded(self) -> None:
        """What is fed from here on is the body as the client has decoded it."""
        if self._failure is not None:
            self._failure = (ContentDecoder(), bytearray())
        elif _CODED in self.headers:
            plain = {name: value for name, value in self.headers.items() if name != _CODED}
            self.body = BodyReader(self._seen.format, plain, stream=self._seen.stream)

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that these bytes of the body complete."""
        if self.body is None:
            self._collect(data)
            return []
        return self._came(self.body.feed(data))

    def end(self) -> list[Chunk]:
        """Those that are left at the end of the body."""
        return [] if self.body is None else self._came(self.body.end())

    def _came(self, chunks: list[Chunk]) -> list[Chunk]:
        self._heard = self._heard or bool(chunks)
        for chunk in chunks:
            self._answers = self._answers or bool(chunk.content and chunk.text)
        return chunks

    def _collect(self, data: bytes) -> None:
        if self._failure is not None:
            decoder, held = self._failure
            for piece in decoder.feed(data):
                held += piece[: _MAX_FAILURE - len(held)]

    @property
    def garbled(self) -> bool:
        """Whether the client, too, must have failed to decode what came."""
        body = self.body
        return body is not None and self._decodes and not body.known and self.headers.get(_CODED, "") != ""

    def refusal(self) -> BeastModeError:
        """For a response that is no 2xx."""
        held = self._failure[1] if self._failure else b""
        return failures.from_status(self._place, self.status or 0, self.headers, bytes(held)).error

    def wrong(self) -> BeastModeError | None:
        """What is wrong with the 2xx that has ended; None for what cannot be known."""
        body, status = self.body, self.status or 200
        if body is None or not body.known:
            return None
        if body.error is not None:
            return failures.from_event(self._place, body.error, status).error
        if not body.streams:
            cut = failures.check_reply(self._place, status, self.headers, body.reply())
        elif not body.finished:
            cut = failures.from_early_end(self._place, status, self.headers, self._heard)
        else:
            nothing = not self._answers and body.reply().is_nothing
            cut = failures.from_nothing(self._place, status) if nothing else None
        return None if cut is None else cut.error
