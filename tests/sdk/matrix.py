"""The endings of a call through an SDK as data, and exactly what telemetry must say of each (design.md §3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from beastmode_otel.simulator import Simulator
from sdk.plan import FACTS

SLOW = {"chunk_delay": 0.3, "chunks": 8}
STUCK = {"latency": 30.0}
STUCK_STREAM = {"chunks": 2, "chunk_delay": 30.0}
SOON = {"retry_after_ms": "10", "retry_after": "0.01"}
Steps = tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Try:
    """One expected HTTP request, which is an attempt and a request at once. code: False: none is told; None: the one
    that the provider's API has for this status. tokens: provider, estimated; None: nothing was generated."""

    outcome: str
    category: str | None = None
    status: int | None = 200
    sent: bool = True
    exception: str | None = None
    code: str | bool | None = False
    tokens: str | None = None
    token_came: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One way to end. steps: what the provider does, request by request, as options of Behaviour. lets: the SDKs that
    raise nothing. note: the exception that the app gets, or one below it, says what to do."""

    action: str
    tries: tuple[Try, ...]
    steps: Steps = (FACTS,)
    url: Callable[[Simulator], str] | None = None
    timeout: float = 20.0
    retries: int = 0
    raises: bool = False
    lets: tuple[str, ...] = ()
    note: bool = False

    @property
    def stream(self) -> bool:
        return self.action not in ("whole", "cancel_before")


def ok(*, stream: bool = False, tokens: str = "provider") -> Try:
    return Try(outcome="ok", tokens=tokens, token_came=stream)


def left(outcome: str, **more: Any) -> Try:
    return Try(outcome=outcome, **more)


def failed(category: str, status: int | None = None, **more: Any) -> Try:
    return Try(**{"outcome": "error", "category": category, "status": status} | more)


def broken(category: str, *tries: Try, action: str = "whole", **more: Any) -> Cell:
    """A call that the way to the provider, or the provider, fails."""
    given: dict[str, Any] = {"action": action, "tries": tries or (failed(category),), "raises": True}
    return Cell(**given | more)


def refused(category: str, status: int, *, action: str = "whole", **more: Any) -> Cell:
    """A status, told once: the SDK is asked not to try again."""
    return broken(category, failed(category, status, code=None), action=action, steps=({"status": status},), **more)


def reading(**more: Any) -> Mapping[str, Any]:
    return {**FACTS, **more}


GENERATED: Mapping[str, Any] = {"tokens": "estimated", "token_came": True}

CELLS: dict[str, Cell] = {
    "ok": Cell(action="whole", tries=(ok(),)),
    "ok, gzip": Cell(action="whole", tries=(ok(),), steps=(reading(encoding="gzip"),)),
    "ok, brotli": Cell(action="whole", tries=(ok(),), steps=(reading(encoding="br"),)),
    "ok stream": Cell(action="read", tries=(ok(stream=True),)),
    "ok stream, gzip": Cell(action="read", tries=(ok(stream=True),), steps=(reading(encoding="gzip"),)),
    "ok stream, zstd": Cell(action="read", tries=(ok(stream=True),), steps=(reading(encoding="zstd"),)),
    # How one leaves a stream.
    "bare break": Cell(action="bare_break", tries=(left("garbage"),), steps=(reading(**SLOW),)),
    "with and break": Cell(action="with_break", tries=(left("cancelled"),), steps=(reading(**SLOW),)),
    "close() after the first event": Cell(action="close", tries=(left("cancelled"),), steps=(reading(**SLOW),)),
    "closed at once": Cell(action="close_at_once", tries=(left("cancelled"),), steps=(reading(first_token=2.0),)),
    "abandoned in a cycle": Cell(action="abandon", tries=(left("garbage"),), steps=(reading(**SLOW),)),
    "abandoned unread": Cell(action="forget", tries=(left("abandoned"),), steps=(reading(**SLOW),)),
    "exception in the with block": Cell(
        action="raise_inside", tries=(left("cancelled"),), steps=(reading(**SLOW),), raises=True
    ),
    "cancelled before the answer": Cell(
        action="cancel_before", tries=(left("cancelled", status=None),), steps=(STUCK,), raises=True
    ),
    "cancelled mid-stream": Cell(
        action="cancel_mid", tries=(left("cancelled", **GENERATED),), steps=(reading(**STUCK_STREAM),), raises=True
    ),
    # What goes wrong inside a stream.
    "cut stream": broken(
        "stream_truncated",
        failed("stream_truncated", 200, exception="RemoteProtocolError", **GENERATED),
        action="read", steps=(reading(cut_after=2, chunk_delay=0.01),), note=True,
    ),
    "cut before the first token": broken(
        "stream_truncated",
        failed("stream_truncated", 200, exception="RemoteProtocolError"),
        action="read", steps=(reading(cut_after=0),), note=True,
    ),
    "error event inside a stream": broken(
        "event", failed("event", 200, code=None, **GENERATED),
        action="read", steps=(reading(error_event_after=2, chunk_delay=0.01),), lets=("responses", "cohere"),
    ),
    "error event before the first token": broken(
        "event", failed("event", 200, code=None),
        action="read", steps=(reading(error_event_after=0),), lets=("responses", "cohere"),
    ),
    "read timeout mid-stream": broken(
        "read_timeout", failed("read_timeout", 200, exception="ReadTimeout", **GENERATED),
        action="read", steps=(reading(**STUCK_STREAM),), timeout=1.0, note=True,
    ),
    # The way to the provider.
    "read timeout": broken(
        "read_timeout", failed("read_timeout", exception="ReadTimeout"), steps=(STUCK,), timeout=1.0, note=True
    ),
    "read timeout of a stream's head": broken(
        "read_timeout", failed("read_timeout", exception="ReadTimeout"),
        action="read", steps=(STUCK,), timeout=1.0, note=True,
    ),
    "connect timeout": broken(
        "connect_timeout", failed("connect_timeout", sent=False, exception="ConnectTimeout"),
        url=Simulator.blackhole_url, timeout=0.3, note=True,
    ),
    "refused": broken(
        "connection_refused", failed("connection_refused", sent=False, exception="ConnectError"),
        url=Simulator.refused_url, note=True,
    ),
    "refused, stream": broken(
        "connection_refused", failed("connection_refused", sent=False, exception="ConnectError"),
        action="read", url=Simulator.refused_url, note=True,
    ),
    "DNS failure": broken(
        "dns_error", failed("dns_error", sent=False, exception="ConnectError"),
        url=Simulator.dns_failure_url, note=True,
    ),
    "TLS failure": broken(
        "tls_handshake", failed("tls_handshake", sent=False, exception="ConnectError"),
        url=Simulator.tls_url, note=True,
    ),
    "connection reset": broken(
        "connection_reset", failed("connection_reset", exception="ReadError"), steps=({"reset": True},), note=True
    ),
    "dropped without an answer": broken(
        "connection_reset", failed("connection_reset", exception="RemoteProtocolError"),
        steps=({"drop": True},), note=True,
    ),
    "body cut half-way": broken(
        "protocol_error", failed("protocol_error", 200, exception="RemoteProtocolError"),
        steps=(reading(cut_after=0),), note=True,
    ),
    # What the provider says.
    "400": refused("invalid_request", 400),
    "401": refused("authentication_error", 401),
    "401, stream": refused("authentication_error", 401, action="read"),
    "404": refused("model_not_found", 404),
    "429": refused("rate_limited", 429),
    "429, stream": refused("rate_limited", 429, action="read"),
    "500": refused("server_error", 500),
    "529": refused("overloaded", 529),
    "429, SDK retry": Cell(
        action="whole", retries=1, steps=({"status": 429, **SOON}, FACTS),
        tries=(failed("rate_limited", 429, code=None), ok()),
    ),
    "429, SDK retry, stream": Cell(
        action="read", retries=1, steps=({"status": 429, **SOON}, FACTS),
        tries=(failed("rate_limited", 429), ok(stream=True)),  # the SDK does not read why, and so nobody does
    ),
    "429 and 500, SDK retries": Cell(
        action="whole", retries=2, steps=({"status": 429, **SOON}, {"status": 500, **SOON}, FACTS),
        tries=(failed("rate_limited", 429, code=None), failed("server_error", 500, code=None), ok()),
    ),
    "500 and 400, the SDK gives up": Cell(
        action="whole", retries=1, steps=({"status": 500, **SOON}, {"status": 400}),
        tries=(failed("server_error", 500, code=None), failed("invalid_request", 400, code=None)), raises=True,
    ),
    "reset, SDK retry": Cell(
        action="whole", retries=1, steps=({"reset": True}, FACTS),
        tries=(failed("connection_reset", exception="ReadError"), ok()),
    ),
    # A 200 that is none.
    "broken JSON": broken(
        "invalid_response", failed("invalid_response", 200), steps=({"wrong_json": True},), lets=("any",)
    ),
    "web page instead of JSON": broken(
        "invalid_response", failed("invalid_response", 200), steps=({"html": True},), lets=("any",)
    ),
    "web page instead of a stream": broken(
        "invalid_response", failed("invalid_response", 200), action="read", steps=({"html": True},), lets=("any",)
    ),
}  # fmt: skip

# What each API calls its errors: the code, or where there is none the type.
OPENAI_CODES = {
    200: "server_error", 400: "invalid_request_error", 401: "invalid_api_key", 404: "model_not_found",
    429: "rate_limit_exceeded", 500: "server_error", 529: "overloaded",
}  # fmt: skip
ANTHROPIC_CODES = {
    200: "overloaded_error", 400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error",
    429: "rate_limit_error", 500: "api_error", 529: "overloaded_error",
}  # fmt: skip


# Google's numbers are the statuses; Cohere has words only, and a kind for what ends a stream.
GEMINI_CODES = {status: str(status) for status in (400, 401, 404, 429, 500, 529)} | {200: "500"}
COHERE_CODES = dict.fromkeys((400, 401, 404, 429, 500, 529)) | {200: "ERROR"}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How an SDK's provider differs. event: the category of its error event. tokens: what a whole answer counts.
    names_model: an answer does. begins: its streams begin with a token. counts: the SDK tells which try it is."""

    codes: Mapping[int, str | None] = field(default_factory=lambda: OPENAI_CODES)
    event: str = "server_error"
    tokens: Mapping[str, int] = field(
        default_factory=lambda: {"input": 110, "output": 40, "cached_input": 30, "reasoning": 8}
    )
    finish: str = "stop"
    author: str = "openai"  # of the format: whom a host that nobody knows speaks for
    names_model: bool = True
    begins: bool = False
    counts: bool = True


