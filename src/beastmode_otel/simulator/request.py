"""What a request asks of the simulated provider. Reads any JSON, also nonsense, and never raises."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal

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
)
_UNCHECKED: Final = frozenset({"models", "plain", "nowhere"})  # take any body
_STREAMS_BY_DEFAULT: Final = frozenset({"ollama_chat", "ollama_generate"})
_AZURE: Final = re.compile(r"/openai/deployments/([^/]+)/")
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
    api = _api(method, path.rstrip("/"))
    if not isinstance(body, dict):
        return ClientRequest(api=api, path=path, target=target, readable=api in _UNCHECKED)
    deployment, stream = _AZURE.search(path), body.get("stream")
    texts, last = _texts(body)
    options = body.get("stream_options")
    return ClientRequest(
        api=api,
        path=path,
        target=target,
        model=_string(body.get("model")) or (deployment[1] if deployment else _DEFAULT_MODEL),
        stream=stream is True or (stream is None and api in _STREAMS_BY_DEFAULT),
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        prompt_chars=sum(map(len, texts)),
        last=last,
        tool=_tool(body.get("tools")),
        inputs=_inputs(body.get("prompt") if api == "ollama_embedding" else body.get("input")),
        dimensions=_positive(body.get("dimensions")),
        base64=body.get("encoding_format") == "base64",
        azure=deployment is not None,
    )


def _api(method: str, path: str) -> Api:
    if method != "POST":
        return "models" if path.endswith("/models") else "nowhere"
    return next((api for ending, api in _PATHS if path.endswith(ending)), "plain")


def _texts(body: dict[str, Any]) -> tuple[list[str], str]:
    texts = [text for name in ("system", "instructions", "prompt", "input") for text in _content(body.get(name))]
    last = texts[-1] if texts else ""
    for message in _list(body.get("messages")) + _list(body.get("input")):
        if not isinstance(message, dict):
            continue
        said = _content(message.get("content"))
        texts += said
        if said and message.get("role") == "user":
            last = said[-1]
    return texts, last


def _content(content: Any) -> list[str]:
    """The texts of a content, which is a string or a list of parts."""
    if isinstance(content, str):
        return [content]
    parts = (part.get("text") if isinstance(part, dict) else part for part in _list(content))
    return [part for part in parts if isinstance(part, str)]


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
    function = first.get("function")
    return _string(function.get("name") if isinstance(function, dict) else first.get("name")) or _DEFAULT_TOOL


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
