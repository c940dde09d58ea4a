"""Cohere's chat and embeddings, version 2 (`POST /v2/chat`, `POST /v2/embed`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from beastmode_otel.providers import speaks
from beastmode_otel.wire.facts import Ask, Chunk, ProviderError, Reply, Usage, known, part
from beastmode_otel.wire.formats.base import IGNORED, Body, Embeddings, End, Format
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.pieces import pieces
from beastmode_otel.wire.provider_error import error_in, shorten
from beastmode_otel.wire.repeats import Growth
from beastmode_otel.wire.values import (
    content_text,
    count,
    integer,
    is_object,
    items,
    joined,
    mapping,
    number,
    place_in,
    reason_or_none,
    replaces,
    text,
    text_or_none,
    texts,
)

_LAST: Final = "message-end"
_FAILED: Final = ("ERROR", "TIMEOUT")


class Cohere(Format):
    """What its APIs share. Others have such paths too, and bodies of such a shape: a host or its SDK must speak."""

    clients = ("cohere/",)
    ignored = IGNORED | {"priority"}

    def evidence(self, *, host: str, port: int | None, headers: Mapping[str, str], body: Body | None) -> bool:
        if speaks(host, self.api) or headers.get("x-fern-sdk-name") == "cohere":
            return True
        return headers.get("user-agent", "").lower().startswith(self.clients)


class CohereChat(Cohere):
    """The format of Cohere's chat. Its streams always carry usage, in the last event."""

    api = "cohere.chat"
    path = "/v2/chat"
    calls = (CallPath("/v2/chat", generic=True),)
    ends: Mapping[str, End] = MappingProxyType(
        {**dict.fromkeys(("COMPLETE", "STOP_SEQUENCE", "TOOL_CALL"), "whole"), "MAX_TOKENS": "truncated"}
    )
    named = True
    final: Mapping[str, Any] = MappingProxyType({"type": _LAST})

    def read_request(self, body: Body) -> Ask:
        kind = mapping(body.get("response_format")).get("type")
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=True,
            max_tokens=count(body.get("max_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("p")),
            top_k=count(body.get("k")),
            seed=integer(body.get("seed")),
            stop_sequences=texts(body.get("stop_sequences")),
            frequency_penalty=number(body.get("frequency_penalty")),
            presence_penalty=number(body.get("presence_penalty")),
            has_tools=bool(body.get("tools")),
            output_type={"json_object": "json", "text": "text"}.get(kind) if isinstance(kind, str) else None,
        )

    def read_body(self, body: Any) -> Reply:
        if not isinstance(body, Mapping):
            return Reply(parsed=False, body=body)
        message, reason = mapping(body.get("message")), reason_or_none(body.get("finish_reason"))
        said, calls = content_text(message.get("content")), items(message.get("tool_calls"))
        error = error_in(body) or _failure(body)
        return Reply(
            parsed=("message" in body and isinstance(body["message"], Mapping)) or error is not None,
            body=body,
            id=text_or_none(body.get("id")),
            text=said,
            finish_reasons=(reason,) if reason else (),
            usage=cohere_usage(body.get("usage")),
            tool_calls=len(calls),
            broken_calls=sum(not is_object(_arguments(call)) for call in calls),
            empty=not (said or calls),
            error=error,
        )

    def assembler(self) -> CohereAssembler:
        return CohereAssembler()

    def events(self, body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
        return chat_events(body)


class CohereEmbed(Cohere, Embeddings):
    """The format of Cohere's embeddings: lists of vectors by their type (`float`, `int8`, `base64`, …)."""

    api = "cohere.embed"
    path = "/v2/embed"
    calls = (CallPath("/v2/embed", generic=True),)

    def read_request(self, body: Body) -> Ask:
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            encoding_formats=texts(body.get("embedding_types")),
            dimensions=count(body.get("output_dimension")),
        )

    def vectors(self, body: Body) -> list[Any] | None:
        found = body.get("embeddings")
        if not isinstance(found, Mapping):
            return None
        return [vector for vectors in found.values() for vector in items(vectors)]

    def usage(self, body: Body) -> Usage | None:
        return cohere_usage(body.get("meta"))


def cohere_usage(value: Any) -> Usage | None:
    """What is billed where that is told: it is what the price list counts, and leaves out Cohere's own preamble."""
    usage = mapping(value)
    billed, spent = mapping(usage.get("billed_units")), mapping(usage.get("tokens"))
    asked, answered = (
        next((found for told in (billed, spent) if (found := _tokens(told.get(name))) is not None), None)
        for name in ("input_tokens", "output_tokens")
    )
    return known(
        Usage(
            input_tokens=asked,
            output_tokens=answered,
            cached_input_tokens=part(_tokens(usage.get("cached_tokens")), asked),
        )
    )


def _tokens(value: Any) -> int | None:
    """Cohere's counts are floats at times."""
    return count(int(value)) if isinstance(value, float) and value.is_integer() else count(value)


def _arguments(call: Any) -> Any:
    return mapping(mapping(call).get("function")).get("arguments")


def _failure(body: Body) -> ProviderError | None:
    """Cohere tells by its finish reason, and in a stream beside it, that it gave up."""
    reason = body.get("finish_reason")
    return ProviderError(type=reason, message=shorten(text(body.get("error")))) if reason in _FAILED else None


# Put together.

# What the events of one kind add to: a list of the message, in which the event's `index` tells the place.
_LISTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "content-start": "content",
        "content-delta": "content",
        "tool-call-start": "tool_calls",
        "tool-call-delta": "tool_calls",
        "citation-start": "citations",
    }
)
_GROWING: Final = ("thinking", "text", "arguments")


