"""One try at one deployment: from the request's head to the terminal event, ended exactly once."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from beastmode_otel.config import Deployment
from beastmode_otel.errors import AttemptRecord, BeastModeError, category
from beastmode_otel.observer import AttemptFacts, AttemptOutcome, OutcomeKind, RequestScope
from beastmode_otel.router import failures
from beastmode_otel.router.call import Call, Services, body_of, endpoint_of, host_of, http_request, wire_format
from beastmode_otel.router.http import HttpResponse
from beastmode_otel.router.limits import Limits
from beastmode_otel.router.plan import Verdict
from beastmode_otel.router.spent import cost_of, tokens_of
from beastmode_otel.runtime import Expired
from beastmode_otel.wire import Chunk, Reply, Usage, read_limits

T = TypeVar("T")


_CUT_OFF: Final = "the router was closed while this request was under way: close it after the last one has ended"


class Attempt:
    """Created open; ends with `finish`, which every failure inside calls by itself.

    `verdict` is set when it failed, `record` when it ended; `usage` and `cost` then say what it used.
    Raises TypeError or ValueError at creation when the body is no JSON; nothing is open then.
    """

    def __init__(
        self, services: Services, call: Call, deployment: Deployment, number: int, scope: RequestScope
    ) -> None:
        self._services, self._call, self.deployment = services, call, deployment
        self._format = wire_format(deployment)
        self._body = body_of(call, deployment)
        self._ask = self._format.read_request(self._body)
        self._limits = Limits(services.clock, call.timeouts, deadline=call.deadline, stream=call.stream)
        self._request = http_request(call, deployment, self._body, self._limits.left())
        self._place = failures.Place(
            model_id=call.model_id, deployment=deployment.name, endpoint=endpoint_of(deployment), redact=services.redact
        )
        self._response: HttpResponse | None = None
        self._reader = self._format.reader()
        self._ready: deque[Chunk] = deque()
        self._heard = False
        self._whole: Reply | None = None
        self._looks_sent = False
        self.verdict: Verdict | None = None
        self.record: AttemptRecord | None = None
        self.usage: Usage | None = None
        self.cost: float | None = None
        self._closings = services.http.closings
        self._scope = scope.attempt(self._facts(number))

    @property
    def api(self) -> str:
        """The wire format."""
        return self._format.api

    @property
    def cut_off(self) -> bool:
        """Its own router was closed under it: the failure says nothing of the deployment, and is not tried again."""
        return self._services.http.closings != self._closings

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's; empty before it came."""
        return {} if self._response is None else self._response.headers

    def _facts(self, number: int) -> AttemptFacts:
        host, port = host_of(self.deployment)
        return AttemptFacts(
            deployment=self.deployment.name,
            provider=self.deployment.provider,
            operation=self._format.operation,
            model=self._ask.model or "",
            host=host,
            port=port,
            number=number,
            stream=self._call.stream,
            ask=self._ask,
            body=self._body,
        )

    # What callers do with it.

    async def answer(self) -> Reply:
        """Send, read the whole response, and end. Raises UpstreamError."""
        reply = self._whole = await self._guarded(self._fetch())
        self.finish("ok")
        return reply

    async def open(self) -> None:
        """Send, and return when the response's head says 2xx. Raises UpstreamError."""
        response = await self._guarded(self._open())
        if self._format.api != "unknown" and "json" in response.headers.get("content-type", ""):
            # A provider that ignores `stream` answers with the whole; the caller gets it as one chunk.
            reply = self._whole = await self._guarded(self._read_whole(response))
            self._take([Chunk(data=reply.body, text=reply.text, content=True), Chunk(terminal=True)])

    async def next(self) -> Chunk | None:
        """The next chunk of the stream, the terminal one included; None after it. Raises UpstreamError."""
        if self.record is not None and (self.record.outcome != "ok" or not self._ready):
            return None
        if not self._ready:
            await self._guarded(self._fill())
        chunk = self._ready.popleft()
        if chunk.error is not None:
            raise self._failed(failures.from_event(self._place, chunk.error, self._status() or 200))
        if chunk.terminal or self._only_end_is_left():
            self.finish("ok")
        return chunk

    @property
    def has_more(self) -> bool:
        """Whether events wait that were read already."""
        return any(chunk.data is not None for chunk in self._ready)

    def _only_end_is_left(self) -> bool:
        # What the caller would not be shown does not keep the request open until it asks again.
        ready = self._ready
        return bool(ready) and ready[-1].terminal and all(chunk.data is None or chunk.usage_only for chunk in ready)

    # The steps, each run by _guarded.

    async def _guarded(self, work: Awaitable[T]) -> T:
        """`work` within the limits, our span current; whatever ends it ends the attempt."""
        try:
            with self._scope.active():
                return await self._services.runtime.within(self._limits.left(), work)
        except failures.AttemptFailed as failed:
            verdict = failed.verdict
        except Expired:
            verdict = self._limit()
        except Exception as exc:  # noqa: BLE001  (the edge: any client's exception becomes an error of ours)
            verdict = self._foreign(exc)
        except BaseException:
            self.finish("cancelled")
            raise
        # Raised out here so that no foreign exception, whose text may hold a key, becomes its __context__.
        raise self._failed(verdict)

    async def _open(self) -> HttpResponse:
        self._check_clock()  # a socket that may wait for 0 s says all kinds of things
        response = self._response = await self._services.http.open(self._request)
        self._services.observer.limits(self.deployment.name, read_limits(response.headers))
        if not 200 <= response.status < 300:
            body = await response.read()
            raise failures.AttemptFailed(failures.from_status(self._place, response.status, response.headers, body))
        self._check_clock()
        return response

    async def _fetch(self) -> Reply:
        return await self._read_whole(await self._open())

    async def _read_whole(self, response: HttpResponse) -> Reply:
        reply = self._format.read_response(await response.read())
        self._check_clock()
        wrong = failures.check_reply(self._place, response.status, response.headers, reply)
        if wrong is not None:
            raise failures.AttemptFailed(wrong)
        return reply

    async def _fill(self) -> None:
        """Read until at least one chunk is ready."""
        assert self._response is not None  # noqa: S101  (open() has returned)
        while not self._ready:
            data = await self._response.next()
            self._take(self._at_end(self._response) if data is None else self._reader.feed(data))
            self._check_clock()

    def _take(self, chunks: list[Chunk]) -> None:
        self._ready.extend(chunks)
        self._heard = self._heard or bool(chunks)
        for chunk in chunks:
            if chunk.content:
                self._limits.token_came()
                self._scope.token()

    def _at_end(self, response: HttpResponse) -> list[Chunk]:
        """The chunks that are left at the end of the body."""
        chunks = self._reader.end()
        if chunks:
            return chunks
        if self._reader.finished:
            return [Chunk(terminal=True)]
        raise failures.AttemptFailed(
            failures.from_early_end(self._place, response.status, response.headers, self._heard)
        )

    def _check_clock(self) -> None:
        # asyncio has interrupted by now; a blocking read can only be looked at after it came back.
        if self._limits.left() <= 0:
            raise failures.AttemptFailed(self._limit())

    # How it fails and ends.

    def _limit(self) -> Verdict:
        return failures.from_limit(self._place, *self._limits.which())

    def _foreign(self, exc: Exception) -> Verdict:
        verdict, self._looks_sent = failures.from_exception(self._place, exc)
        name = verdict.error.category.name
        if name in ("read_timeout", "connect_timeout") and self._limits.over:  # the phase was cut to what was left
            return failures.from_exception(self._place, exc, category(self._limits.which()[0]))[0]
        if name in ("protocol_error", "connection_reset") and self._status() is not None and self._call.stream:
            return failures.from_exception(self._place, exc, category("stream_truncated"))[0]
        return verdict

    def _failed(self, verdict: Verdict) -> BeastModeError:
        self.verdict, error = verdict, verdict.error
        if self.cut_off:
            error.hints = (_CUT_OFF,)
        if error.status_code is None:
            error.context = replace(error.context, status=self._status())
        self.finish("error")
        return error

    def _status(self) -> int | None:
        return None if self._response is None else self._response.status

    def _was_sent(self) -> bool:
        trail = self._request.trail
        return trail.sent if trail.heard else self._response is not None or self._looks_sent

    def reply(self) -> Reply:
        """What was said so far."""
        return self._whole or self._reader.reply()

    def finish(self, kind: OutcomeKind) -> None:
        """End it: health, record, telemetry. Idempotent; synchronous, so that it works in every `except`."""
        if self.record is not None:
            return
        error = self.verdict.error if self.verdict and kind == "error" else None
        status, sent = self._status(), self._was_sent()
        self.record = AttemptRecord(
            deployment=self.deployment.name,
            outcome=kind,
            category=error.category.name if error else None,
            status=status,
            sent=sent,
            duration=self._limits.elapsed(),
        )
        reply = self._settle(kind) if status is not None and 200 <= status < 300 else None
        self._tell_health(kind)
        self._scope.finish(
            AttemptOutcome(
                kind=kind,
                sent=sent,
                status=status,
                category=error.category if error else None,
                provider_code=error.provider_code if error else None,
                exception=type(error.__cause__).__name__ if error and error.__cause__ else None,
                reply=reply,
                tokens=self.usage,
                cost=self.cost,
            )
        )

    def _settle(self, kind: OutcomeKind) -> Reply:
        """What was said, used and spent."""
        reply = self.reply()
        if kind == "ok" or reply.text or reply.usage:  # a call that failed before it generated anything is not billed
            self.usage = tokens_of(reply, self._body, whole=kind == "ok")
            self.cost = cost_of(self._services.prices, reply, self._ask, self.deployment.provider, self.usage)
        return reply

    def _tell_health(self, kind: OutcomeKind) -> None:
        health, name = self._services.health, self.deployment.name
        if kind == "ok":
            health.succeeded(name)
        elif kind == "error" and self.verdict is not None and not self.cut_off:
            kind_of_error, now = self.verdict.error.category, self._services.clock()
            health.failed(name, kind_of_error, now, self.verdict.retry_after, started=self._limits.started)
        else:
            health.unknown(name, self._limits.started)

    # Its connection.

    async def release(self) -> None:
        """Give the connection back."""
        if self._response is not None:
            await self._response.release(complete=self.record is not None and self.record.outcome == "ok")

    def discard(self) -> None:
        """`release` for those who cannot wait."""
        if self._response is not None:
            self._response.discard()
