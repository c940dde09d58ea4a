"""The formats beside chat and messages, shortened: each stream stands beside the response that it must assemble to."""

from __future__ import annotations

import json
from typing import Any

from .payloads import sse

RESPONSE_USAGE = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 12, "cache_write_tokens": 0},
    "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 64},
    "total_tokens": 123,
}
RESPONSE_TOP = {
    "id": "resp_68",
    "object": "response",
    "created_at": 1763900000,
    "model": "gpt-5-mini-2025-08-07",
    "error": None,
    "incomplete_details": None,
    "previous_response_id": None,
    "store": False,
    "tools": [],
    "temperature": 1.0,
}
CITATION = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 5}
PART = {"type": "output_text", "text": "Grüße, Welt 🌍", "annotations": [CITATION], "logprobs": []}
REASONING = {"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "A greeting."}]}
SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}
MESSAGE = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": [PART]}
CALL = {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "weather",
        "arguments": '{"city": "Bern"}'}  # fmt: skip
CUSTOM = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_2", "name": "sql", "input": "select 1"}
RESPONSE = {
    **RESPONSE_TOP,
    "status": "completed",
    "output": [REASONING, SEARCH, MESSAGE, CALL, CUSTOM],
    "usage": RESPONSE_USAGE,
}
_BEGUN = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}


def numbered(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _e(name: str, **data: Any) -> dict[str, Any]:
    return {"type": f"response.{name}", **data}


_AT = {"item_id": "msg_1", "output_index": 2, "content_index": 0}
_THINKS = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
_BEGUN_PART = {**PART, "text": "", "annotations": []}
RESPONSE_EVENTS = numbered(
    _e("created", response=_BEGUN),
    _e("in_progress", response=_BEGUN),
    _e("output_item.added", output_index=0, item={**REASONING, "summary": []}),
    _e("reasoning_summary_part.added", **_THINKS, part={"type": "summary_text", "text": ""}),
    _e("reasoning_summary_text.delta", **_THINKS, delta="A gree", obfuscation="x"),
    _e("reasoning_summary_text.delta", **_THINKS, delta="ting."),
    _e("reasoning_summary_text.done", **_THINKS, text="A greeting."),
    _e("reasoning_summary_part.done", **_THINKS, part=REASONING["summary"][0]),
    _e("output_item.done", output_index=0, item=REASONING),
    _e("output_item.added", output_index=1, item={**SEARCH, "status": "in_progress"}),
    _e("web_search_call.searching", item_id="ws_1", output_index=1),
    _e("output_item.done", output_index=1, item=SEARCH),
    _e("output_item.added", output_index=2, item={**MESSAGE, "status": "in_progress", "content": []}),
    _e("content_part.added", **_AT, part=_BEGUN_PART),
    _e("output_text.delta", **_AT, delta="Grüße", logprobs=[]),
    _e("output_text.delta", **_AT, delta=", Welt 🌍", logprobs=[]),
    _e("output_text.annotation.added", **_AT, annotation_index=0, annotation=CITATION),
    _e("output_text.done", **_AT, text=PART["text"], logprobs=[]),
    _e("content_part.done", **_AT, part=PART),
    _e("output_item.done", output_index=2, item=MESSAGE),
    _e("output_item.added", output_index=3, item={**CALL, "status": "in_progress", "arguments": ""}),
    _e("function_call_arguments.delta", item_id="fc_1", output_index=3, delta='{"city": '),
    _e("function_call_arguments.delta", item_id="fc_1", output_index=3, delta='"Bern"}'),
    _e("function_call_arguments.done", item_id="fc_1", output_index=3, arguments=CALL["arguments"]),
    _e("output_item.done", output_index=3, item=CALL),
    _e("output_item.added", output_index=4, item={**CUSTOM, "input": ""}),
    _e("custom_tool_call_input.delta", item_id="ctc_1", output_index=4, delta="select 1"),
    _e("custom_tool_call_input.done", item_id="ctc_1", output_index=4, input="select 1"),
    _e("output_item.done", output_index=4, item=CUSTOM),
    _e("completed", response=RESPONSE),
)
RESPONSE_STREAM = sse(*RESPONSE_EVENTS, names=True)
HALF = {**MESSAGE, "status": "incomplete", "content": [{**PART, "annotations": [], "text": "Grü"}]}
RESPONSE_INCOMPLETE = {
    **RESPONSE,
    "status": "incomplete",
    "incomplete_details": {"reason": "max_output_tokens"},
    "output": [HALF],
}
RESPONSE_INCOMPLETE_STREAM = sse(
    *RESPONSE_EVENTS[:2], _e("incomplete", response=RESPONSE_INCOMPLETE, sequence_number=2), names=True
)
RESPONSE_ERROR = {"code": "server_error", "message": "The server had an error"}
RESPONSE_FAILED = {**RESPONSE, "status": "failed", "output": [], "error": RESPONSE_ERROR, "usage": None}
RESPONSE_FAILED_STREAM = sse(
    *RESPONSE_EVENTS[:16], _e("failed", response=RESPONSE_FAILED, sequence_number=16), names=True
)
RESPONSE_ERROR_EVENT = {"type": "error", **RESPONSE_ERROR, "param": None, "sequence_number": 16}
RESPONSE_ERROR_STREAM = sse(*RESPONSE_EVENTS[:16], RESPONSE_ERROR_EVENT, names=True)

COMPLETION_TOP = {"id": "cmpl-1", "created": 1763900000, "model": "gpt-3.5-turbo-instruct", "object": "text_completion"}
COMPLETION_USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


def text_choice(text: str, *, index: int = 0, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish, **more}


def probabilities(*tokens: str) -> dict[str, Any]:
    return {"tokens": [*tokens], "token_logprobs": [-0.5] * len(tokens), "text_offset": [0] * len(tokens)}


def text_completion(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**COMPLETION_TOP, "choices": [*choices], **more}


COMPLETION = text_completion(
    text_choice("once upon", finish="stop", logprobs=probabilities("once", " upon")),
    text_choice("a time", index=1, finish="length"),
    usage=COMPLETION_USAGE,
)
COMPLETION_STREAM = sse(
    text_completion(text_choice("once", logprobs=probabilities("once")), usage=None),
    text_completion(text_choice("a ", index=1), usage=None),
    text_completion(text_choice(" upon", logprobs=probabilities(" upon")), usage=None),
    text_completion(text_choice("time", index=1), usage=None),
    text_completion(text_choice("", finish="stop"), usage=None),
    text_completion(text_choice("", index=1, finish="length"), usage=None),
    text_completion(usage=COMPLETION_USAGE),
)

OLLAMA_TOP = {"model": "llama3.2", "created_at": "2025-11-23T12:00:00Z"}
OLLAMA_COUNTS = {"total_duration": 174560334, "prompt_eval_count": 26, "eval_count": 8}
OLLAMA_CALLS = [{"function": {"name": "weather", "arguments": {"city": "Bern"}}}]
OLLAMA_MESSAGE = {"role": "assistant", "thinking": "Hm.", "content": "Grüße 🌍", "tool_calls": OLLAMA_CALLS}
OLLAMA_END = {"done": True, "done_reason": "stop", **OLLAMA_COUNTS}
OLLAMA_CHAT = {**OLLAMA_TOP, "message": OLLAMA_MESSAGE, **OLLAMA_END}


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in values)


