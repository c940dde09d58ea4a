"""APIs that we do not know: everything passes through, and what can be recognised is read, by best guesses at where
text, usage, model and id usually stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from beastmode_otel.wire.facts import Ask, Chunk, ProviderError, Reply, Usage, later, openai_usage
from beastmode_otel.wire.formats.base import Body, Format
from beastmode_otel.wire.framing import as_one_event
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.sse import DONE, Event, SSEDecoder
from beastmode_otel.wire.stream_lines import LineDecoder
from beastmode_otel.wire.values import (
    content_text,
    count,
    decode,
    items,
    joined,
    mapping,
    number,
    reason_or_none,
    text,
    text_or_none,
)

Counter = Callable[[Any], Usage | None]


class Unknown(Format):
    """The format of what has no format here. `parsed` means no more than that the body is JSON.

    counters: how other formats count, by a member that only they have; all else is counted as OpenAI does.
    """

    api = "unknown"
    operation = "unknown"
    calls = (
        CallPath("/v*/chat", operation="chat", provider="cohere"),
        CallPath("/v*/embed", operation="embeddings", provider="cohere"),
    )

    def __init__(self, counters: Mapping[str, Counter] = MappingProxyType({})) -> None:
        super().__init__()
        self._counters = counters

    def read_request(self, body: Body) -> Ask:
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=mapping(body.get("stream_options")).get("include_usage") is True,
            max_tokens=count(body.get("max_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            has_tools=bool(body.get("tools")),
        )

    def read_body(self, body: Any) -> Reply:
        reason = finish_in(body)
        return Reply(
            parsed=True,
            body=body,
            model=name_in(body, "model"),
            id=name_in(body, "id"),
            text=text_in(body),
            finish_reasons=(reason,) if reason else (),
            usage=usage_in(body, self._counters),
            empty=not body,
            whole=True,  # nobody knows how it would end
            pending=is_receipt(body),
            error=error_in(body),
        )

    def read_response(self, body: bytes) -> Reply:
        value = decode(body)
        return Reply(parsed=False, empty=not body) if value is None else self.read_body(value)

    def reader(self) -> UnknownReader:
        return UnknownReader(self._counters)

    def replay(self, body: Any, *, include_usage: bool, unasked: bool = False) -> list[Chunk]:
        return as_one_event(body, Chunk(terminal=True), self.reader().feed)


# Streams.

_SSE: Final = (b"data:", b"event:", b"id:", b"retry:", b"error:", b":")
_MAX_HEAD: Final = 8192  # bytes that are looked at, blanks before the first line included
_ENOUGH: Final = 64  # bytes of the first line that tell as much as all of it
_MAX_KEPT: Final = 4096  # events kept for `Reply.body`


class UnknownReader:
    """A `StreamReader` for anything. `reply().body` is the list of decoded events, None above 4,096 of them.

    Bytes that are neither events nor JSON give one content chunk, without data, for each `feed`.
    """

    def __init__(self, counters: Mapping[str, Counter]) -> None:
        self._counters = counters
        self._head: bytes | None = b""  # None: the kind is known
        self._decoder: SSEDecoder | LineDecoder | None = None
        self._finished = False
        self._error: ProviderError | None = None
        self._events: list[Any] = []
        self._lost = False  # some event is not kept: there is no whole body any more
        self._texts: list[str] = []
        self._said = Reply(parsed=False, whole=True)

    @property
    def finished(self) -> bool:
        return self._finished

    @property
    def error(self) -> ProviderError | None:
        return self._error

    def feed(self, data: bytes) -> list[Chunk]:
        if self._head is not None:
            data = self._head = self._head + data
            if not _tells(data):
                return []
            self._choose(data)
        return self._read(data)

    def goes_on(self, data: bytes) -> None:
        return None  # nobody knows what events mean here

    def end(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        if (head := self._head) is not None:
            self._choose(head)
            chunks = self._read(head)
        if self._decoder is not None:
            chunks += [self._chunk(event) for event in self._decoder.end()]
        self._finished = self._error is None or self._finished
        return chunks

    def reply(self) -> Reply:
        events = [] if self._lost else self._events
        body = events[0] if len(events) == 1 else [*events] or None
        return replace(self._said, body=body, text=joined(self._texts), error=self._error)

    def _choose(self, head: bytes) -> None:
        self._head = None
        start = _start(head)
        if start.startswith(_SSE):
            self._decoder = SSEDecoder()
        elif start[:1] in (b"{", b"["):
            self._decoder = LineDecoder()

    def _read(self, data: bytes) -> list[Chunk]:
        if self._decoder is not None:
            return [self._chunk(event) for event in self._decoder.feed(data)]
        if not data:
            return []
        self._said = replace(self._said, empty=False)
        return [Chunk(content=True)]

    def _chunk(self, event: Event) -> Chunk:
        chunk = _meaning(event)
        self._error = self._error or chunk.error
        self._finished = self._finished or chunk.terminal
        self._lost = self._lost or event.dropped
        if chunk.data is not None:
            self._note(chunk.data, chunk.text)
        return chunk

    def _note(self, value: Any, said: str) -> None:
        self._lost = self._lost or len(self._events) == _MAX_KEPT
        if not self._lost:
            self._events.append(value)
        self._texts.append(said)
        last, reason = self._said, finish_in(value)
        self._said = Reply(
            parsed=True,
            model=last.model or name_in(value, "model"),
            id=last.id or name_in(value, "id"),
            finish_reasons=(reason,) if reason else last.finish_reasons,
            usage=later(last.usage, usage_in(value, self._counters)),
            empty=False,
            whole=True,
        )


def _meaning(event: Event) -> Chunk:
    value = decode(event.data)
    said, terminal = text_in(value), event.data.strip() == DONE or is_last(value)
    error = error_in(event.data if value is None else value, event=event.event)
    return Chunk(
        data=value,
        event=event.event,
        text=said,
        finish_reason=finish_in(value),
        content=bool(said) or event.dropped or (value is not None and not terminal and error is None),
        terminal=terminal,
        error=error,
    )


def _start(head: bytes) -> bytes:
    return head[:_MAX_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()


def _tells(head: bytes) -> bool:
    start = _start(head)
    return len(start) >= _ENOUGH or b"\n" in start or b"\r" in start or len(head) >= _MAX_HEAD


# Guesses.

_PLAIN: Final = ("output_text", "response", "completion", "generated_text", "text")
_ENDINGS: Final = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})


def text_in(value: Any) -> str:
    """The generated text of a response or of one step of a stream.

    Known: OpenAI chat, completions and responses, Anthropic, Ollama, Gemini, and servers with one plain member.
    """
    body = mapping(value)
    if text(body.get("type")).endswith(".done"):
        return ""  # OpenAI responses: repeats what the deltas said
    choice = mapping(next(iter(items(body.get("choices"))), None))
    return _in_choice(choice) or _in_delta(body) or _in_message(body) or _in_lists(body) or _in_member(body)


def usage_in(value: Any, counters: Mapping[str, Counter]) -> Usage | None:
    """Usage in the words of OpenAI, Ollama or one of `counters`, at the top or inside `response` or the like; Cohere's
    version 1 has it in `meta`."""
    body = mapping(value)
    inside = (mapping(body.get(name)) for name in ("response", "message", "delta"))
    choice = mapping(next(iter(items(body.get("choices"))), None))
    for home in (body, *inside, choice):
        for told in map(mapping, (home.get("usage"), home.get("usageMetadata"), home.get("meta"))):
            counter = next((counter for name, counter in counters.items() if name in told), openai_usage)
            if told and (usage := counter(told)) is not None:
                return usage
    ollamas = {"input_tokens": body.get("prompt_eval_count"), "output_tokens": body.get("eval_count")}
    return openai_usage(ollamas) if "eval_count" in body else None


def name_in(value: Any, name: str) -> str | None:
    """A text such as `model` or `id`, at the top or inside `response` or `message`."""
    body = mapping(value)
    homes = (body, mapping(body.get("response")), mapping(body.get("message")))
    return next((found for home in homes if (found := text_or_none(home.get(name)))), None)


def finish_in(value: Any) -> str | None:
    """Why the model stopped."""
    body = mapping(value)
    choice = mapping(next(iter(items(body.get("choices"))), None))
    candidate = mapping(next(iter(items(body.get("candidates"))), None))  # Gemini's
    stopped = (body.get("stop_reason"), mapping(body.get("delta")).get("stop_reason"), body.get("done_reason"))
    places = (choice.get("finish_reason"), *stopped, candidate.get("finishReason"))
    return next((found for place in places if (found := reason_or_none(place))), None)


def is_receipt(value: Any) -> bool:
    """Whether it is OpenAI's response that is still to be made, in background mode."""
    body = mapping(value)
    return body.get("object") == "response" and body.get("status") in ("queued", "in_progress")


