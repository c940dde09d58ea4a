"""Is this HTTP request an LLM call, and which? By its path first, so that everything else costs nearly nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from beastmode_otel.errors import ConfigError
from beastmode_otel.providers import owner_of, provider_of, speaks
from beastmode_otel.record import record
from beastmode_otel.wire.facts import Ask
from beastmode_otel.wire.formats.registry import FORMATS, Format, format_named
from beastmode_otel.wire.paths import BUILT_IN, Endpoint, Paths
from beastmode_otel.wire.values import decode

_OLLAMA_PORT: Final = 11434
_OLLAMA_ONLY: Final = ("options", "keep_alive", "format", "think", "raw", "template", "truncate")
_SDKS: Final = ("openai/", "anthropic/", "groq/", "ollama-")  # beginnings of the user agent, in lower case

Body = Mapping[str, Any]


def speaks_for(
    api: str, *, host: str, port: int | None, headers: Mapping[str, str], body: Mapping[str, Any] | None
) -> bool:
    """Whether a request is meant for this API: a provider's host, an SDK's header, or a body of the right shape."""
    if speaks(host, api):
        return True
    if "x-stainless-lang" in headers or "anthropic-version" in headers:
        return True  # what the SDKs of OpenAI, Anthropic and Groq send
    if headers.get("user-agent", "").lower().startswith(_SDKS):
        return True
    if api.startswith("ollama.") and (port == _OLLAMA_PORT or "ollama" in host.lower()):
        return True
    return body is not None and _SHAPES[api](body)


def _has_model(body: Body) -> bool:
    return isinstance(body.get("model"), str)


def _messages(body: Body) -> bool:
    return _has_model(body) and isinstance(body.get("messages"), list)


def _responses(body: Body) -> bool:
    return _has_model(body) and isinstance(body.get("input"), str | list)


def _completions(body: Body) -> bool:
    return isinstance(body.get("prompt"), str | list)


def _embeddings(body: Body) -> bool:
    return isinstance(body.get("input"), str | list)


def _ollama(asked: str, kind: type) -> Callable[[Body], bool]:
    """Many applications have a chat of their own at `/api/chat`: a word that only Ollama knows must be there too."""

    def shape(body: Body) -> bool:
        return _has_model(body) and isinstance(body.get(asked), kind) and any(name in body for name in _OLLAMA_ONLY)

    return shape


_SHAPES: Final[Mapping[str, Callable[[Body], bool]]] = {
    "openai.responses": _responses,
    "openai.embeddings": _embeddings,
    "openai.completions": _completions,
    "anthropic.messages": _messages,
    "ollama.chat": _ollama("messages", list),
    "ollama.generate": _ollama("prompt", str),
    "ollama.embed": lambda body: _has_model(body) and any(name in body for name in _OLLAMA_ONLY),
}


_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_MODEL: Final = re.compile(rb"/(?:(?:deployments|engines)/([^/]+)/|(?:models|tunedModels)/([^/:]+):)")
_PATTERN: Final = re.compile(r"(?:/[\w.~%@:+*-]+)+", re.ASCII)


@record(frozen=True, slots=True, kw_only=True)
class LLMCall:
    """One recognised call.

    api: names the wire format, `unknown` for one that is only tracked. provider: `gen_ai.provider.name`. operation:
    `gen_ai.operation.name`. model: as the request names it, or its path (Azure, Google). stream: it asks for one. ask:
    all that its body says. body: the decoded body, for those who want more of it; None when there was no object.
    """

    api: str
    provider: str
    operation: str
    model: str | None
    stream: bool
    ask: Ask = field(repr=False)
    body: Mapping[str, Any] | None = field(repr=False)

    @property
    def format(self) -> Format:
        return format_named(self.api)


class Recogniser:
    """Recognises calls; stateless, thread-safe.

    extra: more paths and the API that each speaks, `{"/llm/*/ask": "openai.chat"}`. A pattern is the end of a path; a
    segment `*` stands for any one segment. They outrank the built-in ones, and need nothing else to speak for them.
    providers: what the configuration says of some hosts, by host and port (None for the scheme's own).
    Raises ConfigError for a pattern that is no path and for an API without a format.
    """

    def __init__(
        self,
        extra: Mapping[str, str] = MappingProxyType({}),
        providers: Mapping[tuple[str, int | None], str] = MappingProxyType({}),
    ) -> None:
        for pattern, api in extra.items():
            _check(pattern, api)
        own = [(pattern, Endpoint(api)) for pattern, api in extra.items()]
        self._own = Paths(own) if own else None
        self._providers = providers

    def find(self, method: str, target: bytes) -> Endpoint | None:
        """The fast part: None for nearly everything that is no LLM call. Never raises.

        method: in capitals. target: path and query as on the wire (`raw_path` of httpx's URL).
        """
        if self._own is not None and (endpoint := self._own.find(method, target)) is not None:
            return endpoint
        return BUILT_IN.find(method, target)

    def read(
        self,
        endpoint: Endpoint,
        *,
        host: str,
        target: bytes,
        port: int | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes | None = None,
    ) -> LLMCall | None:
        """The call at an endpoint that `find` gave; None when it only looks like one. Never raises.

        host: without port. headers: of the request, names in lower case. body: None when it is not known yet or
        streamed; a call at a path that other services have too then needs its host or headers to speak for it.
        """
        path = target.partition(b"?")[0]
        if endpoint.provider and ((owner := owner_of(host)) is None or owner.name != endpoint.provider):
            return None
        said = _object(body, headers)
        if endpoint.generic and not speaks_for(endpoint.api, host=host, port=port, headers=headers, body=said):
            return None
        form = format_named(endpoint.api)
        ask = form.read_request(said or {})
        operation, model = endpoint.operation or form.operation, ask.model or _model_in(path)
        # Without its body nobody knows whether it streams: not even Ollama's default counts.
        stream = endpoint.streams or (ask.stream and said is not None)
        if (ask.operation, ask.model, ask.stream) != (operation, model, stream):
            ask = replace(ask, operation=operation, model=model, stream=stream)
        return LLMCall(
            api=endpoint.api,
            provider=self._provider(host, port, endpoint.api, path),
            operation=operation,
            model=model,
            stream=stream,
            ask=ask,
            body=said,
        )

    def _provider(self, host: str, port: int | None, api: str, path: bytes) -> str:
        if self._providers and (said := self._providers.get((host.lower(), port))):
            return said
        return provider_of(host, api=api, path=path.decode("latin-1"))


BUILT_IN_RECOGNISER: Final = Recogniser()


def recognise(
    *,
    method: str,
    host: str,
    target: bytes,
    port: int | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
    body: bytes | None = None,
    by: Recogniser = BUILT_IN_RECOGNISER,
) -> LLMCall | None:
    """`find` and `read` in one; None when the request is no LLM call. Never raises."""
    endpoint = by.find(method, target)
    if endpoint is None:
        return None
    return by.read(endpoint, host=host, target=target, port=port, headers=headers, body=body)


def _object(body: bytes | None, headers: Mapping[str, str]) -> Mapping[str, Any] | None:
    if not body or headers.get("content-encoding", "identity") != "identity":
        return None
    value = decode(body)
    return value if isinstance(value, dict) else None


def _model_in(path: bytes) -> str | None:
    found = _MODEL.search(path)
    return unquote_to_bytes(found[1] or found[2]).decode("utf-8", "replace") if found else None


def _check(pattern: str, api: str) -> None:
    if not _PATTERN.fullmatch(pattern):
        raise ConfigError(
            f"The path pattern {pattern!r} is no path.",
            hints=("Write the end of the path, beginning with a slash; * stands for one segment: /llm/*/ask",),
        )
    if api not in FORMATS:
        raise ConfigError(
            f"The path pattern {pattern!r} names the API {api!r}, which has no format.",
            hints=(f"One of: {', '.join(sorted(FORMATS))}.",),
        )
