"""What a stream's events say in the end, from an SDK's own dumps: its text, why it ended, and its usage."""

from __future__ import annotations

from typing import Any

Digest = tuple[str, tuple[str, ...], dict[str, Any]]


def digest(events: list[dict[str, Any]]) -> Digest:
    """Of the stream of any of the SDKs."""
    text: list[str] = []
    ends: list[str] = []
    usage: dict[str, Any] = {}
    for event in events:
        inner = event.get("data") if isinstance(event.get("data"), dict) else event  # mistral wraps its events
        read = _typed if "type" in inner else _candidates if "candidates" in inner else _choices
        said, end, told = read(inner)
        text.append(said or "")
        ends += [end] if end else []
        usage |= {key: value for key, value in (told or {}).items() if value is not None}
    return "".join(text), tuple(ends), usage


def _choices(event: dict[str, Any]) -> tuple[str | None, str | None, Any]:
    """Chat completions and legacy completions."""
    told = event.get("usage") or (event.get("x_groq") or {}).get("usage")
    for choice in event.get("choices") or ():
        delta = choice.get("delta") or choice
        return delta.get("content") or delta.get("text"), choice.get("finish_reason"), told
    return None, None, told


def _candidates(event: dict[str, Any]) -> tuple[str | None, str | None, Any]:
    """Gemini."""
    told = event.get("usage_metadata")
    for candidate in event["candidates"] or ():
        parts = (candidate.get("content") or {}).get("parts") or ()
        return "".join(part.get("text") or "" for part in parts), candidate.get("finish_reason"), told
    return None, None, told


def _typed(event: dict[str, Any]) -> tuple[str | None, str | None, Any]:
    """OpenAI's responses, Anthropic's messages and Cohere's chat."""
    match event["type"]:
        case "response.output_text.delta":
            return event["delta"], None, None
        case "response.completed":
            return None, event["response"]["status"], event["response"]["usage"]
        case "message_start":
            return None, None, event["message"]["usage"]
        case "content_block_delta":
            return event["delta"].get("text"), None, None
        case "content-delta":
            return event["delta"]["message"]["content"].get("text"), None, None
        case "message-end":
            return None, event["delta"]["finish_reason"], event["delta"]["usage"]
        case "message_delta":
            return None, event["delta"]["stop_reason"], event["usage"]
    return None, None, None
