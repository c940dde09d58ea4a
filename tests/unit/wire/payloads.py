"""What real providers send, shortened: each stream stands beside the response that it must assemble to."""

from __future__ import annotations

import json
from typing import Any


def sse(*events: Any, names: bool = False, done: bool = True) -> bytes:
    """The events as a server writes them; `names` adds Anthropic's `event:` lines, `done` OpenAI's last event."""
    lines = [(f"event: {event['type']}\n" if names else "") + f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n" if done and not names else ""]).encode()


def chunk(delta: dict[str, Any], *, index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**OPENAI_TOP, "object": "chat.completion.chunk", "choices": [choice], **more}


def completion(*messages: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    choices = [
        {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
        for index, message in enumerate(messages)
    ]
    return {**OPENAI_TOP, "object": "chat.completion", "choices": choices, **more}


OPENAI_TOP = {
    "id": "chatcmpl-BfK2",
    "created": 1763900000,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
    "system_fingerprint": "fp_62a23a81ef",
}
OPENAI_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 256, "audio_tokens": 0},
}
USAGE_CHUNK = {**OPENAI_TOP, "object": "chat.completion.chunk", "choices": [], "usage": OPENAI_USAGE}

OPENAI_TEXT = completion({"role": "assistant", "content": "Grüße, Welt 🌍", "refusal": None}, usage=OPENAI_USAGE)
OPENAI_TEXT_STREAM = sse(
    chunk({"role": "assistant", "content": "", "refusal": None}, usage=None, obfuscation="xY2"),
    chunk({"content": "Grüße"}, usage=None, obfuscation="a"),
    chunk({"content": ", Welt 🌍"}, usage=None, obfuscation="bc"),
    chunk({}, finish="stop", usage=None, obfuscation=""),
    USAGE_CHUNK,
)

WEATHER = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
CLOCK = {"id": "call_2", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
OPENAI_TOOLS = completion(
    {"role": "assistant", "content": None, "tool_calls": [WEATHER, CLOCK], "refusal": None}, finish="tool_calls"
)
OPENAI_TOOLS_STREAM = sse(
    chunk({"role": "assistant", "content": None, "refusal": None}),
    chunk({"tool_calls": [{"index": 0, **WEATHER, "function": {"name": "weather", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Bern"}'}}]}),
    chunk({"tool_calls": [{"index": 1, **CLOCK}]}),
    chunk({}, finish="tool_calls"),
)

OPENAI_REASONING = completion({"role": "assistant", "reasoning_content": "2 and 2…", "content": "4"})
OPENAI_REASONING_STREAM = sse(
    chunk({"role": "assistant", "content": None}),
    chunk({"reasoning_content": "2 and"}),
    chunk({"reasoning_content": " 2…"}),
    chunk({"content": "4"}),
    chunk({}, finish="stop"),
)

OPENAI_REFUSAL = completion({"role": "assistant", "content": None, "refusal": "I cannot help with that."})
OPENAI_REFUSAL_STREAM = sse(
    chunk({"role": "assistant", "content": None, "refusal": None}),
    chunk({"refusal": "I cannot"}),
    chunk({"refusal": " help with that."}),
    chunk({}, finish="stop"),
)

OPENAI_TWO = completion({"role": "assistant", "content": "heads"}, {"role": "assistant", "content": "tails"})
OPENAI_TWO_STREAM = sse(
    chunk({"role": "assistant", "content": ""}, index=1),
    chunk({"role": "assistant", "content": ""}, index=0),
    chunk({"content": "ta"}, index=1),
    chunk({"content": "hea"}, index=0),
    chunk({"content": "ils"}, index=1),
    chunk({"content": "ds"}, index=0),
    chunk({}, index=0, finish="stop"),
    chunk({}, index=1, finish="stop"),
)

TOKEN = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105], "top_logprobs": []}
BANG = {"token": "!", "logprob": -0.2, "bytes": [33], "top_logprobs": []}


def with_logprobs(value: dict[str, Any], *tokens: dict[str, Any]) -> dict[str, Any]:
    choice = {**value["choices"][0], "logprobs": {"content": [*tokens], "refusal": None}}
    return {**value, "choices": [choice]}


OPENAI_LOGPROBS = with_logprobs(completion({"role": "assistant", "content": "Hi!"}), TOKEN, BANG)
OPENAI_LOGPROBS_STREAM = sse(
    chunk({"role": "assistant", "content": ""}),
    with_logprobs(chunk({"content": "Hi"}), TOKEN),
    with_logprobs(chunk({"content": "!"}), BANG),
    chunk({}, finish="stop"),
)

OPENAI_ERROR_STREAM = sse(
    chunk({"role": "assistant", "content": "Once upon"}),
    {"error": {"message": "The server had an error", "type": "server_error", "param": None, "code": None}},
)

ANTHROPIC_TOP = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5"}
ANTHROPIC_START_USAGE = {
    "input_tokens": 20,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 1000,
    "output_tokens": 1,
}
ANTHROPIC = {
    **ANTHROPIC_TOP,
    "content": [
        {"type": "thinking", "thinking": "They ask for weather.", "signature": "EqQB"},
        {"type": "text", "text": "Let me look 🌦."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich", "days": 3}},
        {"type": "tool_use", "id": "toolu_2", "name": "clock", "input": {}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {**ANTHROPIC_START_USAGE, "output_tokens": 89},
}
ANTHROPIC_EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            **ANTHROPIC_TOP,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": ANTHROPIC_START_USAGE,
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "They ask "}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "for weather."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQB"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Let me "}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "look 🌦."}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ""}},
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"city": "Zür'}},
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": 'ich", "days": 3}'},
    },
    {"type": "content_block_stop", "index": 2},
    {
        "type": "content_block_start",
        "index": 3,
        "content_block": {"type": "tool_use", "id": "toolu_2", "name": "clock", "input": {}},
    },
    {"type": "content_block_stop", "index": 3},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 89},
    },
    {"type": "message_stop"},
]
ANTHROPIC_STREAM = sse(*ANTHROPIC_EVENTS, names=True)
ANTHROPIC_ERROR = {
    "type": "error",
    "error": {"type": "overloaded_error", "message": "Overloaded"},
    "request_id": "req_9",
}
ANTHROPIC_ERROR_STREAM = sse(*ANTHROPIC_EVENTS[:10], ANTHROPIC_ERROR, names=True)

