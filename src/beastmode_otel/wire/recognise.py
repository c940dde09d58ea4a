"""Is this HTTP request an LLM call, and which? By its path first, so that everything else costs nearly nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from types import MappingProxyType
from typing import Any, Final

from beastmode_otel.errors import ConfigError
from beastmode_otel.providers import owner_of, provider_of
from beastmode_otel.record import record
from beastmode_otel.wire.facts import Ask
from beastmode_otel.wire.formats.base import Format
from beastmode_otel.wire.formats.registry import FORMATS, PATHS, format_named
from beastmode_otel.wire.paths import CallPath, PathMatch, Paths
from beastmode_otel.wire.values import decode

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_PATTERN: Final = re.compile(r"(?:/(?:\{model\}[\w.~%@:+*-]*|[\w.~%@:+*-]+))+", re.ASCII)


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
    segment `*` stands for any one segment, `{model}` for the model's name. They outrank the built-in ones, and need
    nothing else to speak for them.
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
        own = [PathMatch(api, CallPath(pattern)) for pattern, api in extra.items()]
        self._own = Paths(own) if own else None
        self._providers = providers

    def find(self, method: str, target: bytes) -> PathMatch | None:
        """The fast part: None for nearly everything that is no LLM call. Never raises.

        method: in capitals. target: path and query as on the wire (`raw_path` of httpx's URL).
        """
        if self._own is not None and (endpoint := self._own.find(method, target)) is not None:
            return endpoint
        return PATHS.find(method, target)

    def read(
        self,
        endpoint: PathMatch,
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
        path, _, query = target.partition(b"?")
        form, rule = format_named(endpoint.api), endpoint.path
        if rule.provider and ((owner := owner_of(host)) is None or owner.name != rule.provider):
            return None
        said = _object(body, headers)
        if rule.generic and not form.evidence(host=host, port=port, headers=headers, body=said):
            return None
        ask = form.read_request(said or {})
        operation, model = rule.operation or form.operation, ask.model or endpoint.model
        # Without its body nobody knows whether it streams: not even Ollama's default counts.
        stream = (rule.streams and rule.query in query) or (ask.stream and said is not None)
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
