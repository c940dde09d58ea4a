"""Which path belongs to which API. Made for a hook that sees every HTTP request of a program: what is no LLM call is
told by its method and the last segment of its path, in under a microsecond.

Left out on purpose: everything that generates no text and counts no tokens of it (models, files, batches, token
counts, moderations, audio, images, OCR), what continues or reads an earlier call (`/responses/{id}`, threads, runs,
Mistral's conversations), and Bedrock's own protocol, whose streams are no text. Extra patterns can name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class Endpoint(NamedTuple):
    """What a path says. operation: where it is not the format's own. generic: other services have such paths too, so
    something else must speak for it. provider: only at this one's hosts. streams: the path alone says so."""

    api: str
    operation: str = ""
    generic: bool = False
    provider: str = ""
    streams: bool = False


Pattern = tuple[str, Endpoint]
_REMEMBERED: Final = 256


class Paths:
    """Patterns, compiled. A pattern is the end of a path; a segment `*` stands for any one, `v*` for a version."""

    __slots__ = ("_any", "_by_last", "_found")

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        self._by_last: dict[bytes, list[tuple[list[bytes], Endpoint]]] = {}
        self._any: list[tuple[list[bytes], Endpoint]] = []  # that end with a wildcard
        self._found: dict[bytes, Endpoint] = {}  # an app calls few paths, each many times
        for pattern, endpoint in patterns:
            *before, last = pattern.encode().strip(b"/").split(b"/")
            place = self._any if last in (b"*", b"v*") else self._by_last.setdefault(last, [])
            place.append(([*before, last], endpoint))
        for rules in (*self._by_last.values(), self._any):
            rules.sort(key=lambda rule: -len(rule[0]))  # the longest pattern says most

    def find(self, method: str, target: bytes) -> Endpoint | None:
        """The endpoint of a request, None when it is no LLM call. target: the path as on the wire, with its query."""
        if method != "POST":
            return None
        path = target.partition(b"?")[0]
        known = self._found.get(path)
        if known is not None:
            return known
        last = path[path.rfind(b"/") + 1 :]
        rules = self._by_last.get(last)
        if rules is None and last and not self._any and b":" not in last:
            return None
        endpoint = self._find(path, rules)
        if endpoint is not None and len(self._found) < _REMEMBERED:
            self._found[path] = endpoint
        return endpoint

    def _find(self, path: bytes, rules: list[tuple[list[bytes], Endpoint]] | None) -> Endpoint | None:
        segments = path.strip(b"/").split(b"/")
        if path.endswith(b"/"):  # some clients write the address with a slash at its end
            rules = self._by_last.get(segments[-1])
        for pattern, endpoint in [*(rules or []), *self._any]:
            if _fits(pattern, segments):
                return endpoint
        return _verb(segments)


def _fits(pattern: list[bytes], segments: list[bytes]) -> bool:
    there = segments[-len(pattern) :]
    return len(there) == len(pattern) and all(map(_is, pattern, there))


def _is(wanted: bytes, segment: bytes) -> bool:
    if wanted == b"v*":
        return segment[:1] == b"v" and segment[1:2].isdigit()
    return wanted in (segment, b"*")


# Google's verbs follow the model's name.
_VERBS: Final = {
    b"generateContent": Endpoint("unknown", "generate_content"),
    b"streamGenerateContent": Endpoint("unknown", "generate_content", streams=True),
    b"embedContent": Endpoint("unknown", "embeddings"),
    b"batchEmbedContents": Endpoint("unknown", "embeddings"),
    b"rawPredict": Endpoint("anthropic.messages"),
    b"streamRawPredict": Endpoint("anthropic.messages", streams=True),
}


def _verb(segments: list[bytes]) -> Endpoint | None:
    name, _, verb = segments[-1].rpartition(b":")
    endpoint = _VERBS.get(verb)
    if endpoint is None or not name or segments[-2:-1] not in ([b"models"], [b"tunedModels"], [b"endpoints"]):
        return None
    if endpoint.api == "anthropic.messages" and segments[-4:-2] != [b"publishers", b"anthropic"]:
        return None
    return endpoint


_CHAT: Final = Endpoint("openai.chat")
_RESPONSES: Final = Endpoint("openai.responses", generic=True)
_EMBEDDINGS: Final = Endpoint("openai.embeddings", generic=True)
_COMPLETIONS: Final = Endpoint("openai.completions", generic=True)

PATTERNS: Final[tuple[Pattern, ...]] = (
    ("/chat/completions", _CHAT),
    ("/v1/agents/completions", _CHAT),  # Mistral
    ("/v1/fim/completions", Endpoint("mistral.fim")),
    ("/v*/completions", _COMPLETIONS),
    ("/beta/completions", _COMPLETIONS),  # DeepSeek
    ("/openai/completions", _COMPLETIONS),  # gateways that put the vendor's name there
    ("/deployments/*/completions", _COMPLETIONS),  # Azure
    ("/v*/responses", _RESPONSES),
    ("/openai/responses", _RESPONSES),  # Azure, gateways
    ("/v*/embeddings", _EMBEDDINGS),
    ("/openai/embeddings", _EMBEDDINGS),  # Google, gateways
    ("/deployments/*/embeddings", _EMBEDDINGS),
    ("/models/embeddings", _EMBEDDINGS._replace(provider="azure.ai.inference")),
    # /messages alone would take OpenAI's threads and every chat application for Anthropic.
    ("/v1/messages", Endpoint("anthropic.messages", generic=True)),
    ("/api/chat", Endpoint("ollama.chat", generic=True)),
    ("/api/generate", Endpoint("ollama.generate", generic=True)),
    ("/api/embed", Endpoint("ollama.embed", generic=True)),
    ("/api/embeddings", Endpoint("ollama.embed", generic=True)),
    ("/v*/chat", Endpoint("unknown", "chat", provider="cohere")),
    ("/v*/embed", Endpoint("unknown", "embeddings", provider="cohere")),
)
BUILT_IN: Final = Paths(PATTERNS)
