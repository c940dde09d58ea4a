"""What a request asks of the simulated provider. Reads any JSON, also nonsense, and never raises."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import unquote

Api = Literal[
    "openai",
    "responses",
    "completions",
    "embeddings",
    "anthropic",
    "ollama_chat",
    "ollama_generate",
    "ollama_embed",
    "ollama_embedding",
    "gemini",
    "gemini_array",
    "gemini_embed",
    "cohere",
    "cohere_embed",
    "models",
    "plain",
    "nowhere",
]

# The end of a path, the longer before the shorter.
_PATHS: Final[tuple[tuple[str, Api], ...]] = (
    ("/chat/completions", "openai"),
    ("/fim/completions", "openai"),  # Mistral answers it like a chat
    ("/agents/completions", "openai"),
    ("/completions", "completions"),
    ("/responses", "responses"),
    ("/api/embeddings", "ollama_embedding"),
    ("/embeddings", "embeddings"),
    ("/messages", "anthropic"),
    ("/api/chat", "ollama_chat"),
    ("/api/generate", "ollama_generate"),
    ("/api/embed", "ollama_embed"),
    (":generateContent", "gemini"),
    (":streamGenerateContent", "gemini"),
    (":embedContent", "gemini_embed"),
    (":batchEmbedContents", "gemini_embed"),
    ("/v2/chat", "cohere"),
    ("/v2/embed", "cohere_embed"),
)
_UNCHECKED: Final = frozenset({"models", "plain", "nowhere"})  # take any body
_STREAMS_BY_DEFAULT: Final = frozenset({"ollama_chat", "ollama_generate"})
_AZURE: Final = re.compile(r"/openai/deployments/([^/]+)/")
_GOOGLE: Final = re.compile(r"/models/([^/]+):(\w+)$")
_DEFAULT_MODEL: Final = "sim-1"
_DEFAULT_TOOL: Final = "get_weather"
_MAX_DIMENSIONS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """One request, as far as the simulator cares.

    api: which answer is expected; "plain" for a path it does not know, "nowhere" for a GET of one.
    path: below the behaviour's part of the URL, without query. target: all of it, as sent.
    prompt_chars: length of all texts in it. last: the last user text. tool: the first tool on offer. inputs: the texts
    to embed, "" for one given as tokens. dimensions, base64: how. azure: the path is that of an Azure deployment.
    readable: False when the body of a known API is not a JSON object.
    """

    api: Api
    path: str
    target: str = ""
    model: str = _DEFAULT_MODEL
    stream: bool = False
    include_usage: bool = False
    prompt_chars: int = 0
    last: str = ""
    tool: str = _DEFAULT_TOOL
    inputs: tuple[str, ...] = ()
    dimensions: int | None = None
    base64: bool = False
    azure: bool = False
    readable: bool = True


def read_json(raw: bytes) -> Any:
    """The JSON value, or the bytes themselves when they are none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw


def read_request(method: str, path: str, body: Any, target: str = "") -> ClientRequest:
    """What is asked by this method, path, body (JSON value or bytes) and target."""
    api, google = _api(method, path.rstrip("/")), _GOOGLE.search(path)
    streams = google is not None and google[2] == "streamGenerateContent"
    if streams and "alt=sse" not in target:
        api = "gemini_array"
    if not isinstance(body, dict):
        return ClientRequest(api=api, path=path, target=target, readable=api in _UNCHECKED)
    deployment, stream = _AZURE.search(path), body.get("stream")
    texts, last = _texts(body)
    options = body.get("stream_options")
    return ClientRequest(
        api=api,
        path=path,
        target=target,
        model=_model(body, google, deployment),
        stream=streams or stream is True or (stream is None and api in _STREAMS_BY_DEFAULT),
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        prompt_chars=sum(map(len, texts)),
        last=last,
        tool=_tool(body.get("tools")),
        inputs=_inputs(_embedded(api, body)),
        dimensions=_positive(body.get("dimensions") or body.get("outputDimensionality")),
        base64=body.get("encoding_format") == "base64",
        azure=deployment is not None,
    )


def _model(body: dict[str, Any], google: re.Match[str] | None, deployment: re.Match[str] | None) -> str:
    """Google's path names it, Azure's where the body does not."""
    if google is not None:
        return unquote(google[1])
    return _string(body.get("model")) or (deployment[1] if deployment else _DEFAULT_MODEL)


def _api(method: str, path: str) -> Api:
    if method != "POST":
        return "models" if path.endswith("/models") else "nowhere"
    return next((api for ending, api in _PATHS if path.endswith(ending)), "plain")


def _texts(body: dict[str, Any]) -> tuple[list[str], str]:
    plain = ("system", "instructions", "prompt", "input", "systemInstruction", "content", "texts")
    texts = [text for name in plain for text in _content(body.get(name))]
    texts += [text for request in _list(body.get("requests")) for text in _content(request)]
    last = texts[-1] if texts else ""
    for message in _list(body.get("messages")) + _list(body.get("input")) + _list(body.get("contents")):
        if not isinstance(message, dict):
            continue
        said = _content(message.get("content")) + _content(message.get("parts"))
        texts += said
        if said and message.get("role", "user") == "user":
            last = said[-1]
    return texts, last


def _content(content: Any) -> list[str]:
    """The texts of a content, which is a string, a list of parts, or an object that has either."""
    if isinstance(content, str):
        return [content]
    if isinstance(content, dict):
        return _content(content.get("parts")) + _content(content.get("content"))
    parts = (part.get("text") if isinstance(part, dict) else part for part in _list(content))
    return [part for part in parts if isinstance(part, str)]


def _embedded(api: Api, body: dict[str, Any]) -> Any:
    """What is to be embedded, as each API names it."""
    if api == "ollama_embedding":
        return body.get("prompt")
    if api == "gemini_embed":
        return ["".join(_content(request)) for request in _list(body.get("requests")) or [body]]
    return body.get("texts") if api == "cohere_embed" else body.get("input")


def _inputs(value: Any) -> tuple[str, ...]:
    """One text, or several; a list of numbers is one text in tokens."""
    if isinstance(value, list) and value and not all(isinstance(item, int) for item in value):
        return tuple(map(_string, value))
    return (_string(value),)


def _positive(value: Any) -> int | None:
    return value if type(value) is int and 0 < value <= _MAX_DIMENSIONS else None


def _tool(tools: Any) -> str:
    first = next(iter(_list(tools)), None)
    if not isinstance(first, dict):
        return _DEFAULT_TOOL
    declared = next(iter(_list(first.get("functionDeclarations"))), None)
    function = first.get("function") or declared
    return _string(function.get("name") if isinstance(function, dict) else first.get("name")) or _DEFAULT_TOOL


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
