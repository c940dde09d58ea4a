"""What a request asks of the simulated provider. Reads any JSON, also nonsense, and never raises."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

Api = Literal["openai", "anthropic", "models", "plain", "nowhere"]

_DEFAULT_MODEL: Final = "sim-1"
_DEFAULT_TOOL: Final = "get_weather"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request, as far as the simulator cares.

    api: which answer is expected; "plain" for a path it does not know, "nowhere" for a GET of one.
    path: below the behaviour's part of the URL, without query. target: all of it, as sent.
    prompt_chars: length of all texts in it. last: the last user text. tool: the first tool on offer.
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
    readable: bool = True


def read_json(raw: bytes) -> Any:
    """The JSON value, or the bytes themselves when they are none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw


def read_ask(method: str, path: str, body: Any, target: str = "") -> Ask:
    """What is asked by this method, path, body (JSON value or bytes) and target."""
    api = _api(method, path.rstrip("/"))
    if not isinstance(body, dict):
        return Ask(api=api, path=path, target=target, readable=api not in ("openai", "anthropic"))
    texts, last = _texts(body)
    options = body.get("stream_options")
    return Ask(
        api=api,
        path=path,
        target=target,
        model=_string(body.get("model")) or _DEFAULT_MODEL,
        stream=body.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
        prompt_chars=sum(map(len, texts)),
        last=last,
        tool=_tool(body.get("tools")),
    )


def _api(method: str, path: str) -> Api:
    if method != "POST":
        return "models" if path.endswith("/models") else "nowhere"
    if path.endswith("/chat/completions"):
        return "openai"
    return "anthropic" if path.endswith("/messages") else "plain"


def _texts(body: dict[str, Any]) -> tuple[list[str], str]:
    texts = _content(body.get("system")) + _content(body.get("prompt")) + _content(body.get("input"))
    last = texts[-1] if texts else ""
    for message in _list(body.get("messages")):
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
