"""The matrix of endings as data: how a request can end, and exactly what telemetry must say then (design.md §3)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from beastmode_otel import AccessDenied, RequestError, UpstreamError
from beastmode_otel.simulator import Behaviour, Simulator

TEXT = "All is well that ends exactly once."
TOKENS = {"input_tokens": 110, "output_tokens": 40, "cached_tokens": 30, "reasoning_tokens": 8}
GOOD = Behaviour(text=TEXT, **TOKENS)
# Whoever leaves it has left it long before its end, however slow the machine is.
STUCK_STREAM = Behaviour(text=TEXT, chunks=2, chunk_delay=30.0, **TOKENS)
STUCK = Behaviour(latency=30.0)


@dataclass(frozen=True, kw_only=True)
class Try:
    """One expected attempt."""

    deployment: str
    outcome: str
    category: str | None = None
    status: int | None = None
    sent: bool = True
    exception: str | None = None
    code: str | None = None
    tokens: str | None = None  # provider, estimated; None: nothing was generated
    token_came: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One way to end. behaviours: of deployments a and b. urls: where it needs no server."""

    action: str
    outcome: str
    tries: tuple[Try, ...] = ()
    category: str | None = None
    raises: type[BaseException] | None = None
    model: Any = "chat"
    request: Any = None
    behaviours: Mapping[str, tuple[Behaviour, ...]] = field(default_factory=lambda: {"a": (GOOD,)})
    urls: Mapping[str, Callable[[Simulator], str]] = field(default_factory=dict)
    timeout: Mapping[str, float] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    access: Callable[[Any], bool | str] | None = None
    before: int = 0  # requests of the same kind that are made, and fail, before the one that is looked at
    route: str | None = "chat"
    deployment: str | None = "a"
    retries: Mapping[tuple[str, str], int] = field(default_factory=dict)
    fallbacks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=lambda: {"a": 0})

    @property
    def stream(self) -> bool:
        return self.action not in ("route", "cancel_before", "interrupt")


def ok(deployment: str = "a", *, stream: bool = False) -> Try:
    return Try(deployment=deployment, outcome="ok", status=200, tokens="provider", token_came=stream)


def failed(category: str, status: int | None = None, **more: Any) -> Try:
    return Try(**{"deployment": "a", "outcome": "error", "category": category, "status": status} | more)


def ends(outcome: str, status: int | None = 200, **more: Any) -> Try:
    return Try(**{"deployment": "a", "outcome": outcome, "status": status} | more)


def upstream(category: str, *tries: Try, action: str = "route", **more: Any) -> Cell:
    """A request that fails upstream."""
    return Cell(action=action, outcome="error", category=category, raises=UpstreamError, tries=tries, **more)


def refused(category: str, error: type[BaseException] = RequestError, **more: Any) -> Cell:
    """A request that no provider is asked about."""
    return Cell(
        **{"action": "route", "outcome": "error", "category": category, "raises": error, "deployment": None} | more
    )


ONE_RETRY = {"retry": {"per_deployment": 1, "base": 0.001}}
NO_RETRY = {"retry": {"per_deployment": 0}}
TWO = {"a": (Behaviour(status=500),), "b": (GOOD,)}
# A second, because what comes at once takes a while on a busy machine.
SOON = 1.0
QUICK = {"connect": 20.0, "read": SOON}
SERVER_ERROR = {"code": "server_error"}

BAD_KEY = "API key not valid. Please pass a valid API key."
SPENT = "You have reached your specified API usage limits. You will regain access on 2026-02-01 at 00:00 UTC."
TOO_FAST = "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 14368."


def told(status: int | None, /, **error: Any) -> Behaviour:
    """An error in a provider's own words; status: None is the first event of a 200 stream."""
    body = json.dumps({"error": error})
    return (
        Behaviour(error_event_after=0, error_json=body) if status is None else Behaviour(status=status, error_json=body)
    )


