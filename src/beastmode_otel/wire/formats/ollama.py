"""Ollama's own API: `POST /api/chat` and `/api/generate` in JSON lines, a stream unless the request says no, and its
embeddings (`POST /api/embed`, and the old `/api/embeddings`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from beastmode_otel.wire.draft import Draft
from beastmode_otel.wire.facts import Ask, Chunk, Reply, Usage, known
from beastmode_otel.wire.formats.base import Body, Embeddings, Format
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.reader import EventReader
from beastmode_otel.wire.stream_lines import LineDecoder
from beastmode_otel.wire.user_text import Cut, cut_member
from beastmode_otel.wire.values import (
    content_text,
    count,
    integer,
    is_object,
    items,
    joined,
    mapping,
    number,
    reason_or_none,
    replaces,
    text,
    text_or_none,
    texts,
)

_PORT: Final = 11434
# Many applications have a chat of their own at `/api/chat`: a word that only Ollama knows must be there too.
_ONLY: Final = ("options", "keep_alive", "format", "think", "raw", "template", "truncate")


class Ollama(Format):
    """What its APIs share. asks: the member that holds the question, and its type; "" for any."""

    clients = ("ollama-",)
    asks: tuple[str, type] = ("", object)

    def evidence(self, *, host: str, port: int | None, headers: Mapping[str, str], body: Body | None) -> bool:
        if port == _PORT or "ollama" in host.lower():
            return True
        return super().evidence(host=host, port=port, headers=headers, body=body)

    def has_shape(self, body: Body) -> bool:
        member, kind = self.asks
        return (
            isinstance(body.get("model"), str)
            and isinstance(body.get(member), kind)
            and any(name in body for name in _ONLY)
        )


class OllamaChat(Ollama):
    """The format of Ollama's chat. Its last line has `done` and the usage."""

    api = "ollama.chat"
    path = "/api/chat"
    calls: tuple[CallPath, ...] = (CallPath("/api/chat", generic=True),)
    framing: Framing = "ndjson"
    asks: tuple[str, type] = ("messages", list)
    final: Mapping[str, Any] = MappingProxyType({"done": True})

    def read_request(self, body: Body) -> Ask:
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
            stop_sequences=texts(options.get("stop")),
            frequency_penalty=number(options.get("frequency_penalty")),
            presence_penalty=number(options.get("presence_penalty")),
            has_tools=bool(body.get("tools")),
            output_type="json" if body.get("format") else None,  # the word, or a schema
        )

    def body(self, body: Body, *, model: str | None, stream: bool) -> dict[str, Any]:
        return {**super().body(body, model=model, stream=stream), "stream": stream}

    def read_body(self, body: Any) -> Reply:
        """Of either kind."""
        if not isinstance(body, Mapping):
            return Reply(parsed=False, body=body)
        message, reason, error = mapping(body.get("message")), reason_or_none(body.get("done_reason")), error_in(body)
        said = content_text(message.get("content")) + text(body.get("response"))
        calls = items(message.get("tool_calls"))
        return Reply(
            parsed=bool(message) or isinstance(body.get("response"), str) or error is not None,
            body=body,
            model=text_or_none(body.get("model")),
            text=said,
            finish_reasons=(reason,) if reason else (),
            usage=ollama_usage(body),
            tool_calls=len(calls),
            broken_calls=sum(
                not is_object(mapping(mapping(call).get("function")).get("arguments", {})) for call in calls
            ),
            empty=not (said or calls or message.get("images") or body.get("image")),
            error=error,
        )

    def assembler(self) -> OllamaAssembler:
        return OllamaAssembler()

    def reader(self) -> EventReader:
        return EventReader(self.assembler(), self.read_body, decoder=LineDecoder(documents=False))

    def events(self, body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
        return answer_events(body)


class OllamaGenerate(OllamaChat):
    """The format of Ollama's completion of a prompt."""

    api = "ollama.generate"
    operation = "text_completion"
    path = "/api/generate"
    calls = (CallPath("/api/generate", generic=True),)
    asks = ("prompt", str)

    def last_user_text(self, body: Body) -> Cut:
        return cut_member(body, "prompt")


class OllamaEmbed(Ollama, Embeddings):
    """The format of Ollama's embeddings."""

    api = "ollama.embed"
    path = "/api/embed"
    calls = (CallPath("/api/embed", generic=True), CallPath("/api/embeddings", generic=True))

    def vectors(self, body: Body) -> list[Any] | None:
        if "embedding" in body:  # the old endpoint's
            return [body["embedding"]] if isinstance(body["embedding"], list) else None
        found = body.get("embeddings")
        return found if isinstance(found, list) else None

    def usage(self, body: Body) -> Usage | None:
        return known(Usage(input_tokens=count(body.get("prompt_eval_count"))))


def ollama_usage(body: Body) -> Usage | None:
    """Ollama's counts. Old releases leave out the prompt's when they had it in memory."""
    return known(Usage(input_tokens=count(body.get("prompt_eval_count")), output_tokens=count(body.get("eval_count"))))


# Put together.

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
            finish_reason=reason_or_none(data.get("done_reason")),
            content=generated or any(data.get(name) for name in (*_TEXTS, "image")),
            terminal=data.get("done") is True,
        )

    def growth(self, data: Mapping[str, Any]) -> None:
        return None  # its events are dated, and so never alike

    def body(self) -> dict[str, Any] | None:
        if not self._top:
            return None
        grown: dict[str, Any] = {name: joined(parts) for name, parts in self._texts.items()}
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
        if replaces(name, value, self._top, "done_reason") and (value != 0 or not count(self._top.get(name))):
            self._top[name] = value


# Taken apart.


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
