"""The HTTP side of one try: what goes out, what comes back, within the limits. It ends nothing and tells nobody."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from beastmode_otel.attempts import failures
from beastmode_otel.attempts.failures import Failure
from beastmode_otel.config.settings import Deployment, Timeouts
from beastmode_otel.errors import OTHER, category
from beastmode_otel.router.http import HttpResponse
from beastmode_otel.router.http_request import Call, Services, body_of, endpoint_of, http_request, wire_format
from beastmode_otel.wire import Ask, BodyReader, Chunk, ProviderError, Reply, read_limits

LimitName = Literal["first_token_timeout", "total_timeout"]
_SLACK = 0.001  # timers fire a little early


class Deadlines:
    """Of one try. first_token holds from the attempt's start until `token_came`, total for the whole request.

    spare: whether another deployment can answer, so that this one is given less time to begin.
    """

    def __init__(
        self, clock: Callable[[], float], timeouts: Timeouts, *, deadline: float, stream: bool, spare: bool = False
    ) -> None:
        self._clock, self._timeouts, self._deadline = clock, timeouts, deadline
        self._first_token = timeouts.first_token_of(spare=spare)
        self.started = clock()
        self._waits_for_token = stream

    def token_came(self) -> None:
        self._waits_for_token = False

    def left(self) -> float:
        """Seconds until the next limit; 0 when one is over."""
        now = self._clock()
        left = self._deadline - now
        if self._waits_for_token:
            left = min(left, self.started + self._first_token - now)
        return max(0.0, left)

    def left_in_all(self) -> float:
        """Seconds until the request is over, whether a token has come or not."""
        return max(0.0, self._deadline - self._clock())

    @property
    def waits_for_token(self) -> bool:
        return self._waits_for_token

    @property
    def over(self) -> bool:
        return self.left() <= _SLACK

    def which(self) -> tuple[LimitName, float]:
        """The limit that is over, or will be next, and its seconds."""
        first_token = self.started + self._first_token
        if self._waits_for_token and first_token < self._deadline and self._clock() < self._deadline - _SLACK:
            return "first_token_timeout", self._first_token
        return "total_timeout", self._timeouts.total

    def elapsed(self) -> float:
        return self._clock() - self.started


class AttemptHttp:
    """Its steps (`whole`, `open`, `fill`) raise failures.AttemptFailed, or what the HTTP client raises: see `failure`.

    on_token: called for every piece of content. ready: the chunks of a stream that nobody took yet.
    Raises TypeError or ValueError at creation when the body is no JSON; nothing is open then.
    """

    on_token: Callable[[], object]

    def __init__(self, services: Services, call: Call, deployment: Deployment, *, spare: bool = False) -> None:
        self._services, self._call, self._deployment = services, call, deployment
        self.format = wire_format(deployment)
        self.body = body_of(call, deployment)
        self.ask = self._asked()
        self.deadlines = Deadlines(
            services.clock, call.timeouts, deadline=call.deadline, stream=call.stream, spare=spare
        )
        left, first = self.deadlines.left_in_all(), self.deadlines.left()
        self._request = http_request(call, deployment, self.body, left=left, first=first)
        self._place = failures.Place(
            model_id=call.model_id, deployment=deployment.name, endpoint=endpoint_of(deployment), redact=services.redact
        )
        self._response: HttpResponse | None = None
        self._body: BodyReader | None = None
        self.ready: deque[Chunk] = deque()
        self._heard = self._answers = False
        self._whole: Reply | None = None
        self._looks_sent = False

    def _asked(self) -> Ask:
        """Gemini's model and its stream stand in the address, not in the body."""
        ask, call = self.format.read_request(self.body), self._call
        model = self._deployment.model or str(call.body.get("model") or "")
        return replace(ask, model=model, stream=call.stream) if ask.model is None and model else ask

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's; empty before it came."""
        return {} if self._response is None else self._response.headers

    @property
    def status(self) -> int | None:
        """None before the response's head came."""
        return None if self._response is None else self._response.status

    @property
    def sent(self) -> bool:
        """Whether the request reached the wire."""
        trail = self._request.trail
        return trail.sent if trail.heard else self._response is not None or self._looks_sent

    @property
    def only_end_is_left(self) -> bool:
        """Whether nothing waits that the caller would be shown, and then the end."""
        ready = self.ready
        return bool(ready) and ready[-1].terminal and all(chunk.data is None or chunk.usage_only for chunk in ready)

    def reply(self) -> Reply:
        """What was said so far."""
        if self._whole is not None or self._body is None:
            return self._whole or Reply(parsed=False)
        return self._body.reply()

    # The steps.

    async def whole(self) -> Reply:
        """Send, and read the whole answer."""
        response = await self._open()
        body = self._body_of(response, math.inf)
        data = await response.read()
        self._check_clock()
        body.feed(data)
        body.end()
        if body.streams and not body.finished and body.error is None:
            raise failures.AttemptFailed(self._early_end(response))
        return self._checked(response, body.reply())

    async def open(self) -> None:
        """Send, until the response's head says 2xx."""
        self._body_of(await self._open(), math.inf)

    async def fill(self) -> None:
        """Read until at least one chunk is ready."""
        response, body = self._response, self._body
        assert response is not None  # noqa: S101  (open() has returned)
        assert body is not None  # noqa: S101
        while not self.ready:
            if self.deadlines.waits_for_token:
                response.limit(self.deadlines.left())
            data = await response.next()
            self._take(self._at_end(response, body) if data is None else body.feed(data))
            self._check_clock()

    def nothing(self) -> Failure | None:
        """For a stream that has ended without an answer; None when there is one."""
        if self._answers or not self.reply().is_nothing:
            return None
        return failures.from_nothing(self._place, self.status or 200)

    def _body_of(self, response: HttpResponse, bound: float) -> BodyReader:
        kind = {"content-type": response.headers.get("content-type", "")}
        body = self._body = BodyReader(self.format, kind, stream=self._call.stream, max_whole=bound)
        return body

    async def _open(self) -> HttpResponse:
        self._check_clock()  # a socket that may wait for 0 s says all kinds of things
        response = self._response = await self._services.http.open(self._request)
        self._services.observer.limits(self._deployment.name, read_limits(response.headers))
        if response.status in failures.REDIRECTS and "location" in response.headers:
            raise failures.AttemptFailed(failures.from_redirect(self._place, response.status, response.headers))
        if not 200 <= response.status < 300:
            body = await response.read()
            raise failures.AttemptFailed(failures.from_status(self._place, response.status, response.headers, body))
        self._check_clock()
        return response

    def _checked(self, response: HttpResponse, reply: Reply) -> Reply:
        wrong = failures.check_reply(self._place, response.status, response.headers, reply)
        if wrong is not None:
            raise failures.AttemptFailed(wrong)
        self._whole = reply
        return reply

    def _take(self, chunks: list[Chunk]) -> None:
        self.ready.extend(chunks)
        self._heard = self._heard or bool(chunks)
        for chunk in chunks:
            if chunk.content:
                self._answers = self._answers or bool(chunk.text)
                if self.deadlines.waits_for_token and self._response is not None:
                    self._response.limit(None)
                self.deadlines.token_came()
                self.on_token()

    def _at_end(self, response: HttpResponse, body: BodyReader) -> list[Chunk]:
        """The chunks that are left at the end of the body. Of a whole answer, as a provider that ignores `stream` gives
        it, the caller gets one, with all of it."""
        if not body.streams:
            self._check_clock()
        chunks = body.end()
        if not body.streams:
            reply = self._checked(response, body.reply())
            return [Chunk(data=reply.body, text=reply.text, content=True), Chunk(terminal=True)]
        if chunks:
            return chunks
        if body.finished:
            return [Chunk(terminal=True)]
        raise failures.AttemptFailed(self._early_end(response))

    def _early_end(self, response: HttpResponse) -> Failure:
        return failures.from_early_end(self._place, response.status, response.headers, self._heard)

    def _check_clock(self) -> None:
        # asyncio has interrupted by now; a blocking read can only be looked at after it came back.
        if self.deadlines.left() <= 0:
            raise failures.AttemptFailed(self.limit())

    # How it fails.

    def limit(self) -> Failure:
        """For the limit that is over."""
        return failures.from_limit(self._place, *self.deadlines.which())

    def event(self, error: ProviderError) -> Failure:
        """For an error that came as a chunk."""
        return failures.from_event(self._place, error, self.status or 200)

    def failure(self, exc: Exception) -> Failure:
        """For what the HTTP client has raised."""
        failure, self._looks_sent = failures.from_exception(self._place, exc)
        kind = failure.error.category
        if kind.cut and self.deadlines.over:  # by ourselves, to interrupt a thread
            return self.limit()
        if kind.phase and self.deadlines.over:  # the phase was cut to what was left
            return failures.from_exception(self._place, exc, category(self.deadlines.which()[0]))[0]
        if kind.cut and self.status is not None and self._call.stream:
            return failures.from_exception(self._place, exc, category("stream_truncated"))[0]
        return failure

    def interrupted(self, exc: Exception) -> Failure:
        """For what somebody else has raised into it."""
        return failures.from_exception(self._place, exc, OTHER)[0]

    # Its connection.

    async def release(self, *, complete: bool) -> None:
        """Give the connection back. complete: the body was read to its end."""
        if self._response is not None:
            await self._response.release(complete=complete)

    def discard(self) -> None:
        """`release` for those who cannot wait."""
        if self._response is not None:
            self._response.discard()
