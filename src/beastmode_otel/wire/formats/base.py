"""What a wire format knows of itself, and what most of them have in common.

A format is one file here: how it asks, how it answers, how its streams are put together and taken apart. It says only
where it differs from these defaults, which are OpenAI's ways, since most APIs are copies of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

from beastmode_otel.providers import speaks
from beastmode_otel.wire.facts import Ask, Chunk, Reply, Usage, openai_usage
from beastmode_otel.wire.framing import Framing, as_one_event
from beastmode_otel.wire.paths import CallPath
from beastmode_otel.wire.provider_error import error_in
from beastmode_otel.wire.reader import Assembler, EventReader, StreamReader
from beastmode_otel.wire.user_text import Cut, cut_last_text
from beastmode_otel.wire.values import (
    count,
    decode,
    mapping,
    text,
    text_or_none,
)

Body = Mapping[str, Any]
End = Literal["whole", "truncated", "filtered", "refused"]

# The last two are Anthropic's words, which gateways pass on; Mistral's is `model_length`.
ENDS: Final[Mapping[str, End]] = MappingProxyType(
    {
        **dict.fromkeys(("stop", "tool_calls", "end_turn", "stop_sequence", "tool_use"), "whole"),
        **dict.fromkeys(("length", "model_length", "max_tokens", "model_context_window_exceeded"), "truncated"),
        "content_filter": "filtered",
        "refusal": "refused",
    }
)
# How the answer travels, how long to wait for it, and who asks: none of it changes what is answered.
# `model` has its own place: the vendor's name instead of the caller's. prompt_cache_*: the vendor's routing.
IGNORED: Final = frozenset(
    {
        *("model", "stream", "stream_options", "timeout", "metadata"),
        *("user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"),
    }
)
# Presence is enough, since `web_search_options: {}` searches. `audio` is an answer that later requests refer to by an
# id which expires; data_sources is Azure's, search_parameters xAI's, plugins OpenRouter's way to search.
STATEFUL: Final = frozenset(
    {
        *("previous_response_id", "conversation", "container", "mcp_servers", "audio"),
        *("web_search_options", "search_parameters", "plugins", "data_sources", "agent_id"),
    }
)
SWITCHES: Final = frozenset({"store", "background", "enable_search"})  # false means no; the last is DashScope's


class Format:
    """One API's way to ask and to answer. Stateless; none of its methods raises. `Reply` and `Ask` say what is read.

    What it is
        api: its name. operation: what a call does, as `gen_ai.operation.name`. calls: where calls are made. framing:
        how its streams are written, None when it has none. clients: how the user agents of its SDKs begin, in lower
        case. marks: headers that only they send.
    What it means
        ends: its finish reasons; one that is not there is no end that we know. request_id_header: of a response.
        ignored: members of a request that change nothing in the answer. stateful: members that make the answer depend
        on more than the request, or leave something behind at the provider; null is none. counts_ahead: its streams
        begin with usage, whose output is no count yet.
    How its streams end
        named: each event's name is its `type`. done: `[DONE]` follows. final: the event that ends a stream, for a body
        that has no equal stream; None: `[DONE]` does.
    """

    api: str
    operation: str = "chat"
    calls: tuple[CallPath, ...] = ()
    framing: Framing | None = "sse"
    clients: tuple[str, ...] = ("openai/", "groq/")
    marks: tuple[str, ...] = ("x-stainless-lang",)  # of the SDKs of OpenAI, Anthropic and Groq

    ends: Mapping[str, End] = ENDS
    request_id_header: str = "x-request-id"
    ignored: frozenset[str] = IGNORED
    stateful: frozenset[str] = STATEFUL
    counts_ahead: bool = False

    path: str = ""
    named: bool = False
    done: bool = False
    final: Mapping[str, Any] | None = None

    def __init__(self) -> None:
        self._telling = self.stateful | SWITCHES | {"tools"}

    # Asking.

    def endpoint(self, model: str, *, stream: bool) -> str:
        """What follows the base URL, with a query of its own if it has one."""
        return self.path

    def headers(self, key: str | None) -> dict[str, str]:
        """The headers of every request, names in lower case; among them the login."""
        return {} if key is None else {"authorization": f"Bearer {key}"}

    def body(self, body: Body, *, model: str | None, stream: bool) -> dict[str, Any]:
        """The caller's body as it is sent: for this model (None: the one it names), and asking for a stream."""
        return {**body, **({} if model is None else {"model": model}), **({"stream": True} if stream else {})}

    def read_request(self, body: Body) -> Ask:
        raise NotImplementedError

    def evidence(self, *, host: str, port: int | None, headers: Mapping[str, str], body: Body | None) -> bool:
        """Whether a request at a path that other services have too is meant for this API: a provider's host, an SDK's
        header, or a body of the right shape. Header names in lower case."""
        if speaks(host, self.api) or any(mark in headers for mark in self.marks):
            return True
        if headers.get("user-agent", "").lower().startswith(self.clients):
            return True
        return body is not None and self.has_shape(body)

    def has_shape(self, body: Body) -> bool:
        """Whether a body can be nobody else's."""
        return False

    def is_stateful(self, body: Body) -> bool:
        """Whether the answer depends on more than the request, or leaves something behind at the provider."""
        if self._telling.isdisjoint(body):
            return False
        if any(body.get(name) not in (None, False) for name in SWITCHES):
            return True
        if any(body.get(name) is not None for name in self.stateful):
            return True
        tools = body.get("tools")
        if not isinstance(tools, list | tuple):
            return tools is not None  # no shape that we know
        return not all(isinstance(tool, Mapping) and self.is_clients_tool(tool) for tool in tools)

    def is_clients_tool(self, tool: Body) -> bool:
        """Whether the caller carries a tool out. What has a shape that we do not know runs at the provider."""
        return tool.get("type") in ("function", "custom") or tool.keys() == {"function"}

    def last_user_text(self, body: Body) -> Cut:
        """The request, and cut out of it the last text of the user."""
        return cut_last_text(body)

    def gets_usage_unasked(self, *, provider: str, client: str) -> bool:
        """Whether the streams of this provider, or those that this user agent expects, carry usage that nobody can ask
        for. client: in lower case."""
        return False

    def address(self, target: bytes) -> bytes:
        """A path with its query, without what says only how the answer travels."""
        return target

    # Answering.

    def read_response(self, body: bytes) -> Reply:
        return self.read_body(decode(body))

    def read_body(self, body: Any) -> Reply:
        """What a decoded response says."""
        raise NotImplementedError

    def assembler(self) -> Assembler:
        """A new one, for one stream."""
        raise NotImplementedError

    def reader(self) -> StreamReader:
        """A new one, for one stream."""
        return EventReader(self.assembler(), self.read_body)

    def events(self, body: Any, *, include_usage: bool) -> list[dict[str, Any]] | None:
        """The events of a stream that says what a decoded response says; None when it is not of the shape that has
        one. Usage is left out without `include_usage` where the format's streams carry it on request only."""
        raise NotImplementedError

    def replay(self, body: Any, *, include_usage: bool, unasked: bool = False) -> list[Chunk]:
        """`reader` backwards: the chunks of such a stream. unasked: with usage where `gets_usage_unasked` has it.

        They end with the only terminal one, and `reader` reads the same chunks, and `body` again, from their
        `stream_bytes`. A body of another shape is one event. The chunks share values with `body`: neither may be
        changed. Without streams there are none.
        """
        if self.framing is None:
            return []
        assembler, events = self.assembler(), self.events(body, include_usage=include_usage)
        last = Chunk(terminal=True)
        if events is not None:
            chunks = [assembler.add(event, self._name(event)) for event in events]
            return [*chunks, last] if self.done else chunks
        if self.final is not None:
            last = assembler.add({**self.final}, self._name(self.final))
        name = "error" if self.named and error_in(body) else ""
        return as_one_event(body, last, self.reader().feed, event=name, framing=self.framing)

    def _name(self, event: Mapping[str, Any]) -> str:
        return text(event.get("type")) if self.named else ""


