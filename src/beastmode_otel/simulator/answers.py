"""What the simulated provider says, before it takes the form of any API."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from beastmode_otel.simulator.behaviour import Behaviour, FinishReason
from beastmode_otel.simulator.request import ClientRequest

_CHARS_PER_TOKEN: Final = 4
_ARGUMENTS: Final = '{"city":"Paris"}'
_REMARKS: Final = (
    "That is a reasonable thing to ask.",
    "There is more than one good reply to that.",
    "The short version fits into one sentence.",
    "A longer version would need an example.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """Tokens. `input` includes `cached`, `output` includes `reasoning`."""

    input: int
    output: int
    cached: int
    reasoning: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedAnswer:
    """number: of the request, makes ids. created: Unix time. pieces: the text, or the tool's arguments, as deltas.
    tool: name of the tool called, None for a text. usage: None when it is not reported. finish: in OpenAI's words."""

    number: int
    created: int
    model: str
    text: str
    pieces: list[str]
    tool: str | None
    finish: FinishReason
    usage: TokenCounts | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvents:
    """A stream, encoded: what comes before the deltas, the deltas, and what comes after them. lines: JSON lines."""

    opening: tuple[bytes, ...] = ()
    deltas: tuple[bytes, ...] = ()
    closing: tuple[bytes, ...] = ()
    lines: bool = False


def dumps(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def event(data: bytes, name: bytes | None = None) -> bytes:
    """One server-sent event."""
    head = b"" if name is None else b"event: " + name + b"\n"
    return head + b"data: " + data + b"\n\n"


def answer(ask: ClientRequest, behaviour: Behaviour, number: int, now: float) -> ScriptedAnswer:
    """The answer to this request; the same request gets the same text."""
    text = _text(ask, behaviour)
    said = _ARGUMENTS if behaviour.tool_calls else text
    return ScriptedAnswer(
        number=number,
        created=int(now),
        model=ask.model,
        text=text,
        pieces=_pieces(said, behaviour.chunks),
        tool=ask.tool if behaviour.tool_calls else None,
        finish=behaviour.finish_reason or ("tool_calls" if behaviour.tool_calls else "stop"),
        usage=_usage(ask, behaviour, said) if behaviour.usage else None,
    )


def _text(ask: ClientRequest, behaviour: Behaviour) -> str:
    text = behaviour.text
    if text is None:
        text = ask.last if behaviour.echo else _derived(ask)
    if len(text) < behaviour.big:
        filler = f" {_REMARKS[0]}"
        text += (filler * (behaviour.big // len(filler) + 1))[: behaviour.big - len(text)]
    return text


def _derived(ask: ClientRequest) -> str:
    # A checksum tells prompts of one length apart, without repeating any of them.
    mark = zlib.crc32(f"{ask.model}\0{ask.last}".encode("utf-8", "backslashreplace"))
    return f"You said {ask.prompt_chars} characters. {_REMARKS[mark % len(_REMARKS)]} Reference {mark:08x}."


def _pieces(text: str, count: int) -> list[str]:
    """`text` in `count` parts of nearly one length, none of them empty."""
    count = max(1, min(count, len(text)))
    edges = [len(text) * index // count for index in range(count + 1)]
    return [text[start:end] for start, end in pairwise(edges)]


def _usage(ask: ClientRequest, behaviour: Behaviour, said: str) -> TokenCounts:
    cached, reasoning = behaviour.cached_tokens or 0, behaviour.reasoning_tokens or 0
    asked = behaviour.input_tokens
    told = behaviour.output_tokens
    return TokenCounts(
        input=_tokens(ask.prompt_chars) + cached if asked is None else asked,
        output=_tokens(len(said)) + reasoning if told is None else told,
        cached=cached,
        reasoning=reasoning,
    )


def _tokens(chars: int) -> int:
    return max(1, -(-chars // _CHARS_PER_TOKEN))