def _said(**message: Any) -> dict[str, Any]:
    return {**OLLAMA_TOP, "message": {"role": "assistant", **message}, "done": False}


OLLAMA_CHAT_EVENTS = [
    _said(content="", thinking="Hm"),
    _said(content="", thinking="."),
    _said(content="Grüße"),
    _said(content=" 🌍"),
    _said(content="", tool_calls=OLLAMA_CALLS),
    {**OLLAMA_TOP, "message": {"role": "assistant", "content": ""}, **OLLAMA_END},
]
OLLAMA_CHAT_STREAM = lines(*OLLAMA_CHAT_EVENTS)
OLLAMA_GENERATE = {**OLLAMA_TOP, "response": "Hello there", **OLLAMA_END, "context": [1, 2, 3]}
OLLAMA_GENERATE_STREAM = lines(
    {**OLLAMA_TOP, "response": "Hello", "done": False},
    {**OLLAMA_TOP, "response": " there", "done": False},
    {**OLLAMA_TOP, "response": "", **OLLAMA_END, "context": [1, 2, 3]},
)
OLLAMA_ERROR_STREAM = lines(*OLLAMA_CHAT_EVENTS[:3], {"error": "an error was encountered while running the model"})

EMBEDDINGS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.1, -0.2]}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
OLLAMA_EMBED = {"model": "all-minilm", "embeddings": [[0.1, 0.2], [0.3, 0.4]], "prompt_eval_count": 8}

GEMINI_TOP = {"modelVersion": "gemini-2.5-flash", "responseId": "a1B2"}
GEMINI_USAGE = {
    "promptTokenCount": 20,
    "cachedContentTokenCount": 12,
    "toolUsePromptTokenCount": 5,
    "candidatesTokenCount": 9,
    "thoughtsTokenCount": 30,
    "totalTokenCount": 64,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
}
GEMINI_CALL = {"functionCall": {"name": "weather", "args": {"city": "Bern"}}, "thoughtSignature": "EqQB"}
GEMINI_PARTS: list[dict[str, Any]] = [{"text": "A greeting.", "thought": True}, {"text": "Grüße, Welt 🌍"}, GEMINI_CALL]
GEMINI_RATINGS = [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}]
GEMINI_END = {"finishReason": "STOP", "index": 0, "safetyRatings": GEMINI_RATINGS}
GEMINI = {
    **GEMINI_TOP,
    "candidates": [{"content": {"parts": GEMINI_PARTS, "role": "model"}, **GEMINI_END}],
    "usageMetadata": GEMINI_USAGE,
}