class Embeddings(Format):
    """What all APIs of embeddings share: where the vectors and the counts stand is the format's to say.

    They are never streamed, so there is nothing to replay them as.
    """

    operation = "embeddings"
    framing = None

    def read_request(self, body: Body) -> Ask:
        encoding = text_or_none(body.get("encoding_format"))
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            encoding_formats=(encoding,) if encoding else (),
            dimensions=count(body.get("dimensions")),
        )

    def last_user_text(self, body: Body) -> Cut:
        return Cut(body=body)  # two texts that mean the same have two vectors

    def vectors(self, body: Body) -> list[Any] | None:
        """Those of an answer; None when it is of another shape."""
        raise NotImplementedError

    def usage(self, body: Body) -> Usage | None:
        return openai_usage(body.get("usage"))

    def read_body(self, body: Any) -> Reply:
        """An answer is whole when each of its vectors is there, for embeddings have no finish reason."""
        said = mapping(body)
        vectors, error = self.vectors(said), error_in(body)
        found = bool(vectors) and all(isinstance(one, list | str) and one for one in vectors or ())
        return Reply(
            parsed=vectors is not None or error is not None,
            body=body,
            model=text_or_none(said.get("model")),
            id=text_or_none(said.get("id")),
            usage=self.usage(said),
            empty=not found,
            whole=found and error is None,
            error=error,
        )

    def assembler(self) -> NoStream:
        return NoStream()


class NoStream:
    """An `Assembler` of nothing, for who sends events where none are known."""

    complete = False

    def add(self, data: Mapping[str, Any], event: str) -> Chunk:
        return Chunk(data=data, event=event)

    def body(self) -> None:
        return None

    def growth(self, data: Mapping[str, Any]) -> None:
        return None
