"""Decides what a request gets: pure, from the ask, the behaviour and the facts of the moment to a reply."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final

from beastmode_otel.simulator.answers import ScriptedAnswer, StreamEvents, answer
from beastmode_otel.simulator.behaviour import Behaviour
from beastmode_otel.simulator.faults import ErrorBody, error_body, error_event, html_page
from beastmode_otel.simulator.kinds import pairs_of
from beastmode_otel.simulator.request import ClientRequest
from beastmode_otel.simulator.shapes import SHAPES, Shape

JSON: Final = "application/json"
SSE: Final = "text/event-stream; charset=utf-8"
LINES: Final = "application/x-ndjson"
_BROKEN: Final = b'{"id": "chatcmpl-sim", "choices": [{"index": 0, "mess'
_BODILESS: Final = frozenset({204, 304})
_LIMIT_REQUESTS: Final = 1_000
_LIMIT_TOKENS: Final = 200_000
_TOKENS_EACH: Final = 100
_LIMIT_RESET: Final = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedResponse:
    """A response, whole or as a stream. cut: the connection breaks before the end of its body."""

    status: int
    content_type: str | None
    body: bytes | StreamEvents
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False


def decide(ask: ClientRequest, behaviour: Behaviour, *, number: int, now: float) -> PlannedResponse:
    """The reply to this request, the `number`th, at Unix time `now`."""
    reply = _content(ask, behaviour, number, now)
    if reply.status in _BODILESS:
        reply = replace(reply, body=b"", content_type=None)
    return replace(reply, headers=_headers(ask, behaviour, reply.status, number, now) + reply.headers)


def refuse(ask: ClientRequest, *, status: int, number: int, code: str, message: str) -> PlannedResponse:
    """An error of the simulator's own: a wrong key, an unknown behaviour."""
    return _error(ask, Behaviour(status=status, error_code=code, error_message=message), status, number)


def _content(ask: ClientRequest, behaviour: Behaviour, number: int, now: float) -> PlannedResponse:
    if behaviour.redirect_to is not None:
        return _redirect(ask, behaviour, behaviour.redirect_to)
    if behaviour.status >= 400:
        return _error(ask, behaviour, behaviour.status, number)
    if behaviour.html or behaviour.empty or behaviour.wrong_json:
        return _nonsense(ask, behaviour)
    if ask.api == "nowhere":
        return refuse(ask, status=404, number=number, code="unknown_url", message=f"Invalid URL (GET {ask.path})")
    if not ask.readable:
        return refuse(ask, status=400, number=number, code="invalid_json", message="The body is not a JSON object.")
    said, shape = answer(ask, behaviour, number, now), SHAPES[ask.api]
    if not ask.stream or shape.events is None:
        return _whole(behaviour, shape.body(said, ask, behaviour))
    return _stream(ask, behaviour, said, shape.events(said, ask, behaviour))


def _redirect(ask: ClientRequest, behaviour: Behaviour, to: str) -> PlannedResponse:
    status = behaviour.status if 300 <= behaviour.status < 400 else 307
    location = ask.target if to == "self" else to
    return PlannedResponse(status=status, content_type=None, body=b"", headers=(("location", location),))


def _error(ask: ClientRequest, behaviour: Behaviour, status: int, number: int) -> PlannedResponse:
    told: ErrorBody = error_body(
        behaviour, status=status, default_shape=_shape(ask).errors, number=number, last=ask.last
    )
    cut = behaviour.cut_after is not None
    return PlannedResponse(status=status, content_type=told.content_type, body=told.body, cut=cut)


def _nonsense(ask: ClientRequest, behaviour: Behaviour) -> PlannedResponse:
    if behaviour.html:
        return PlannedResponse(
            status=behaviour.status, content_type="text/html; charset=utf-8", body=html_page("Welcome")
        )
    if behaviour.empty:
        return PlannedResponse(status=behaviour.status, content_type=_media(ask) if ask.stream else JSON, body=b"")
    if ask.stream:
        lines = _media(ask) is LINES
        broken = StreamEvents(deltas=(_BROKEN + b"\n" if lines else b"data: " + _BROKEN + b"\n\n",), lines=lines)
        return PlannedResponse(status=behaviour.status, content_type=_media(ask), body=broken)
    return _whole(behaviour, _BROKEN)


