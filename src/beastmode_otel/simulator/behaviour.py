"""How the simulated provider answers one request: plain data, checked when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Final, Literal, get_args, get_type_hints

from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator.compress import check_installed
from beastmode_otel.simulator.kinds import (
    FLAG,
    LINE,
    PACE,
    PAIRS,
    RANGE,
    RETRY_AFTER,
    SECONDS,
    TEXT,
    ValueKind,
    one_of,
    pairs_of,
    whole,
)

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]
Dialect = Literal["openai", "azure", "groq", "mistral"]
Encoding = Literal["gzip", "deflate", "br", "zstd"]
ErrorShape = Literal[
    "openai",
    "anthropic",
    "azure",
    "azure_gateway",
    "vllm",
    "vllm_flat",
    "ollama",
    "gemini",
    "cohere",
    "fastapi",
    "html",
    "text",
    "empty",
]

_COUNT: Final = whole(0)
_DIALECTS: Final = one_of(*get_args(Dialect))
_ENCODINGS: Final = one_of(*get_args(Encoding))
_REASONS: Final = one_of(*get_args(FinishReason))
_SHAPES: Final = one_of(*get_args(ErrorShape))


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One way to answer. The default is a healthy provider. All times are in seconds.

    Raises ConfigError for a value that cannot be meant.

    Time
        latency: before anything is answered; (low, high) draws uniformly from the simulator's seeded generator.
        first_token: between the head and the first event of a stream. chunk_delay: between deltas.
        trickle: a whole body goes out byte by byte, one each `trickle` (in larger steps when `trickle_for` says how
            long it may take in all); a stream sends SSE comments each `trickle`, for `trickle_for` or for ever, before
            its first event. So no read timeout ever fires.
    ScriptedAnswer
        text: the answer; None derives one from the request that does not repeat it. echo: answer, and error messages,
            repeat the last user text. big: the answer is padded to that many characters. chunks: deltas of a stream
            (fewer when the text has fewer characters). tool_calls: the answer is a tool call.
        finish_reason: in OpenAI's words; mapped for the others.
        dialect: whose chat completions these are: `groq` puts usage into x_groq, `mistral` into the last choice,
            `azure` opens streams with the prompt's filter results. None: Azure's at its paths, OpenAI's elsewhere.
        usage: False reports none. input_tokens and output_tokens are totals, which include cached_tokens and
            reasoning_tokens, for both APIs; on the wire Anthropic's input_tokens excludes the cached ones.
        encoding: compresses bodies and streams, whatever the client accepts. headers: extra response headers, except
            those that frame the body.
        rate_limit_headers: OpenAI's or Anthropic's, counting down; all used up on a 429.
    Errors told
        status: from 400 on, an error body in error_shape (None: that of the API that was called), whose parts
            error_type, error_code and error_message override; error_json: the whole body, or the data of an error
            event, as it is given. retry_after: seconds, an HTTP date, or "date+2" for the
            date 2 s ahead; retry_after_ms, should_retry: the headers of these names.
        error_event_after: an error event inside a 200 stream after so many deltas; 0: before any event at all.
        redirect_to: a 307 (or `status`, when it is a 3xx) to there; "self" goes round in circles.
    Faults
        reset: TCP reset instead of an answer. drop: the connection closes instead of an answer.
        cut_after: the connection closes after so many deltas (0: after the head); a whole body breaks off half-way.
        done: False leaves out the terminal event ([DONE], message_stop, response.completed, the line with `done`,
            Gemini's with the finish reason, message-end) of a stream that ends cleanly.
        wrong_json, html, empty: a 200 whose body is broken JSON, a web page, nothing.
    """

    status: Annotated[int, whole(200, 599)] = 200
    latency: Annotated[float | tuple[float, float], RANGE] = 0.0
    first_token: Annotated[float, SECONDS] = 0.0
    chunk_delay: Annotated[float, SECONDS] = 0.0
    trickle: Annotated[float | None, PACE] = None
    trickle_for: Annotated[float | None, SECONDS] = None

    text: Annotated[str | None, TEXT] = None
    echo: Annotated[bool, FLAG] = False
    big: Annotated[int, _COUNT] = 0
    chunks: Annotated[int, whole(1)] = 5
    tool_calls: Annotated[bool, FLAG] = False
    finish_reason: Annotated[FinishReason | None, _REASONS] = None
    usage: Annotated[bool, FLAG] = True
    input_tokens: Annotated[int | None, _COUNT] = None
    output_tokens: Annotated[int | None, _COUNT] = None
    cached_tokens: Annotated[int | None, _COUNT] = None
    reasoning_tokens: Annotated[int | None, _COUNT] = None
    encoding: Annotated[Encoding | None, _ENCODINGS] = None
    dialect: Annotated[Dialect | None, _DIALECTS] = None
    rate_limit_headers: Annotated[bool, FLAG] = False
    headers: Annotated[Mapping[str, str] | tuple[tuple[str, str], ...], PAIRS] = ()

    retry_after: Annotated[str | None, RETRY_AFTER] = None
    retry_after_ms: Annotated[str | None, LINE] = None
    should_retry: Annotated[bool | None, FLAG] = None
    error_shape: Annotated[ErrorShape | None, _SHAPES] = None
    error_type: Annotated[str | None, TEXT] = None
    error_code: Annotated[str | None, TEXT] = None
    error_message: Annotated[str | None, TEXT] = None
    error_json: Annotated[str | None, TEXT] = None
    error_event_after: Annotated[int | None, _COUNT] = None
    redirect_to: Annotated[str | None, LINE] = None

    reset: Annotated[bool, FLAG] = False
    drop: Annotated[bool, FLAG] = False
    cut_after: Annotated[int | None, _COUNT] = None
    done: Annotated[bool, FLAG] = True
    wrong_json: Annotated[bool, FLAG] = False
    html: Annotated[bool, FLAG] = False
    empty: Annotated[bool, FLAG] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", pairs_of(self.headers))
        for name, kind in KINDS.items():
            value = getattr(self, name)
            if not (kind.accepts(value) or (value is None and name in _OPTIONAL)):
                raise _bad(f"{name}={value!r} must be {kind.wants}")
        for problem in filter(None, (_at_most_one(self), _tokens(self), _timing(self), _framing(self), _library(self))):
            raise _bad(problem)

    def __repr__(self) -> str:
        told = ((f.name, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name) != f.default)
        return f"Behaviour({', '.join(f'{name}={value!r}' for name, value in told)})"


