"""Ollama's own API (`POST /api/chat`, `POST /api/generate`): JSON lines, and a stream unless the request says no."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from beastmode_otel.wire.draft import Draft
from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.one_event import as_one_event
from beastmode_otel.wire.formats.openai_chat import stop_sequences
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.reader import EventReader
from beastmode_otel.wire.stream_lines import LineDecoder
from beastmode_otel.wire.usage import Usage
from beastmode_otel.wire.values import content_text, count, decode, integer, items, mapping, number, text, text_or_none

_TEXTS: Final = ("thinking", "response")  # that grow at the top, in the order in which models produce them
_MESSAGE: Final = ("thinking", "content")  # and in a message


class OllamaAssembler:
    """An `Assembler` for chat and generate: texts and probabilities grow, of the rest the last value counts."""

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._texts: dict[str, list[str]] = {}
        self._logprobs: list[Any] = []
        self._message: Draft | None = None

    @property
    def complete(self) -> bool:
        return self._top.get("done") is True

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        message = data.get("message")
        for name, value in data.items():
            self._put(name, value)
        delta = mapping(message)
        generated = any(value for name, value in delta.items() if name != "role")
        return Chunk(
            data=data,
            event=event,
            text=content_text(delta.get("content")) + text(data.get("response")),
            finish_reason=text_or_none(data.get("done_reason")),
            content=generated or any(data.get(name) for name in (*_TEXTS, "image")),
            terminal=data.get("done") is True,
        )

    def growth(self, data: Mapping[str, Any]) -> None:
        return None  # its events are dated, and so never alike

    def body(self) -> dict[str, Any] | None:
        if not self._top:
            return None
        grown: dict[str, Any] = {name: "".join(parts) for name, parts in self._texts.items()}
        if self._message is not None:
            grown["message"] = self._message.done()
        return {**self._top, **grown, **({"logprobs": self._logprobs[:]} if self._logprobs else {})}

    def _put(self, name: str, value: Any) -> None:
        if name == "message" and isinstance(value, Mapping):
            self._message = self._message or Draft()
            self._message.add(value)
        elif name in _TEXTS and isinstance(value, str):
            self._texts.setdefault(name, []).append(value)
        elif name == "logprobs" and isinstance(value, list):
            self._logprobs += value
        if value is not None or name not in self._top:
            self._top[name] = value


def answer_events(body: Any) -> list[dict[str, Any]] | None:
    """The lines of an equal stream; None when `body` is no complete answer.

    Tool calls, images and probabilities come in one piece. All lines carry the answer's own time.
    """
    if not _is_answer(body):
        return None
    head = {name: body[name] for name in ("model", "created_at") if name in body}
    steps = [{**head, **step, "done": False} for step in _steps(body)]
    last = {**body, **{name: "" for name in _TEXTS if isinstance(body.get(name), str)}}
    if "message" in body:
        role = {"role": body["message"]["role"]} if "role" in body["message"] else {}
        last["message"] = {**role, **{n: "" for n in _MESSAGE if isinstance(body["message"].get(n), str)}}
    return [*steps, last]


def _is_answer(body: Any) -> bool:
    """Two texts in one answer, or a text that is none, are no shape of Ollama's."""
    answer = mapping(body)
    kinds = isinstance(answer.get("message"), Mapping) != isinstance(answer.get("response"), str)
    shape = kinds and ("message" not in answer or isinstance(answer["message"], Mapping))
    return shape and answer.get("done") is True and error_in(body) is None


def _steps(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in _TEXTS:
        yield from ({name: piece} for piece in pieces(text(body.get(name))))
    message = mapping(body.get("message"))
    role = {"role": message["role"]} if "role" in message else {}
    for name in _MESSAGE:
        yield from ({"message": {**role, name: piece}} for piece in pieces(text(message.get(name))))
    rest = {n: v for n, v in message.items() if n != "role" and not (n in _MESSAGE and isinstance(v, str))}
    if rest:
        yield {"message": {**role, **rest}}


class OllamaChat:
    """The format of Ollama's chat. Its last line has `done` and the usage."""

    api = "ollama.chat"
    operation = "chat"
    path = "/api/chat"
    framing: Framing | None = "ndjson"

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        options = mapping(body.get("options"))
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is not False,
            include_usage=True,
            max_tokens=count(options.get("num_predict")),  # -1 and -2 are no limit
            temperature=number(options.get("temperature")),
            top_p=number(options.get("top_p")),
            top_k=count(options.get("top_k")),
            seed=integer(options.get("seed")),
            stop_sequences=stop_sequences(options.get("stop")),
            frequency_penalty=number(options.get("frequency_penalty")),
            presence_penalty=number(options.get("presence_penalty")),
            has_tools=bool(body.get("tools")),
            output_type="json" if body.get("format") else None,  # the word, or a schema
        )

    def read_response(self, body: bytes) -> Reply:
        return read_body(decode(body))

    def reader(self) -> EventReader:
        return EventReader(OllamaAssembler(), read_body, decoder=LineDecoder(documents=False))

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        events, assembler = answer_events(body), OllamaAssembler()
        if events is None:
            return as_one_event(body, assembler.add({"done": True}, ""), self.reader().feed, framing="ndjson")
        return [assembler.add(event, "") for event in events]


class OllamaGenerate(OllamaChat):
    """The format of Ollama's completion of a prompt."""

    api = "ollama.generate"
    operation = "text_completion"
    path = "/api/generate"


def read_body(body: Any) -> Reply:
    """What a decoded response says, of either kind."""
    if not isinstance(body, Mapping):
        return Reply(parsed=False, body=body)
    message, reason, error = mapping(body.get("message")), text_or_none(body.get("done_reason")), error_in(body)
    said, calls = content_text(message.get("content")) + text(body.get("response")), items(message.get("tool_calls"))
    return Reply(
        parsed=bool(message) or isinstance(body.get("response"), str) or error is not None,
        body=body,
        model=text_or_none(body.get("model")),
        text=said,
        finish_reasons=(reason,) if reason else (),
        usage=read_usage(body),
        tool_calls=len(calls),
        empty=not (said or calls or message.get("images") or body.get("image")),
        error=error,
    )


def read_usage(body: Mapping[str, Any]) -> Usage | None:
    """Ollama's counts. Old releases leave out the prompt's when they had it in memory."""
    read, made = count(body.get("prompt_eval_count")), count(body.get("eval_count"))
    return None if read is None and made is None else Usage(input_tokens=read, output_tokens=made)