class CohereAssembler:
    """An `Assembler`."""

    def __init__(self) -> None:
        self._top: dict[str, Any] = {}
        self._message: dict[str, Any] = {}
        self._plan: list[str] = []
        self._lists: dict[str, dict[int, ListItem]] = {}
        self._seen = False

    @property
    def complete(self) -> bool:
        return reason_or_none(self._top.get("finish_reason")) is not None

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        self._seen = True
        kind = text(data.get("type")) or event
        delta = mapping(data.get("delta"))
        message = mapping(delta.get("message"))
        if kind in _LISTED:
            return self._grow(_LISTED[kind], message, data, event)
        if kind == "tool-plan-delta":
            said = text(message.get("tool_plan"))
            self._plan.append(said)
            return Chunk(data=data, event=event, content=bool(said))
        if kind == "message-start":
            self._top.update({"id": data["id"]} if "id" in data else {})
            self._message.update(message)
        if kind != _LAST:
            return Chunk(data=data, event=event)
        self._top.update({k: v for k, v in delta.items() if replaces(k, v, self._top, "finish_reason")})
        reason = reason_or_none(delta.get("finish_reason"))
        return Chunk(data=data, event=event, finish_reason=reason, terminal=True, error=_failure(delta))

    def growth(self, data: Mapping[str, Any]) -> Growth | None:
        blocks = self._lists.get("content", {})
        block = blocks.get(place_in(data.get("index"), blocks))
        if block is None or data.get("type") != "content-delta" or "logprobs" in data:
            return None
        return block.growth(mapping(mapping(mapping(data.get("delta")).get("message")).get("content")))

    def body(self) -> dict[str, Any] | None:
        if not self._seen:
            return None
        lists = {name: [block.done() for _, block in sorted(them.items())] for name, them in self._lists.items()}
        plan = {"tool_plan": joined(self._plan)} if self._plan else {}
        return {**self._top, "message": {**self._message, **plan, **lists}}

    def _grow(self, member: str, message: Mapping[str, Any], data: Mapping[str, Any], event: str) -> Chunk:
        fields, blocks = mapping(message.get(member)), self._lists.setdefault(member, {})
        begins = not (text(data.get("type")) or event).endswith("-delta")
        place = place_in(data.get("index"), blocks, begins=begins)
        block = blocks.get(place)
        if block is None or begins:
            blocks[place] = ListItem(fields, inside="function" if member == "tool_calls" else "")
        else:
            block.add(fields)
        if "logprobs" in data:
            self._top["logprobs"] = [*items(self._top.get("logprobs")), data["logprobs"]]
        if member != "content":
            return Chunk(data=data, event=event, content=True)
        said = text(fields.get("text"))
        return Chunk(data=data, event=event, text=said, content=bool(said or fields.get("thinking")))