def _bad(problem: str) -> ConfigError:
    return ConfigError(
        f"Bad behaviour: {problem}.", hints=("See the docstring of beastmode_otel.simulator.Behaviour.",)
    )


_RIVALS: Final = (
    ("reset", "drop"),
    ("wrong_json", "html", "empty"),
    ("cut_after", "error_event_after"),
)


def _at_most_one(given: Behaviour) -> str | None:
    for rivals in _RIVALS:
        # By identity: 0 is a number of deltas, and equal to False.
        on = [name for name in rivals if not any(getattr(given, name) is off for off in (None, False))]
        if len(on) > 1:
            return f"{' and '.join(on)} exclude each other"
    return None


def _tokens(given: Behaviour) -> str | None:
    for part, total in (("cached_tokens", "input_tokens"), ("reasoning_tokens", "output_tokens")):
        inside, whole_ = getattr(given, part), getattr(given, total)
        if inside is not None and whole_ is not None and inside > whole_:
            return f"{part}={inside} is part of {total}={whole_} and cannot be more"
    return None


def _timing(given: Behaviour) -> str | None:
    return "trickle_for needs trickle" if given.trickle_for is not None and given.trickle is None else None


def _framing(given: Behaviour) -> str | None:
    framing = {"content-length", "transfer-encoding"} & {name.lower() for name, _ in pairs_of(given.headers)}
    return f"headers cannot hold {framing.pop()}, see cut_after" if framing else None


def _library(given: Behaviour) -> str | None:
    return check_installed(given.encoding) if given.encoding else None


KINDS: Final[Mapping[str, ValueKind]] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Behaviour, include_extras=True).items()
}
_OPTIONAL: Final = frozenset(f.name for f in fields(Behaviour) if f.default is None)
