"""One HTTP attempt of somebody else's client, watched from its request to the end of its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from beastmode_otel.attempts import failures
from beastmode_otel.attempts.accounting import UNPAID, bill_of, outcome_of, record_of, tokens_of
from beastmode_otel.attempts.progress import Trail
from beastmode_otel.engine.ending import Ending
from beastmode_otel.errors import OTHER, AttemptRecord, BeastModeError, Redactor, category, somebody_elses
from beastmode_otel.instrumentation.context import DoorContext, host_of
from beastmode_otel.instrumentation.response import Incoming
from beastmode_otel.observer import AttemptFacts, OutcomeKind, Saving
from beastmode_otel.runtime.gc_guard import is_collecting
from beastmode_otel.wire import BodyReader, Chunk, LLMCall, Reply, Usage, read_limits

_TRIES: Final = "beastmode.tries"  # kept with the request: mistral's SDK says nothing of its retries


def facts_of(seen: LLMCall, request: Any) -> AttemptFacts:
    url = request.url
    return AttemptFacts(
        deployment=host_of(url),
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


_KEYS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization")


def redactor_of(context: DoorContext, request: Any) -> Redactor:
    """Knows what the app's client logs in with too, which no configuration of ours names."""
    headers = request.headers
    keys = [headers[name] for name in _KEYS if name in headers]
    query = request.url.query
    may_hold = query and (b"key" in query or b"token" in query or b"sig" in query)
    return context.redact.knowing(tuple(keys), query.decode("ascii", "replace") if may_hold else "")


_PREFIX: Final = "beastmode_otel: "


def note(exc: BaseException, error: BeastModeError) -> None:
    """Add what to do about it, once."""
    if any(said.startswith(_PREFIX) for said in getattr(exc, "__notes__", ())):
        return
    for hint in (f"{error.category.name} at {error.endpoint}", *error.hints):
        exc.add_note(_PREFIX + hint)