class ListItem:
    """A part of a content, a tool call or a citation, growing. inside: the member that its texts stand in, if any."""

    __slots__ = ("_inside", "_start", "_texts")

    def __init__(self, start: Mapping[str, Any], *, inside: str) -> None:
        self._start, self._inside = start, inside
        self._texts: dict[str, list[str]] = {}

    def add(self, fields: Mapping[str, Any]) -> None:
        for name, value in self._home(fields).items():
            if name in _GROWING and isinstance(value, str) and value:
                self._texts.setdefault(name, []).append(value)

    def growth(self, fields: Mapping[str, Any]) -> Growth | None:
        said = {name: value for name, value in fields.items() if name != "type"}
        name = next(iter(said), "")
        grows = len(said) == 1 and isinstance(said[name], str) and said[name] and name in self._texts
        return Growth(said[name], self._texts[name]) if grows else None

    def done(self) -> dict[str, Any]:
        home = self._home(self._start)
        grown: dict[str, Any] = {name: joined((text(home.get(name)), *parts)) for name, parts in self._texts.items()}
        if self._inside and grown:
            grown = {self._inside: {**home, **grown}}
        return {**self._start, **grown}

    def _home(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return mapping(fields.get(self._inside)) if self._inside else fields


# Taken apart.

_LISTS: Final = ("content", "tool_calls", "citations")


def chat_events(body: Any) -> list[dict[str, Any]] | None:
    """All events, each with its name as its `type`; None when `body` is no answer."""
    if not _is_answer(body):
        return None
    message = body["message"]
    start = {name: value for name, value in message.items() if not value or name not in (*_LISTS, "tool_plan")}
    end = {name: value for name, value in body.items() if name not in ("id", "message")}
    plan = pieces(text(message.get("tool_plan")))
    return [
        {"type": "message-start", **({"id": body["id"]} if "id" in body else {}), "delta": {"message": start}},
        *({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}} for piece in plan),
        *_listed(message, "content", "content", ("thinking", "text")),
        *_listed(message, "tool_calls", "tool-call", ("arguments",), inside="function"),
        *_listed(message, "citations", "citation", ()),
        {"type": _LAST, "delta": end},
    ]


def _is_answer(body: Any) -> bool:
    answer = mapping(body)
    message = answer.get("message")
    return (
        isinstance(message, Mapping)
        and isinstance(answer.get("finish_reason", ""), str)
        and all(isinstance(block, Mapping) for name in _LISTS for block in _list(message.get(name)))
        and isinstance(message.get("tool_plan") or "", str)
        and error_in(body) is None
        and _failure(answer) is None
    )


def _list(value: Any) -> list[Any]:
    """The items of a list, or of nothing; of anything else one that is no object."""
    return [*value] if isinstance(value, list) else [value] if value else []


def _listed(
    message: Mapping[str, Any], member: str, name: str, growing: tuple[str, ...], *, inside: str = ""
) -> Iterator[dict[str, Any]]:
    """The events of one list of the message: each item begins without the texts that grow, which follow in pieces."""
    for place, block in enumerate(items(message.get(member))):
        home = mapping(block.get(inside)) if inside else block
        texts_of = {each: home[each] for each in growing if isinstance(home.get(each), str) and home[each]}
        start = {**home, **dict.fromkeys(texts_of, "")}
        start = {**block, inside: start} if inside and inside in block else start if not inside else {**block}
        yield {"type": f"{name}-start", "index": place, "delta": {"message": {member: start}}}
        for each, said in texts_of.items():
            for piece in pieces(said):
                grown = {each: piece}
                delta = {member: {inside: grown} if inside else grown}
                yield {"type": f"{name}-delta", "index": place, "delta": {"message": delta}}
        yield {"type": f"{name}-end", "index": place}
