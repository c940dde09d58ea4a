"""All text that a model was given or has generated, whatever its place: only to estimate tokens that nobody counted.

One walk serves all formats: where a text stands is not asked, only what cannot be text for the model is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from beastmode_otel.wire.framing import to_json
from beastmode_otel.wire.values import mapping, text

_ASKED: Final = (
    *("system", "instructions", "systemInstruction", "system_instruction", "preamble", "template"),
    *("prompt", "suffix", "input", "texts", "inputs", "documents", "chat_history", "message"),
    *("messages", "contents", "content", "requests"),
)
_SCHEMAS: Final = ("tools", "functions", "response_format", "format")  # the model reads them as JSON
_ANSWERED: Final = (
    *("choices", "candidates", "output", "content", "message", "response", "thinking", "text", "generations"),
)
# Ids, kinds, media and what providers say about an answer; with `format`, of tools and media.
_NO_TEXT: Final = frozenset(
    {
        *("id", "type", "role", "object", "index", "status", "model", "created", "usage", "logprobs", "format"),
        *("finish_reason", "native_finish_reason", "finishReason", "stop_reason", "cache_control", "detail"),
        *("call_id", "tool_call_id", "tool_use_id", "item_id", "file_id", "phase", "language"),
        *("signature", "thoughtSignature", "thought_signature", "extra_content", "encrypted_content"),
        *("annotations", "citations", "groundingMetadata", "citationMetadata", "safetyRatings"),
        *("content_filter_results", "content_filter_result", "taskType", "outputDimensionality"),
        *("source", "image_url", "images", "inlineData", "inline_data", "fileData", "file_data", "file", "input_audio"),
        *("data", "b64_json", "url", "mimeType", "mime_type", "media_type"),
    }
)
_FOUND: Final = frozenset({"output", "outputs", "results"})  # inside an answer: what tools brought
_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_details")  # one text under several names
_ARGUMENTS: Final = frozenset({"input", "arguments", "args", "parameters"})


def prompt_text(body: Mapping[str, Any]) -> str:
    """What the model reads of a request: messages, tool calls and their results, and the schemas of tools and answers.
    Media are left out."""
    texts = [said for name in _ASKED if name in body for said in _texts(body[name], _NO_TEXT)]
    schemas = [body[name] for name in _SCHEMAS if isinstance(body.get(name), dict | list)]
    schemas += [mapping(body.get("text")).get("format")]
    how = mapping(body.get("generationConfig", body.get("generation_config")))
    schemas += [how.get(name) for name in ("responseSchema", "responseJsonSchema", "response_schema")]
    written = [to_json(schema, ascii_only=False) for schema in schemas if schema]
    return "\n".join(filter(None, [*texts, *written]))


def generated_text(body: Any) -> str:
    """What the model wrote of an answer, finished or cut: text, reasoning, the names and arguments of tool calls and
    refusals of all choices. What tools at the provider brought is not its own."""
    answer = mapping(body)
    parts = [answer[name] for name in _ANSWERED if name in answer and not (name == "text" and not text(answer[name]))]
    return "\n".join(filter(None, (said for part in parts for said in _texts(part, _NO_TEXT | _FOUND, own=True))))


def _texts(value: Any, silent: frozenset[str], *, own: bool = False) -> Iterator[str]:
    """In their order, without recursion: strangers nest as deep as they like."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | tuple):
            waiting += reversed(value)
        elif isinstance(value, Mapping):
            if own and text(value.get("type")).endswith(("_result", "_output")):
                continue
            if value.get("type") == "redacted_thinking":  # encrypted, about as long as it was
                yield text(value.get("data"))
            waiting += reversed([member for name, member in _members(value) if name not in silent])


def _members(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    repeated = [name for name in _REASONING if value.get(name)][1:]
    for name, member in value.items():
        if name in _ARGUMENTS and isinstance(member, Mapping):
            yield name, to_json(member, ascii_only=False)
        elif name not in repeated:
            yield name, member