CELLS: dict[str, Cell] = {
    "ok": Cell(action="route", outcome="ok", tries=(ok(),)),
    "ok, compressed": Cell(
        action="route",
        outcome="ok",
        tries=(ok(),),
        behaviours={"a": (Behaviour(text=TEXT, encoding="gzip", **TOKENS),)},
    ),
    "ok stream": Cell(action="read", outcome="ok", tries=(ok(stream=True),)),
    "ok stream, no [DONE]": Cell(
        action="read",
        outcome="ok",
        tries=(ok(stream=True),),
        behaviours={"a": (Behaviour(text=TEXT, done=False, **TOKENS),)},
    ),
    "ok stream, no usage": Cell(
        action="read",
        outcome="ok",
        tries=(ends("ok", tokens="estimated", token_came=True),),
        behaviours={"a": (Behaviour(text=TEXT, usage=False),)},
    ),
    "bare break out of a stream": Cell(
        action="bare_break",
        outcome="abandoned",
        behaviours={"a": (STUCK_STREAM,)},
        tries=(ends("abandoned", tokens="estimated", token_came=True),),
    ),
    "with and break": Cell(
        action="with_break",
        outcome="cancelled",
        behaviours={"a": (STUCK_STREAM,)},
        tries=(ends("cancelled", tokens="estimated", token_came=True),),
    ),
    "close at once": Cell(
        action="close_at_once",
        outcome="cancelled",
        behaviours={"a": (Behaviour(first_token=30.0, text=TEXT),)},
        tries=(ends("cancelled"),),
    ),
    "abandoned stream": Cell(
        action="abandon",
        outcome="abandoned",
        behaviours={"a": (STUCK_STREAM,)},
        tries=(ends("abandoned", tokens="estimated", token_came=True),),
    ),
    "exception in the with block": Cell(
        action="raise_inside",
        outcome="cancelled",
        raises=ZeroDivisionError,
        behaviours={"a": (STUCK_STREAM,)},
        tries=(ends("cancelled", tokens="estimated", token_came=True),),
    ),
    "provider cuts the stream": upstream(
        "stream_truncated",
        failed("stream_truncated", 200, tokens="estimated", token_came=True, exception="RemoteProtocolError"),
        action="read",
        behaviours={"a": (Behaviour(text=TEXT, cut_after=2, chunk_delay=0.01),)},
    ),
    "provider cuts the stream before its first token, retry": Cell(
        action="read",
        outcome="ok",
        config=ONE_RETRY,
        behaviours={"a": (Behaviour(cut_after=0), GOOD)},
        tries=(failed("stream_truncated", 200, exception="RemoteProtocolError"), ok(stream=True)),
        retries={("a", "stream_truncated"): 1},
    ),
    "error event inside a 200 stream": upstream(
        "server_error",
        failed("server_error", 200, tokens="estimated", token_came=True, **SERVER_ERROR),
        action="read",
        behaviours={"a": (Behaviour(text=TEXT, error_event_after=2, chunk_delay=0.01),)},
    ),
    "error event before the first token, fallback": Cell(
        action="read",
        outcome="ok",
        model="pair",
        route="pair",
        deployment="b",
        config=NO_RETRY,
        behaviours={"a": (Behaviour(error_event_after=0),), "b": (GOOD,)},
        tries=(failed("server_error", 200, **SERVER_ERROR), ok("b", stream=True)),
        fallbacks={("a", "b"): 1},
        states={"a": 0, "b": 0},
    ),
    "401": upstream(
        "authentication_error",
        failed("authentication_error", 401, code="invalid_api_key"),
        behaviours={"a": (Behaviour(status=401),)},
    ),
    "404": upstream(
        "model_not_found",
        failed("model_not_found", 404, code="model_not_found"),
        behaviours={"a": (Behaviour(status=404),)},
    ),
    "429 then ok": Cell(
        action="route",
        outcome="ok",
        behaviours={"a": (Behaviour(status=429, retry_after="0.05"), GOOD)},
        tries=(failed("rate_limited", 429, code="rate_limit_exceeded"), ok()),
        retries={("a", "rate_limited"): 1},
    ),
    "429 quota": upstream(
        "quota_exhausted",
        failed("quota_exhausted", 429, code="insufficient_quota"),
        behaviours={"a": (Behaviour(status=429, error_code="insufficient_quota", error_type="insufficient_quota"),)},
    ),
    "400 bad key in Google's words, fallback": Cell(
        action="route",
        outcome="ok",
        model="pair",
        route="pair",
        deployment="b",
        behaviours={"a": (told(400, code=400, status="INVALID_ARGUMENT", message=BAD_KEY),), "b": (GOOD,)},
        tries=(failed("authentication_error", 400, code="400"), ok("b")),
        fallbacks={("a", "b"): 1},
        states={"a": 0, "b": 0},
    ),
    "400 spend limit, stream": upstream(
        "quota_exhausted",
        failed("quota_exhausted", 400, code="invalid_request_error"),
        action="read",
        behaviours={"a": (told(400, type="invalid_request_error", message=SPENT),)},
    ),
    "413 that is a rate": upstream(
        "rate_limited",
        failed("rate_limited", 413, code="rate_limit_exceeded"),
        behaviours={"a": (told(413, type="tokens", code="rate_limit_exceeded", message=TOO_FAST),)},
    ),
    "500 that is an overflow": upstream(
        "context_length_exceeded",
        failed("context_length_exceeded", 500, code="500"),
        config=ONE_RETRY,
        behaviours={"a": (told(500, code=500, type="server_error", message="Context size has been exceeded."),)},
    ),
    "error event that is an overflow": upstream(
        "context_length_exceeded",
        failed("context_length_exceeded", 200, code="server_error"),
        action="read",
        config=ONE_RETRY,
        behaviours={"a": (told(None, type="server_error", message="Context size has been exceeded."),)},
    ),
    "501": upstream(
        "not_supported",
        failed("not_supported", 501, code="501"),
        config=ONE_RETRY,
        behaviours={"a": (told(501, code=501, message="This server does not support embeddings."),)},
    ),
    "424 then ok": Cell(
        action="route",
        outcome="ok",
        config=ONE_RETRY,
        behaviours={"a": (told(424, message="Failed Dependency"), GOOD)},
        tries=(failed("server_error", 424), ok()),
        retries={("a", "server_error"): 1},
    ),
    "429 that asks for a wait in its body, then ok": Cell(
        action="route",
        outcome="ok",
        behaviours={"a": (told(429, status="RESOURCE_EXHAUSTED", message="slow", retryDelay="0.05s"), GOOD)},
        tries=(failed("rate_limited", 429, code="RESOURCE_EXHAUSTED"), ok()),
        retries={("a", "rate_limited"): 1},
    ),
    "500 then ok": Cell(
        action="route",
        outcome="ok",
        config=ONE_RETRY,
        behaviours={"a": (Behaviour(status=500), GOOD)},
        tries=(failed("server_error", 500, **SERVER_ERROR), ok()),
        retries={("a", "server_error"): 1},
    ),
    "500 then ok, stream": Cell(
        action="read",
        outcome="ok",
        config=ONE_RETRY,
        behaviours={"a": (Behaviour(status=500), GOOD)},
        tries=(failed("server_error", 500, **SERVER_ERROR), ok(stream=True)),
        retries={("a", "server_error"): 1},
    ),
    "500 on all deployments": upstream(
        "server_error",
        failed("server_error", 500, **SERVER_ERROR),
        failed("server_error", 500, **SERVER_ERROR),
        failed("server_error", 500, deployment="b", **SERVER_ERROR),
        failed("server_error", 500, deployment="b", **SERVER_ERROR),
        model="pair",
        route="pair",
        deployment="b",
        config=ONE_RETRY,
        behaviours={"a": (Behaviour(status=500),), "b": (Behaviour(status=500),)},
        retries={("a", "server_error"): 1, ("b", "server_error"): 1},
        fallbacks={("a", "b"): 1},
        states={"a": 0, "b": 0},
    ),
    "fallback": Cell(
        action="route",
        outcome="ok",
        model="pair",
        route="pair",
        deployment="b",
        config=NO_RETRY,
        behaviours=TWO,
        tries=(failed("server_error", 500, **SERVER_ERROR), ok("b")),
        fallbacks={("a", "b"): 1},
        states={"a": 0, "b": 0},
    ),
    "fallback, stream": Cell(
        action="read",
        outcome="ok",
        model="pair",
        route="pair",
        deployment="b",
        config=NO_RETRY,
        behaviours=TWO,
        tries=(failed("server_error", 500, **SERVER_ERROR), ok("b", stream=True)),
        fallbacks={("a", "b"): 1},
        states={"a": 0, "b": 0},
    ),
    "529 overloaded": upstream(
        "overloaded",
        failed("overloaded", 529, code="overloaded"),
        config=NO_RETRY,
        behaviours={"a": (Behaviour(status=529),)},
    ),
    "read timeout": upstream(
        "read_timeout",
        failed("read_timeout", exception="ReadTimeout"),
        config=NO_RETRY,
        timeout=QUICK,
        behaviours={"a": (STUCK,)},
    ),
    "read timeout mid-stream": upstream(
        "read_timeout",
        failed("read_timeout", 200, exception="ReadTimeout", tokens="estimated", token_came=True),
        action="read",
        timeout=QUICK,
        behaviours={"a": (STUCK_STREAM,)},
    ),
    "first-token timeout": upstream(
        "first_token_timeout",
        failed("first_token_timeout", 200),
        action="read",
        timeout={"first_token": SOON},
        behaviours={"a": (Behaviour(trickle=0.04, trickle_for=30.0),)},
    ),
    "total timeout on a trickle": upstream(
        "total_timeout",
        failed("total_timeout", 200),
        timeout={"total": SOON},
        behaviours={"a": (Behaviour(trickle=0.005, text="x" * 40, trickle_for=1.5),)},
    ),
    "total timeout on a trickling stream": upstream(
        "total_timeout",
        failed("total_timeout", 200),
        action="read",
        timeout={"total": SOON},
        behaviours={"a": (Behaviour(trickle=0.02, trickle_for=30.0),)},
    ),
    "connection refused": upstream(
        "connection_refused",
        failed("connection_refused", sent=False, exception="ConnectError"),
        config=NO_RETRY,
        urls={"a": Simulator.refused_url},
    ),
    "connect timeout": upstream(
        "connect_timeout",
        failed("connect_timeout", sent=False, exception="ConnectTimeout"),
        config=NO_RETRY,
        timeout={"connect": 0.1},
        urls={"a": Simulator.blackhole_url},
    ),
    "DNS failure": upstream(
        "dns_error",
        failed("dns_error", sent=False, exception="ConnectError"),
        config=NO_RETRY,
        urls={"a": Simulator.dns_failure_url},
    ),
    "TLS failure": upstream(
        "tls_handshake", failed("tls_handshake", sent=False, exception="ConnectError"), urls={"a": Simulator.tls_url}
    ),
    "connection reset": upstream(
        "connection_reset",
        failed("connection_reset", exception="ReadError"),
        config=NO_RETRY,
        behaviours={"a": (Behaviour(reset=True),)},
    ),
    "dropped without an answer": upstream(
        "connection_reset",
        failed("connection_reset", exception="RemoteProtocolError"),
        config=NO_RETRY,
        behaviours={"a": (Behaviour(drop=True),)},
    ),
    "broken JSON": upstream(
        "invalid_response", failed("invalid_response", 200), behaviours={"a": (Behaviour(wrong_json=True),)}
    ),
    "web page instead of JSON": upstream(
        "invalid_response", failed("invalid_response", 200), behaviours={"a": (Behaviour(html=True),)}
    ),
    "web page instead of a stream": upstream(
        "invalid_response", failed("invalid_response", 200), action="read", behaviours={"a": (Behaviour(html=True),)}
    ),
    "body cut half-way": upstream(
        "protocol_error",
        failed("protocol_error", 200, exception="RemoteProtocolError"),
        config=NO_RETRY,
        behaviours={"a": (Behaviour(cut_after=0),)},
    ),
    "cancelled before the answer": Cell(
        action="cancel_before",
        outcome="cancelled",
        raises=BaseException,
        behaviours={"a": (STUCK,)},
        tries=(ends("cancelled", None),),
    ),
    "cancelled mid-stream": Cell(
        action="cancel_mid",
        outcome="cancelled",
        raises=BaseException,
        behaviours={"a": (STUCK_STREAM,)},
        tries=(ends("cancelled", tokens="estimated", token_came=True),),
    ),
    "KeyboardInterrupt": Cell(
        action="interrupt",
        outcome="cancelled",
        raises=KeyboardInterrupt,
        behaviours={"a": (STUCK,)},
        tries=(ends("cancelled", None),),
    ),
    "unknown model": refused("unknown_model", model="nonsense", route=None),
    "unknown model, stream": refused("unknown_model", model="nonsense", route=None, action="read"),
    "invalid request": refused("invalid_request", request="not a mapping", route=None),
    "invalid request, stream": refused("invalid_request", request=["x"], route=None, action="read"),
    "not JSON": refused("invalid_request", request={"messages": float("nan")}, deployment="a"),
    "access refused": refused("access_denied", AccessDenied, access=lambda access: "paying users only", route=None),
    "access refused, stream": refused(
        "access_denied", AccessDenied, access=lambda access: False, route=None, action="read"
    ),
    "no deployment available": refused(
        "circuit_open",
        before=2,
        config=NO_RETRY | {"breaker": {"failures": 2, "cooldown": 60}},
        behaviours={"a": (Behaviour(status=500),)},
        deployment="a",
        states={"a": 2},
    ),
    "no deployment available, stream": refused(
        "circuit_open",
        action="read",
        before=2,
        config=NO_RETRY | {"breaker": {"failures": 2, "cooldown": 60}},
        behaviours={"a": (Behaviour(status=500),)},
        deployment="a",
        states={"a": 2},
    ),
}
