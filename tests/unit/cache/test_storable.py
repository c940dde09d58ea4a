"""What may be looked up and stored, reason by reason."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from beastmode_otel.cache.key import KeyTarget
from beastmode_otel.cache.storable import (
    MAX_BODY,
    NOT_CANONICAL,
    OK,
    StorableReason,
    Verdict,
    may_lookup,
    may_store,
)
from beastmode_otel.wire import ProviderError, Reply, format_named

MAIN = KeyTarget("openai", "https://api.openai.com/v1", "gpt-4o-mini")
ASK = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 1.5, "n": 3}


def choice(reason: Any = "stop", **message: Any) -> dict[str, Any]:
    return {"finish_reason": reason, "message": {"role": "assistant", "content": "Hello", **message}}


def openai(*choices: dict[str, Any], **more: Any) -> Reply:
    body = {"model": "gpt-4o-mini-2024-07-18", "choices": choices or [choice()], **more}
    return format_named("openai.chat").read_response(json.dumps(body).encode())


def anthropic(reason: Any = "end_turn", *blocks: dict[str, Any], **more: Any) -> Reply:
    body = {"model": "c", "content": blocks or [{"type": "text", "text": "Hi"}], "stop_reason": reason, **more}
    return format_named("anthropic.messages").read_response(json.dumps(body).encode())


def verdict(reply: Reply, **but: Any) -> str:
    api = "anthropic.messages" if "stop_reason" in (reply.body or {}) else "openai.chat"
    how = {"api": api, "asked": OK, "status": 200, "size": 100, "answered": MAIN, "targets": (MAIN,), "headers": {}}
    return may_store(reply, **{**how, **but}).reason


TOOL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
CALL = {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}


def called(arguments: Any) -> Reply:
    return openai(choice("tool_calls", content=None, tool_calls=[{"function": {"name": "f", "arguments": arguments}}]))


@pytest.mark.parametrize(
    "arguments", ['{"a": 1', "{'a': 1}", '{"a": 1}}', '{}{"a": 1}', "a", "", "[1]", '"{}"', '{"a": NaN}', "1}", None, 7]
)
def test_a_call_with_arguments_that_are_no_json_object_is_not_stored(arguments: Any) -> None:
    """dspy#1544"""
    assert verdict(called(arguments)) == "broken_call"
    function = {"name": "f", "arguments": arguments}
    if arguments is not None:
        assert verdict(openai(choice("stop", content=None, function_call=function))) == "broken_call"
        said = {"finish_reason": "TOOL_CALL", "message": {"tool_calls": [{"id": "c", "function": function}]}}
        assert verdict(format_named("cohere.chat").read_body(said), api="cohere.chat") == "broken_call"
        item = {"type": "function_call", **function}
        response = format_named("openai.responses").read_body({"status": "completed", "output": [item]})
        assert verdict(response, api="openai.responses") == "broken_call"
        assert verdict(anthropic("tool_use", {**TOOL, "input": arguments})) == "broken_call"


@pytest.mark.parametrize("arguments", ["{}", ' {"a": [1, {"b": null}]}\n', {"a": 1}])
def test_a_call_with_an_object_is(arguments: Any) -> None:
    assert verdict(called(arguments)) == "ok"


def test_the_input_of_a_custom_tool_is_any_text() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls -l {"}}
    assert verdict(openai(choice("tool_calls", content=None, tool_calls=[call]))) == "ok"


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (openai(), "ok"),
        (openai(choice(), choice(), choice()), "ok"),
        (openai(choice("tool_calls", content=None, **CALL)), "ok"),
        (openai(choice("length")), "truncated"),
        (openai(choice(), choice("length")), "truncated"),
        (openai(choice("content_filter")), "filtered"),
        (openai(choice(refusal="I can't")), "refused"),
        (openai(choice(refusal="")), "ok"),  # an empty `refusal` beside text is how some gateways say nothing
        (openai(choice(None)), "unfinished"),
        (openai(choice(), choice(None)), "unfinished"),
        (openai(choice("insufficient_system_resource")), "unfinished"),
        (openai(choice(content="")), "empty"),
        (openai(choice(content=None)), "empty"),
        (openai(error={"message": "overloaded"}), "error"),
        (openai(choices=[]), "unfinished"),
        (Reply(parsed=False), "not_parsed"),
        (anthropic(), "ok"),
        (anthropic("stop_sequence"), "ok"),
        (anthropic("tool_use", TOOL), "ok"),
        (anthropic("max_tokens"), "truncated"),
        (anthropic("model_context_window_exceeded"), "truncated"),
        (anthropic("refusal"), "refused"),
        (anthropic("pause_turn"), "unfinished"),
        (anthropic("end_turn", {"type": "thinking", "thinking": "hm"}), "empty"),
        (anthropic(type="error", error={"type": "overloaded_error"}), "error"),
    ],
)
def test_the_answer_decides(reply: Reply, reason: str) -> None:
    assert verdict(reply) == reason


