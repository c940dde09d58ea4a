"""One HTTP attempt of somebody else's client, watched from its request to the end of its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from beastmode_otel.engine.ending import Ending
from beastmode_otel.errors import AttemptRecord, BeastModeError, category
from beastmode_otel.instrumentation.collecting import is_collecting
from beastmode_otel.instrumentation.desk import Desk
from beastmode_otel.instrumentation.notes import note
from beastmode_otel.observer import AttemptFacts, AttemptOutcome, OutcomeKind, Saving
from beastmode_otel.router import failures
from beastmode_otel.router.http import Trail
from beastmode_otel.router.spent import cost_of, tokens_of
from beastmode_otel.wire import BodyReader, Chunk, ContentDecoder, LLMCall, Reply, Usage, read_limits

_MAX_FAILURE: Final = 64 * 1024  # bytes of an error response that are read
_TRIES: Final = "beastmode.tries"  # kept with the request: mistral's SDK says nothing of its retries
_CUT: Final = ("protocol_error", "connection_reset")


class WireCall:
    """engine.source.Delivered for a call that the app makes itself. Ends exactly once; what is told later is ignored.

    kept: called with it when the whole answer is there, before its request ends.
    """

    saving: Saving | None = None

    def __init__(self, desk: Desk, seen: LLMCall, request: Any, ending: Ending) -> None:
        self._desk, self.seen, self._ending = desk, seen, ending
        self.model = seen.model or seen.api
        url = request.url
        self.deployment: str | None = host_of(url)
        self._place = failures.Place(
            model_id=self.model, deployment=self.deployment, endpoint=endpoint_of(url), redact=desk.redact
        )
        self._began = time.monotonic()
        self.idle = desk.config.timeouts.idle
        self._status: int | None = None
        self.headers: Mapping[str, str] = {}
        self._body: BodyReader | None = None
        self._failure: tuple[ContentDecoder, bytearray] | None = None
        self._heard = self._skims = self._looks_sent = self._decodes = self.done = False
        self.trail = Trail()
        self._error: BeastModeError | None = None
        self.reply: Reply | None = None
        self.usage: Usage | None = None
        self.cost: float | None = None
        self.kept: Callable[[WireCall], None] | None = None
        self.records: tuple[AttemptRecord, ...] = ()
        self.scope = ending.scope.attempt(self._facts(request))
        ending.delivery = self

    def _facts(self, request: Any) -> AttemptFacts:
        url, seen = request.url, self.seen
        return AttemptFacts(
            deployment=self.deployment or "",
            provider=seen.provider,
            operation=seen.operation,
            model=seen.model or "",
            host=url.host,
            port=url.port or (443 if url.scheme == "https" else 80),
            number=_number(request),
            stream=seen.stream,
            ask=seen.ask,
            body=seen.body,
        )

    @property
    def begun(self) -> int:
        return 1

    @property
    def api(self) -> str:
        return self.seen.api

    @property
    def provider(self) -> str:
        return self.seen.provider

    # What happens to it.

    def head(self, response: Any) -> None:
        """The response's head has come."""
        self._status = status = response.status_code
        self.headers = headers = dict(response.headers.items())  # in lower case, both libraries have them
        self._desk.observer.limits(self.deployment or "", read_limits(headers))
        if 200 <= status < 300:
            self._body = BodyReader(self.seen.format, headers, stream=self.seen.stream)
            self._decodes = self._body.known
        else:
            self._failure = (ContentDecoder(headers.get("content-encoding", "")), bytearray())

    def whole(self, content: bytes) -> None:
        """The client has read and decoded the whole body."""
        if self._failure is not None:
            self._failure = (ContentDecoder(), bytearray())
        elif "content-encoding" in self.headers:
            plain = {name: value for name, value in self.headers.items() if name != "content-encoding"}
            self._body = BodyReader(self.seen.format, plain, stream=self.seen.stream)
        self.feed(content)
        self.ended()

    def feed(self, data: bytes) -> None:
        """Bytes of the body have passed."""
        if self.done:
            return
        body = self._body
        if body is None:
            self._collect(data)
            return
        self._desk.streams.touch(self)
        if self._skims and body.goes_on(data):
            return
        self._tell(body.feed(data))
        if body.streams and (body.finished or body.error is not None):
            self._settle(body)

    def ended(self) -> None:
        """The body is over."""
        if self.done:
            return
        if self._body is None:
            self._refused()
            return
        self._tell(self._body.end())
        self._settle(self._body)

    def _tell(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            self._heard = True
            if chunk.content:
                self._skims = not self.scope.token()

    def unread(self) -> None:
        """Somebody before us has read the body and kept nothing of it."""
        if self._body is None:
            self.ended()
        else:
            self._end("ok")

    def closed(self) -> None:
        """The app has closed the response."""
        if self.done:
            return
        if is_collecting():
            self._desk.streams.orphan(self)
        elif self._body is None:
            self._refused()
        elif self._is_broken(self._body):
            kind = category("decoding_error")
            self._end("error", self._place.error(kind, "the body cannot be decoded"))
        else:
            self._end("cancelled")

    def raised(self, exc: BaseException) -> None:
        """The call, or reading its answer, has raised; the exception goes on to the app."""
        if self.done:
            return
        if is_collecting():
            self._desk.streams.orphan(self)
            return
        if not isinstance(exc, Exception):
            self._end("cancelled")
            return
        if self._status is None and self._told_by(exc):
            self._refused(exc)
            return
        verdict, self._looks_sent = failures.from_exception(self._place, exc)
        if verdict.error.category.name in _CUT and self._status is not None and self.seen.stream:
            verdict, _ = failures.from_exception(self._place, exc, category("stream_truncated"))
        note(exc, verdict.error)
        self._end("error", verdict.error)

    def abandon(self) -> None:
        """Nobody will read it any more."""
        self._end("abandoned")

    def lost(self) -> None:
        """A fault of ours: what comes of it cannot be told. Never raises."""
        try:
            self.abandon()
        except Exception as exc:  # noqa: BLE001
            self._desk.fault("lost", exc)

    def _told_by(self, exc: Exception) -> bool:
        """Whether it is an error response that an event hook of the client made an exception of."""
        response: Any = getattr(exc, "response", None)
        status = getattr(response, "status_code", None)
        if not isinstance(status, int) or 200 <= status < 300:
            return False
        self.head(response)
        self._collect(getattr(response, "_content", b""))
        return True

    def _is_broken(self, body: BodyReader) -> bool:
        """Whether the client, too, must have failed to decode what came."""
        return self._decodes and not body.known and self.headers.get("content-encoding", "") != ""

    # How it ends.

    def _collect(self, data: bytes) -> None:
        if self._failure is not None:
            decoder, held = self._failure
            for piece in decoder.feed(data):
                held += piece[: _MAX_FAILURE - len(held)]

    def _refused(self, exc: Exception | None = None) -> None:
        held = self._failure[1] if self._failure else b""
        status = self._status or 0
        error = failures.from_status(self._place, status, self.headers, bytes(held)).error
        if exc is not None:
            note(exc, error)
        self._end("error", error)

    def _settle(self, body: BodyReader) -> None:
        error = self._wrong(body)
        if error is not None:
            self._end("error", error)
            return
        self._spend(body, whole=True)
        if self.kept is not None and body.known:
            try:
                self.kept(self)
            except Exception as exc:  # noqa: BLE001  (an answer that cannot be stored is an answer)
                self._desk.fault("store", exc)
        self._end("ok")

    def _wrong(self, body: BodyReader) -> BeastModeError | None:
        """What is wrong with a 2xx; None for what cannot be known."""
        status = self._status or 200
        if not body.known:
            return None
        if body.error is not None:
            return failures.from_event(self._place, body.error, status).error
        if body.streams:
            cut = None if body.finished else failures.from_early_end(self._place, status, self.headers, self._heard)
        else:
            cut = failures.check_reply(self._place, status, self.headers, body.reply())
        return None if cut is None else cut.error

    def _spend(self, body: BodyReader, *, whole: bool) -> None:
        if not body.known:
            return
        reply = self.reply = body.reply()
        if whole or reply.text or reply.usage:  # a call that failed before it generated anything is not billed
            self.usage = tokens_of(reply, self.seen.body or {}, whole=whole)
            self.cost = cost_of(self._desk.prices, reply, self.seen.ask, self.provider, self.usage)

    def _end(self, kind: OutcomeKind, error: BeastModeError | None = None) -> None:
        if self.done:
            return
        self.done, self._error = True, error
        self._desk.streams.remove(self)
        try:
            if self.reply is None and self._body is not None:
                self._spend(self._body, whole=False)
        finally:
            self._ending.finish(kind, error)
            del self._ending, self.kept  # which know it: what has ended is free at once, and needs no collector

    def finish(self, kind: OutcomeKind) -> None:
        """Its request ends: the attempt does, too."""
        self.done, error = True, self._error
        sent = self.trail.sent if self.trail.heard else self._status is not None or self._looks_sent
        name = error.category.name if error else None
        lasted = time.monotonic() - self._began
        record = AttemptRecord(
            deployment=self.deployment or "",
            outcome=kind,
            category=name,
            status=self._status,
            sent=sent,
            duration=lasted,
        )
        self.records = (record,)
        self.scope.finish(
            AttemptOutcome(
                kind=kind,
                sent=sent,
                status=self._status,
                category=error.category if error else None,
                provider_code=error.provider_code if error else None,
                exception=type(error.__cause__).__name__ if error and error.__cause__ else None,
                reply=self.reply,
                tokens=self.usage,
                cost=self.cost,
            )
        )


def host_of(url: Any) -> str:
    """As a deployment's name: the host, with its port where that is not the scheme's."""
    return url.host if url.port is None else f"{url.host}:{url.port}"


def endpoint_of(url: Any) -> str:
    """As people may see it: without query and user."""
    return f"{url.scheme}://{host_of(url)}{url.path}"


def _number(request: Any) -> int:
    """Which try of the SDK it is, from 1: most count their retries in a header, others send the same request again."""
    said = request.headers.get("x-stainless-retry-count", "")
    if said.isdecimal() and len(said) < 4:
        return 1 + int(said)
    number = request.extensions.get(_TRIES, 0) + 1
    request.extensions[_TRIES] = number
    return int(number)
