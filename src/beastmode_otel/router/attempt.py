"""One try at one deployment, ended exactly once: its record, its telemetry, and what health learns from it."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from beastmode_otel.attempts.accounting import UNPAID, bill_of, outcome_of, record_of, tokens_of
from beastmode_otel.attempts.failures import AttemptFailed, Failure
from beastmode_otel.config.settings import Deployment
from beastmode_otel.errors import AttemptRecord, BeastModeError, somebody_elses
from beastmode_otel.observer import AttemptFacts, OutcomeKind, RequestScope
from beastmode_otel.router.attempt_http import AttemptHttp
from beastmode_otel.router.http_request import Call, Services, host_of
from beastmode_otel.runtime import Expired

if TYPE_CHECKING:
    from beastmode_otel.wire import Chunk, Reply, Usage

T = TypeVar("T")

_CUT_OFF: Final = "the router was closed while this request was under way: close it after the last one has ended"


class Attempt:
    """Created open; ends with `finish`, which every failure inside calls by itself.

    spare: whether another deployment can answer.
    `failure` is set when it failed, `record` when it ended; `usage` and `cost` then say what it used.
    Raises TypeError or ValueError at creation when the body is no JSON; nothing is open then.
    """

    def __init__(
        self,
        services: Services,
        call: Call,
        deployment: Deployment,
        number: int,
        scope: RequestScope,
        *,
        spare: bool = False,
    ) -> None:
        self._services, self.deployment = services, deployment
        self._http = AttemptHttp(services, call, deployment, spare=spare)
        self.failure: Failure | None = None
        self.record: AttemptRecord | None = None
        self.usage: Usage | None = None
        self._bill = UNPAID
        self._closings = services.http.closings
        self._scope = scope.attempt(self._facts(number, stream=call.stream))
        self._http.on_token = self._scope.token

    @property
    def api(self) -> str:
        """The wire format."""
        return self._http.format.api

    @property
    def cost(self) -> float | None:
        return self._bill.cost

    @property
    def cut_off(self) -> bool:
        """Its own router was closed under it: the failure says nothing of the deployment, and is not tried again."""
        return self._services.http.closings != self._closings

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's; empty before it came."""
        return self._http.headers

    def _facts(self, number: int, *, stream: bool) -> AttemptFacts:
        http, deployment = self._http, self.deployment
        host, port = host_of(deployment)
        return AttemptFacts(
            deployment=deployment.name,
            provider=deployment.provider,
            operation=http.format.operation,
            model=http.ask.model or "",
            host=host,
            port=port,
            number=number,
            stream=stream,
            ask=http.ask,
            body=http.body,
        )

    # What callers do with it.

    async def answer(self) -> Reply:
        """Send, read the whole response, and end. Raises UpstreamError."""
        reply = await self._guarded(self._http.whole())
        self.finish("ok")
        return reply

    async def open(self) -> None:
        """Send, and return when the response's head says 2xx. Raises UpstreamError."""
        await self._guarded(self._http.open())

    async def next(self) -> Chunk | None:
        """The next chunk of the stream, the terminal one included; None after it. Raises UpstreamError."""
        ready = self._http.ready
        if self.record is not None and (self.record.outcome != "ok" or not ready):
            return None
        if not ready:
            await self._guarded(self._http.fill())
        chunk = ready.popleft()
        if chunk.error is not None:
            raise self._failed(self._http.event(chunk.error))
        # What the caller would not be shown does not keep the request open until it asks again.
        if self.record is None and (chunk.terminal or self._http.only_end_is_left):
            if (nothing := self._http.nothing()) is not None:
                raise self._failed(nothing)
            self.finish("ok")
        return chunk

    @property
    def has_more(self) -> bool:
        """Whether events wait that were read already."""
        return any(chunk.data is not None for chunk in self._http.ready)

    def reply(self) -> Reply:
        """What was said so far."""
        return self._http.reply()

    async def _guarded(self, work: Awaitable[T]) -> T:
        """`work` within the limits, our span current; whatever ends it ends the attempt.

        Raises what neither the provider nor the way to it has raised as it is: it is no reason to ask anybody else.
        """
        http, theirs = self._http, None
        try:
            with self._scope.active():
                return await self._services.runtime.within(http.deadlines.left(), work)
        except AttemptFailed as failed:
            failure = failed.failure
        except Expired:
            failure = http.limit()
        except Exception as exc:  # noqa: BLE001  (the edge: an HTTP library's exception becomes an error of ours)
            theirs = somebody_elses(exc)
            failure = http.failure(exc) if theirs is None else http.interrupted(theirs)
        except BaseException:
            self.finish("cancelled")
            raise
        # Raised out here so that no foreign exception, whose text may hold a key, becomes its __context__.
        error = self._failed(failure)
        if theirs is not None:
            self.discard()
            raise theirs
        raise error

    # How it ends.

    def _failed(self, failure: Failure) -> BeastModeError:
        self.failure, error = failure, failure.error
        if self.cut_off:
            error.hints = (_CUT_OFF,)
        if error.status_code is None:
            error.context = replace(error.context, status=self._http.status)
        self.finish("error")
        return error

    def finish(self, kind: OutcomeKind) -> None:
        """End it: health, record, telemetry. Idempotent; synchronous, so that it works in every `except`."""
        if self.record is not None:
            return
        http = self._http
        error = self.failure.error if self.failure and kind == "error" else None
        status, lasted = http.status, http.deadlines.elapsed()
        ended = self.record = record_of(
            self.deployment.name, kind, error, status=status, sent=http.sent, duration=lasted
        )
        reply = self._settle(kind) if status is not None and 200 <= status < 300 else None
        self._tell_health(kind)
        redact, bill = self._services.redact, self._bill
        self._scope.finish(outcome_of(ended, kind, error, reply=reply, tokens=self.usage, bill=bill, redact=redact))

    def _settle(self, kind: OutcomeKind) -> Reply:
        """What was said, used and spent."""
        http = self._http
        reply = http.reply()
        self.usage = tokens_of(reply, http.format, http.body, whole=kind == "ok")
        if self.usage is not None:
            self._bill = bill_of(
                self._services.prices, reply, http.ask, self.deployment.provider, self.usage,
                body=http.body, headers=self.headers,
            )  # fmt: skip
        return reply

    def _tell_health(self, kind: OutcomeKind) -> None:
        health, name, http = self._services.health, self.deployment.name, self._http
        started, sent = http.deadlines.started, http.sent
        if kind == "ok":
            health.succeeded(name, started)
        elif kind == "error" and self.failure is not None and not self.cut_off:
            kind_of_error, now = self.failure.error.category, self._services.clock()
            health.failed(name, kind_of_error, now, self.failure.retry_after, started=started, sent=sent)
        else:
            health.unknown(name, started, sent=sent)

    # Its connection.

    async def release(self) -> None:
        """Give the connection back."""
        await self._http.release(complete=self.record is not None and self.record.outcome == "ok")

    def discard(self) -> None:
        """`release` for those who cannot wait."""
        self._http.discard()