@pytest.mark.parametrize(
    ("but", "reason"),
    [
        ({"status": 201}, "ok"),
        ({"status": 199}, "error"),
        ({"status": 302}, "error"),
        ({"status": 429}, "error"),
        ({"size": MAX_BODY}, "ok"),
        ({"size": MAX_BODY + 1}, "too_large"),
        ({"size": 11, "max_body": 10}, "too_large"),
        ({"headers": {"Cache-Control": "private, No-Store"}}, "no_store"),
        ({"headers": {"cache-control": "no-cache"}}, "ok"),
        ({"headers": {"cache-control": "x-no-storefront"}}, "ok"),
        ({"answered": MAIN._replace(model="gpt-4o")}, "other_model"),
        ({"answered": MAIN._replace(provider="azure")}, "other_model"),
        ({"answered": MAIN._replace(base_url="https://eu.test/v1")}, "ok"),
        ({"targets": ()}, "other_model"),
        ({"targets": iter([MAIN._replace(model="a"), MAIN])}, "ok"),
        ({"asked": Verdict(reason="stateful")}, "stateful"),
        ({"asked": NOT_CANONICAL}, "not_canonical"),
    ],
)
def test_the_circumstances_decide(but: dict[str, Any], reason: str) -> None:
    assert verdict(openai(), **but) == reason


def test_an_error_comes_before_everything() -> None:
    broken = replace(openai(choice("length", refusal="no")), error=ProviderError(message="x"))
    assert verdict(broken, size=MAX_BODY + 1, answered=MAIN._replace(model="x")) == "error"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"store": False, "background": None, "previous_response_id": None},
        {"tools": []},
        {"tools": [{"type": "function", "function": {}}, {"type": "custom"}, {"function": {"name": "f"}}]},
        {"enable_search": False},
        {"stream": True, "metadata": {"a": "b"}, "user": "u"},
        {"unheard_of": {"store": True}},
    ],
)
def test_a_request_that_stands_alone_may_be_looked_up(more: dict[str, Any]) -> None:
    assert may_lookup({**ASK, **more}, api="openai.chat") == OK


@pytest.mark.parametrize(
    "more",
    [
        {"store": True},
        {"store": "yes"},
        {"background": True},
        {"previous_response_id": "resp_1"},
        {"conversation": {"id": "c"}},
        {"container": "cnt_1"},
        {"mcp_servers": [{"url": "https://a.test"}]},
        {"web_search_options": {}},
        {"search_parameters": {"mode": "auto"}},
        {"plugins": [{"id": "web"}]},
        {"data_sources": []},
        {"audio": {"voice": "alloy", "format": "wav"}},
        {"tools": [{"type": "function"}, {"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "computer_20250124"}]},
        {"tools": [{"type": "code_execution_20250522"}]},
        {"tools": ({"type": ["function"]},)},
        {"tools": [{"googleSearch": {}}]},
        {"tools": [{"type": "function", "function": {}}, {"google_search": {}}]},
        {"tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}]},
        {"tools": [{}]},
        {"tools": ["web"]},
        {"tools": "auto"},
        {"enable_search": True},
    ],
)
def test_a_request_with_a_memory_or_a_world_may_not(more: dict[str, Any]) -> None:
    for api in ("openai.chat", "anthropic.messages"):
        assert may_lookup({**ASK, **more}, api=api).reason == "stateful"


def test_a_tool_is_the_clients_in_the_words_of_its_own_api() -> None:
    """What one API means by a shape, another does not know, and so it may run anywhere."""
    named = {**ASK, "tools": [{"name": "f", "input_schema": {}}]}
    assert may_lookup(named, api="anthropic.messages") == OK
    assert may_lookup(named, api="openai.chat").reason == "stateful"


@pytest.mark.parametrize("api", ["unknown", "cohere.generate", ""])
def test_an_api_that_we_do_not_know_may_not(api: str) -> None:
    assert may_lookup(ASK, api=api).reason == "unknown_api"


def test_the_caller_may_forbid_it() -> None:
    assert may_lookup(ASK, api="openai.chat", headers={"Cache-Control": "no-store"}).reason == "no_store"
    assert may_lookup(ASK, api="openai.chat", headers={"cache-control": "no-cache"}) == OK


def test_reasons_are_closed() -> None:
    assert len(get_args(StorableReason)) == len(set(get_args(StorableReason))) == 17


@pytest.mark.parametrize(
    ("api", "body", "reason"),
    [
        ("openai.responses", {"model": "m", "input": "hi"}, "stateful"),
        ("openai.responses", {"model": "m", "input": "hi", "store": True}, "stateful"),
        ("openai.responses", {"model": "m", "input": "hi", "store": False}, "ok"),
        ("openai.responses", {"input": [{"type": "item_reference", "id": "i"}], "store": False}, "stateful"),
        ("openai.responses", {"prompt": {"id": "pmpt_1"}, "store": False}, "stateful"),
        ("openai.completions", {"model": "m", "prompt": "hi"}, "ok"),
        ("openai.embeddings", {"model": "m", "input": ["a", "b"]}, "ok"),
        ("openai.chat", {"agent_id": "a", "messages": []}, "stateful"),
    ],
)
def test_what_is_kept_at_the_provider(api: str, body: dict[str, Any], reason: str) -> None:
    """OpenAI's responses are kept there unless `store` is false."""
    assert may_lookup(body, api=api).reason == reason
