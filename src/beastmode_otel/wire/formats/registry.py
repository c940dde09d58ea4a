"""The formats that we know, behind one protocol, and how to find the right one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.anthropic import AnthropicMessages
from beastmode_otel.wire.formats.embeddings import OllamaEmbed, OpenAIEmbeddings
from beastmode_otel.wire.formats.ollama import OllamaChat, OllamaGenerate
from beastmode_otel.wire.formats.openai_chat import MistralFim, OpenAIChat
from beastmode_otel.wire.formats.openai_completions import OpenAICompletions
from beastmode_otel.wire.formats.openai_responses import OpenAIResponses
from beastmode_otel.wire.formats.unknown import Unknown
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.paths import BUILT_IN
from beastmode_otel.wire.provider_error import ProviderError


class StreamReader(Protocol):
    """Reads one stream, as bytes arrive. Not thread-safe.

    - Nothing here raises, whatever the bytes are; and however they are split, the chunks and the reply are the same.
    - `feed` gives one chunk for each event that the bytes complete, `end` (the bytes are over) those still pending.
    - `finished`: the terminal event was seen, or, after `end`, the answer is complete without one. A stream that ended
      and is not finished was cut. `error`: the first error event; look at it before `finished`.
    - `goes_on`: for those who need no chunks. Reads `data` if all that it says is more text, as the event before did,
      and gives the number of characters; None, and nothing was read: `feed` it.
    - `reply` may be called at any time, also on a stream that was cut. Its body has the shape of the response without
      a stream, and shares values with the chunks: neither may be changed.
    - It reads event streams only: a plain JSON answer to a streaming request (see its content type) goes to
      `Format.read_response`.
    """

    @property
    def finished(self) -> bool: ...
    @property
    def error(self) -> ProviderError | None: ...
    def feed(self, data: bytes) -> list[Chunk]: ...
    def goes_on(self, data: bytes) -> int | None: ...
    def end(self) -> list[Chunk]: ...
    def reply(self) -> Reply: ...


class Format(Protocol):
    """One API's way to ask and to answer. Stateless; none of its methods raises.

    - `api` names it, `operation` is what the call does (`chat`), `path` follows the base URL.
    - `framing`: how its streams are written; None when it has none (embeddings), and `replay` then gives no chunk.
    - `replay` is `reader` backwards: the chunks of a stream that says what `body`, the decoded JSON of a whole answer,
      says. They end with the only terminal one, and `reader` reads the same chunks, and `body` again, from their
      `stream_bytes`. Usage is left out without `include_usage` where the format's streams carry it on request only. A
      body of another shape is one event. The chunks share values with `body`: neither may be changed.
    """

    @property
    def api(self) -> str: ...
    @property
    def operation(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def framing(self) -> Framing | None: ...
    def read_request(self, body: Mapping[str, Any]) -> Ask: ...
    def read_response(self, body: bytes) -> Reply: ...
    def reader(self) -> StreamReader: ...
    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]: ...


UNKNOWN: Final[Format] = Unknown()
_KNOWN: Final[tuple[Format, ...]] = (
    *(OpenAIChat(), OpenAIResponses(), OpenAIEmbeddings(), OpenAICompletions(), MistralFim()),
    AnthropicMessages(),
    *(OllamaChat(), OllamaGenerate(), OllamaEmbed()),
    UNKNOWN,
)
FORMATS: Final[Mapping[str, Format]] = MappingProxyType({known.api: known for known in _KNOWN})


def format_named(api: str) -> Format:
    """The format of that name, `UNKNOWN` when there is none."""
    return FORMATS.get(api, UNKNOWN)


def format_for_path(path: str) -> Format:
    """The format that a URL's path (without query) belongs to, `UNKNOWN` when none does. See `recognise` for more."""
    endpoint = BUILT_IN.find("POST", path.encode("utf-8", "surrogatepass"))
    return UNKNOWN if endpoint is None else format_named(endpoint.api)