def _whole(behaviour: Behaviour, body: bytes) -> PlannedResponse:
    return PlannedResponse(status=behaviour.status, content_type=JSON, body=body, cut=behaviour.cut_after is not None)


def _shape(ask: ClientRequest) -> Shape:
    return SHAPES[ask.api]


def _media(ask: ClientRequest) -> str:
    return LINES if ask.api.startswith("ollama_") else SSE


def _stream(ask: ClientRequest, behaviour: Behaviour, said: ScriptedAnswer, events: StreamEvents) -> PlannedResponse:
    if behaviour.cut_after is not None:
        events = replace(events, deltas=events.deltas[: behaviour.cut_after], closing=())
    if behaviour.error_event_after is not None:
        how = _shape(ask)
        told = error_event(behaviour, default_shape=how.errors, number=said.number, last=ask.last, flat=how.flat_error)
        events = replace(events, deltas=events.deltas[: behaviour.error_event_after], closing=(told,))
    if 0 in (behaviour.cut_after, behaviour.error_event_after):
        events = replace(events, opening=())
    return PlannedResponse(
        status=behaviour.status, content_type=_media(ask), body=events, cut=behaviour.cut_after is not None
    )


def _headers(
    ask: ClientRequest, behaviour: Behaviour, status: int, number: int, now: float
) -> tuple[tuple[str, str], ...]:
    name = "request-id" if ask.api == "anthropic" else "x-request-id"
    headers = [(name, f"req_sim{number:08d}")]
    if behaviour.retry_after is not None:
        headers.append(("retry-after", _retry_after(behaviour.retry_after, now)))
    if behaviour.retry_after_ms is not None:
        headers.append(("retry-after-ms", behaviour.retry_after_ms))
    if behaviour.should_retry is not None:
        headers.append(("x-should-retry", str(behaviour.should_retry).lower()))
    if behaviour.rate_limit_headers:
        headers += _limit_headers(anthropic=ask.api == "anthropic", exhausted=status == 429, number=number, now=now)
    return (*headers, *pairs_of(behaviour.headers))


def _retry_after(given: str, now: float) -> str:
    word, plus, seconds = given.partition("+")
    if word == "date" and plus:
        # HTTP dates have whole seconds: rounded up, so that it is never less than what was asked for.
        return formatdate(math.ceil(now + float(seconds)), usegmt=True)
    return given


def _limit_headers(*, anthropic: bool, exhausted: bool, number: int, now: float) -> list[tuple[str, str]]:
    """As OpenAI and Anthropic send them: they count down with the request's number, and start again at nothing."""
    used = _LIMIT_REQUESTS if exhausted else number % _LIMIT_REQUESTS
    left = {
        "requests": (_LIMIT_REQUESTS, _LIMIT_REQUESTS - used),
        "tokens": (_LIMIT_TOKENS, 0 if exhausted else _LIMIT_TOKENS - used * _TOKENS_EACH),
    }
    return _anthropic_limits(left, now) if anthropic else _openai_limits(left)


def _openai_limits(left: dict[str, tuple[int, int]]) -> list[tuple[str, str]]:
    return [
        (f"x-ratelimit-{what}-{kind}", value)
        for kind, (limit, remaining) in left.items()
        for what, value in (("limit", str(limit)), ("remaining", str(remaining)), ("reset", f"{_LIMIT_RESET:g}s"))
    ]


def _anthropic_limits(left: dict[str, tuple[int, int]], now: float) -> list[tuple[str, str]]:
    reset = datetime.fromtimestamp(now + _LIMIT_RESET, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        (f"anthropic-ratelimit-{kind}-{what}", value)
        for kind, (limit, remaining) in left.items()
        for what, value in (("limit", str(limit)), ("remaining", str(remaining)), ("reset", reset))
    ]