class WireCall:
    """engine.ports.Delivery for a call that the app makes itself. Ends exactly once; what is told later is ignored.

    kept: called with it when the whole answer is there, before its request ends. owed: what whoever gives the end of
    the body to the app waits for before. stands_in: asked when it fails, whether a stored answer is given instead: then
    only the attempt ends, and `stood_in` is the error.
    """

    saving: Saving | None = None

    def __init__(self, context: DoorContext, seen: LLMCall, request: Any, ending: Ending) -> None:
        self._context, self.seen, self._ending = context, seen, ending
        self.model = seen.model or seen.api
        url = request.url
        self.deployment = host_of(url)
        self.obey_cache_control = context.obedience.get((url.host, url.port)) if context.obedience else None
        self._place = failures.Place(
            model_id=self.model,
            deployment=self.deployment,
            endpoint=endpoint_of(url),
            redact=redactor_of(context, request),
        )
        self._incoming = Incoming(seen, self._place)
        self._began = time.monotonic()
        self.idle = context.config.timeouts.idle
        self._skims = self._looks_sent = self.done = False
        self.trail = Trail()
        self._error: BeastModeError | None = None
        self.reply: Reply | None = None
        self.usage: Usage | None = None
        self._bill = UNPAID
        self.kept: Callable[[WireCall], None] | None = None
        self.owed: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.stands_in: Callable[[BeastModeError], bool] | None = None
        self.stood_in: BeastModeError | None = None
        self.records: tuple[AttemptRecord, ...] = ()
        self.scope = ending.scope.attempt(facts_of(seen, request))
        ending.delivery = self

    @property
    def begun(self) -> int:
        return 1

    @property
    def api(self) -> str:
        return self.seen.api

    @property
    def provider(self) -> str:
        return self.seen.provider

    @property
    def cost(self) -> float | None:
        return self._bill.cost

    answer_cost = cost

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's; empty before it came."""
        return self._incoming.headers

    # What happens to it.

    def head(self, response: Any) -> None:
        """The response's head has come."""
        self._incoming.head(response)
        self._context.observer.limits(self.deployment, read_limits(self.headers))

    def is_replaced(self) -> bool:
        """Whether the head says that it failed, and a stored answer is given instead of what would come."""
        if self.done or self.stands_in is None or self._incoming.status is None or self._incoming.body is not None:
            return False
        error = self._incoming.refusal()
        if not self.stands_in(error):
            return False
        self._end("error", error)
        return True

    def whole(self, content: bytes) -> None:
        """The client has read and decoded the whole body."""
        self._incoming.decoded()
        self.feed(content)
        self.ended()

    def feed(self, data: bytes) -> None:
        """Bytes of the body have passed."""
        if self.done:
            return
        body = self._incoming.body
        if body is None:
            self._incoming.feed(data)
            return
        if self._context.streams.open:
            self._context.streams.touch(self)
        if self._skims and body.goes_on(data):
            return
        self._tell(self._incoming.feed(data))
        if body.streams and (body.finished or body.error is not None):
            self._settle(body)

    def ended(self) -> None:
        """The body is over."""
        if self.done:
            return
        body = self._incoming.body
        if body is None:
            self._end("error", self._incoming.refusal())
            return
        self._tell(self._incoming.end())
        self._settle(body)

    def _tell(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            if chunk.content:
                self._skims = not self.scope.token()

    def unread(self) -> None:
        """Somebody before us has read the body and kept nothing of it."""
        if self._incoming.body is None:
            self.ended()
        else:
            self._end("ok")

    def closed(self) -> None:
        """The app has closed the response."""
        if self.done:
            return
        if is_collecting():
            self._context.streams.orphan(self)
        elif self._incoming.body is None:
            self._end("error", self._incoming.refusal())
        elif self._incoming.garbled:
            self._end("error", self._place.error(category("decoding_error"), "the body cannot be decoded"))
        else:
            self._end("cancelled")

    def raised(self, exc: BaseException) -> None:
        """The call, or reading its answer, has raised; the exception goes on to the app."""
        if self.done:
            return
        if is_collecting():
            self._context.streams.orphan(self)
        elif not isinstance(exc, Exception):
            self._end("cancelled")
        else:
            theirs = somebody_elses(exc)
            error = self._error_of(exc, theirs)
            if theirs is None:
                note(exc, error)
            else:
                self.stands_in = None  # the app means to get it: no answer is served in its place
            self._end("error", error)

    def _error_of(self, exc: Exception, theirs: Exception | None) -> BeastModeError:
        if self._incoming.status is None and self._told_by(exc):
            return self._incoming.refusal()
        if theirs is not None:
            return failures.from_exception(self._place, theirs, OTHER)[0].error
        verdict, self._looks_sent = failures.from_exception(self._place, exc)
        if verdict.error.category.cut and self._incoming.status is not None and self.seen.stream:
            verdict, _ = failures.from_exception(self._place, exc, category("stream_truncated"))
        return verdict.error

    def _told_by(self, exc: Exception) -> bool:
        """Whether it is an error response that an event hook of the client made an exception of."""
        response: Any = getattr(exc, "response", None)
        status = getattr(response, "status_code", None)
        if not isinstance(status, int) or 200 <= status < 300:
            return False
        self.head(response)
        self._incoming.decoded()
        self._incoming.feed(getattr(response, "_content", b""))
        return True

    def abandon(self) -> None:
        """Nobody will read it any more."""
        self._end("abandoned")

    def lost(self) -> None:
        """A fault of ours: what comes of it cannot be told. Never raises."""
        try:
            self.abandon()
        except Exception as exc:  # noqa: BLE001
            self._context.fault("lost", exc)

    # How it ends.

    def _settle(self, body: BodyReader) -> None:
        error = self._incoming.wrong()
        if error is not None:
            self._end("error", error)
            return
        self._spend(body, whole=True)
        if self.kept is not None and body.known:
            try:
                self.kept(self)
            except Exception as exc:  # noqa: BLE001  (an answer that cannot be stored is an answer)
                self._context.fault("store", exc)
        self._end("ok")

    def _spend(self, body: BodyReader, *, whole: bool) -> None:
        if not body.known:
            return
        reply = self.reply = body.reply()
        seen, asked = self.seen, self.seen.body or {}
        self.usage = tokens_of(reply, seen.format, asked, whole=whole)
        if self.usage is not None:
            self._bill = bill_of(
                self._context.prices, reply, seen.ask, self.provider, self.usage, body=asked, headers=self.headers
            )

    def _end(self, kind: OutcomeKind, error: BeastModeError | None = None) -> None:
        if self.done:
            return
        self.done, self._error = True, error
        if self._context.streams.open:
            self._context.streams.remove(self)
        try:
            if self.reply is None and self._incoming.body is not None:
                self._spend(self._incoming.body, whole=False)
        finally:
            if error is not None and self.stands_in is not None and self.stands_in(error):
                self.stood_in = error
                self.finish(kind)
            else:
                self._ending.finish(kind, error)
            del (
                self._ending,
                self.kept,
                self.stands_in,
            )  # which know it: what has ended is free at once, and needs no collector

    def finish(self, kind: OutcomeKind) -> None:
        """Its request ends: the attempt does, too."""
        self.done, status, lasted = True, self._incoming.status, time.monotonic() - self._began
        sent = self.trail.sent if self.trail.heard else status is not None or self._looks_sent
        ended = record_of(self.deployment, kind, self._error, status=status, sent=sent, duration=lasted)
        self.records = (ended,)
        self.scope.finish(
            outcome_of(
                ended,
                kind,
                self._error,
                reply=self.reply,
                tokens=self.usage,
                bill=self._bill,
                redact=self._place.redact,
            )
        )