CLAUDE = Dialect(
    codes=ANTHROPIC_CODES,
    event="overloaded",
    tokens={"input": 110, "output": 40, "cached_input": 30},
    finish="end_turn",
    author="anthropic",
)
DIALECTS: dict[str, Dialect] = {
    "openai": Dialect(),
    "responses": Dialect(),
    "anthropic": CLAUDE,
    "mistral": Dialect(),
    "groq": Dialect(),
    "gemini": Dialect(codes=GEMINI_CODES, finish="STOP", author="custom", begins=True, counts=False),
    "cohere": Dialect(
        codes=COHERE_CODES,
        tokens={"input": 110, "output": 40, "cached_input": 30},
        finish="COMPLETE",
        author="custom",
        names_model=False,
        counts=False,
    ),
}

# What is otherwise with an SDK, by ending and its name; None where it cannot be. Streams that are generators ask
# nothing before they are read, and these hang up at the first line that is none.
_GENERATORS = ("gemini", "cohere")
_ONE_RESET = broken(
    "connection_reset", failed("connection_reset", exception="ReadError"), steps=({"reset": True},), retries=1
)
_HUNG_UP = Cell(action="read", tries=(left("cancelled"),), steps=({"html": True},), raises=True)
OTHERWISE: dict[tuple[str, str], Cell | None] = {
    **{(ending, name): None for ending in ("closed at once", "abandoned unread") for name in _GENERATORS},
    **{("web page instead of a stream", name): _HUNG_UP for name in _GENERATORS},
    **{("reset, SDK retry", name): _ONE_RESET for name in _GENERATORS},
    ("429, SDK retry, stream", "cohere"): refused("rate_limited", 429, action="read", retries=1),
    ("429, SDK retry, stream", "gemini"): replace(
        CELLS["429, SDK retry, stream"], tries=(failed("rate_limited", 429, code=None), ok(stream=True))
    ),
}


def cell_of(ending: str, name: str) -> Cell | None:
    return OTHERWISE.get((ending, name), CELLS[ending])