OLLAMA_LAST = {"message": {"content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 2}
OLLAMA_EVENTS = [
    *({"model": "llama3", "message": {"role": "assistant", "content": text}, "done": False} for text in ("Hel", "lo")),
    {"model": "llama3", **OLLAMA_LAST},
]
OLLAMA_STREAM = "\n".join(map(json.dumps, OLLAMA_EVENTS)).encode()

OPENAI_STREAMS = {
    "text": (OPENAI_TEXT_STREAM, OPENAI_TEXT),
    "tools": (OPENAI_TOOLS_STREAM, OPENAI_TOOLS),
    "reasoning": (OPENAI_REASONING_STREAM, OPENAI_REASONING),
    "refusal": (OPENAI_REFUSAL_STREAM, OPENAI_REFUSAL),
    "two choices": (OPENAI_TWO_STREAM, OPENAI_TWO),
    "logprobs": (OPENAI_LOGPROBS_STREAM, OPENAI_LOGPROBS),
}
STREAMS = {
    "openai.chat": [*(stream for stream, _ in OPENAI_STREAMS.values()), OPENAI_ERROR_STREAM],
    "anthropic.messages": [ANTHROPIC_STREAM, ANTHROPIC_ERROR_STREAM],
    "unknown": [OPENAI_TEXT_STREAM, ANTHROPIC_STREAM, OLLAMA_STREAM, json.dumps(OPENAI_TEXT, indent=2).encode()],
}