def gemini_event(*parts: dict[str, Any], usage: Any = None, **more: Any) -> dict[str, Any]:
    told = {"promptTokenCount": 20, "totalTokenCount": 20} if usage is None else usage
    candidate = {"content": {"parts": [*parts], "role": "model"}, "index": 0, **more}
    return {"candidates": [candidate], "usageMetadata": told, **GEMINI_TOP}


GEMINI_EVENTS = [
    gemini_event({"text": "A gree", "thought": True}),
    gemini_event({"text": "ting.", "thought": True}),
    gemini_event({"text": "Grüße"}),
    gemini_event({"text": ", Welt 🌍"}),
    gemini_event(GEMINI_CALL, usage=GEMINI_USAGE, **GEMINI_END),
]
GEMINI_STREAM = sse(*GEMINI_EVENTS, done=False)
GEMINI_BLOCKED = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
    **GEMINI_TOP,
}
GEMINI_ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
GEMINI_ERROR_STREAM = sse(*GEMINI_EVENTS[:3], GEMINI_ERROR, done=False)
GEMINI_EMBED = {
    "embeddings": [{"values": [0.1, 0.2]}, {"values": [0.3, 0.4]}],
    "usageMetadata": {"promptTokenCount": 8},
}

COHERE_CALL = {"id": "weather_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bern"}'}}
COHERE_NOTE = {
    "start": 0,
    "end": 5,
    "text": "Grüße",
    "sources": [{"type": "document", "id": "doc:0"}],
    "type": "TEXT_CONTENT",
}
COHERE_USAGE = {
    "billed_units": {"input_tokens": 20.0, "output_tokens": 9.0},
    "tokens": {"input_tokens": 86.0, "output_tokens": 11.0},
    "cached_tokens": 12,
}
COHERE_END = {"finish_reason": "COMPLETE", "usage": COHERE_USAGE}
COHERE = {
    "id": "29f14a5a",
    "message": {
        "role": "assistant",
        "tool_plan": "I will look.",
        "content": [{"type": "thinking", "thinking": "A greeting."}, {"type": "text", "text": "Grüße, Welt 🌍"}],
        "tool_calls": [COHERE_CALL],
        "citations": [COHERE_NOTE],
    },
    **COHERE_END,
}


def cohere_event(kind: str, index: int | None = None, **message: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    return {"type": kind, **place, **({"delta": {"message": message}} if message else {})}


COHERE_EVENTS = [
    {"id": "29f14a5a", **cohere_event("message-start", role="assistant", content=[], tool_plan="", tool_calls=[])},
    cohere_event("tool-plan-delta", tool_plan="I will"),
    cohere_event("tool-plan-delta", tool_plan=" look."),
    cohere_event("content-start", 0, content={"type": "thinking", "thinking": ""}),
    cohere_event("content-delta", 0, content={"thinking": "A greeting."}),
    cohere_event("content-end", 0),
    cohere_event("content-start", 1, content={"type": "text", "text": ""}),
    cohere_event("content-delta", 1, content={"text": "Grüße"}),
    cohere_event("content-delta", 1, content={"text": ", Welt 🌍"}),
    cohere_event("content-end", 1),
    cohere_event("tool-call-start", 0, tool_calls={**COHERE_CALL, "function": {"name": "weather", "arguments": ""}}),
    cohere_event("tool-call-delta", 0, tool_calls={"function": {"arguments": '{"city":'}}),
    cohere_event("tool-call-delta", 0, tool_calls={"function": {"arguments": '"Bern"}'}}),
    cohere_event("tool-call-end", 0),
    cohere_event("citation-start", 0, citations=COHERE_NOTE),
    cohere_event("citation-end", 0),
    {"type": "message-end", "delta": COHERE_END},
]
COHERE_STREAM = sse(*COHERE_EVENTS, names=True)
COHERE_FAILED = {"finish_reason": "ERROR", "error": "the model gave up"}
COHERE_ERROR_STREAM = sse(*COHERE_EVENTS[:9], {"type": "message-end", "delta": COHERE_FAILED}, names=True)
COHERE_EMBED = {
    "id": "da6e531f",
    "embeddings": {"float": [[0.1, 0.2]], "base64": ["AACAPw=="]},
    "texts": ["a"],
    "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 8}},
}

NEW_STREAMS = {
    "gemini.generate_content": [GEMINI_STREAM, GEMINI_ERROR_STREAM, sse(GEMINI_BLOCKED, done=False)],
    "cohere.chat": [COHERE_STREAM, COHERE_ERROR_STREAM],
    "openai.responses": [
        RESPONSE_STREAM,
        RESPONSE_INCOMPLETE_STREAM,
        RESPONSE_FAILED_STREAM,
        RESPONSE_ERROR_STREAM,
    ],
    "openai.completions": [COMPLETION_STREAM],
    "ollama.chat": [OLLAMA_CHAT_STREAM, OLLAMA_ERROR_STREAM],
    "ollama.generate": [OLLAMA_GENERATE_STREAM],
}