def is_last(value: Any) -> bool:
    """Whether an event says that it is the last of its stream (Anthropic, OpenAI responses, Ollama)."""
    body = mapping(value)
    return body.get("done") is True or text(body.get("type")) in _ENDINGS


def _in_choice(choice: Mapping[str, Any]) -> str:
    delta, message = mapping(choice.get("delta")), mapping(choice.get("message"))
    return content_text(delta.get("content")) or content_text(message.get("content")) or text(choice.get("text"))


def _in_delta(body: Mapping[str, Any]) -> str:
    delta = body.get("delta")
    if isinstance(delta, str):
        return delta if text(body.get("type")).endswith("output_text.delta") else ""
    return text(mapping(delta).get("text"))


def _in_message(body: Mapping[str, Any]) -> str:
    return content_text(mapping(body.get("message")).get("content")) or content_text(body.get("content"))


def _in_lists(body: Mapping[str, Any]) -> str:
    output = "".join(content_text(mapping(item).get("content")) for item in items(body.get("output")))
    candidate = mapping(next(iter(items(body.get("candidates"))), None))
    return output or content_text(mapping(candidate.get("content")).get("parts"))


def _in_member(body: Mapping[str, Any]) -> str:
    return next((found for name in _PLAIN if (found := text(body.get(name)))), "")
