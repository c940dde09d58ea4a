"""What an attempt used and cost: the provider's count or an estimate that is marked, its price or ours."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.attempts.accounting import Bill, bill_of, tokens_of
from beastmode_otel.prices import PriceBook, price_from_config, tier_ratio
from beastmode_otel.wire import Ask, Billing, Reply, Usage, billing_of, format_named, generated_text, prompt_text
from beastmode_otel.wire.facts import later, merged, told_first

CHAT, CLAUDE = format_named("openai.chat"), format_named("anthropic.messages")
EMBEDDINGS, UNKNOWN = format_named("openai.embeddings"), format_named("unknown")
ASKED = {"model": "m", "messages": [{"role": "user", "content": "q" * 40}]}  # 10 tokens
BOOK = PriceBook({"m": price_from_config({"input": 1.0, "output": 2.0}), "claude-m": price_from_config({"input": 1})})


def answer(text: str = "t" * 40, **usage: Any) -> Reply:
    message = {"role": "assistant", "content": text}
    return CHAT.read_body({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage or None})


def read(api: str, *events: Any) -> Reply:
    reader = format_named(api).reader()
    for event in events:
        reader.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    return reader.reply()


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(input_tokens=3, output_tokens=4)),
        ({}, Usage(input_tokens=10, output_tokens=10, estimated=True)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(input_tokens=10, output_tokens=10, estimated=True)),
        ({"prompt_tokens": 3, "completion_tokens": 0}, Usage(input_tokens=3, output_tokens=10, estimated=True)),
        ({"prompt_tokens": 3}, Usage(input_tokens=3, output_tokens=10, estimated=True)),
        ({"prompt_tokens": 0, "completion_tokens": 4}, Usage(input_tokens=10, output_tokens=4, estimated=True)),
        ({"completion_tokens": 4}, Usage(input_tokens=10, output_tokens=4, estimated=True)),
    ],
)
def test_what_is_not_counted_is_estimated_and_what_is_counted_kept(usage: dict[str, int], expected: Usage) -> None:
    assert tokens_of(answer(**usage), CHAT, ASKED, whole=True) == expected


def test_an_empty_answer_has_no_tokens_to_estimate() -> None:
    told = {"prompt_tokens": 3, "completion_tokens": 0}
    assert tokens_of(answer("", **told), CHAT, ASKED, whole=True) == Usage(input_tokens=3, output_tokens=0)


def test_embeddings_generate_nothing() -> None:
    vectors = {"data": [{"embedding": [0.1] * 400}]}
    told = EMBEDDINGS.read_body({**vectors, "usage": {"prompt_tokens": 3, "total_tokens": 3}})
    asked = {"model": "m", "input": "q" * 40}
    assert tokens_of(told, EMBEDDINGS, asked, whole=True) == Usage(input_tokens=3)
    for usage in ({"prompt_tokens": 0, "total_tokens": 0}, None):
        found = tokens_of(EMBEDDINGS.read_body({**vectors, "usage": usage}), EMBEDDINGS, asked, whole=True)
        assert found == Usage(input_tokens=10, output_tokens=0, estimated=True)


def test_what_failed_before_it_generated_anything_is_not_billed() -> None:
    assert tokens_of(Reply(parsed=False), CHAT, ASKED, whole=False) is None
    assert tokens_of(answer("", prompt_tokens=0, completion_tokens=0), CHAT, ASKED, whole=False) is None
    cut = tokens_of(answer(), CHAT, ASKED, whole=False)
    assert cut == Usage(input_tokens=10, output_tokens=10, estimated=True)


def test_a_stream_of_anthropic_that_was_cut_has_no_count_of_its_answer() -> None:
    """Its first event says one or two tokens, whatever follows; its last but one has the count."""
    start = {"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 25, "output_tokens": 2}}}
    tool = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "f", "input": {}}}
    hidden = {"type": "redacted_thinking", "data": "e" * 400}
    block = {"type": "content_block_start", "index": 0, "content_block": hidden}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}}
    for events, output in (((), 2), ((tool,), 2), ((block,), 100)):
        found = tokens_of(read("anthropic.messages", start, *events), CLAUDE, ASKED, whole=False)
        assert found == Usage(input_tokens=25, output_tokens=output, estimated=True)
    counted = tokens_of(read("anthropic.messages", start, block, end), CLAUDE, ASKED, whole=False)
    assert counted == Usage(input_tokens=25, output_tokens=7)


def test_all_that_was_generated_counts() -> None:
    """Text, reasoning, calls and refusals of all choices; never ids, media, signatures or what tools have brought."""
    call = {"id": "call_1234", "type": "function", "function": {"name": "save", "arguments": '{"a": 1}'}}
    choices = [{"message": {"role": "assistant", "content": "one", "tool_calls": [call]}, "finish_reason": "stop"}]
    choices += [{"message": {"reasoning": "why", "reasoning_content": "why", "refusal": "no"}}, {"text": "two"}]
    said = generated_text({"id": "x", "choices": choices}).split("\n")
    assert said == ["one", "save", '{"a": 1}', "why", "no", "two"]
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "SIGNATURE"},
        {"type": "tool_use", "id": "toolu_1", "name": "save", "input": {"a": {"b": 1}}},
        {"type": "web_search_tool_result", "content": [{"title": "found", "url": "https://x"}]},
    ]
    assert generated_text({"content": blocks}).split("\n") == ["hm", "save", '{"a":{"b":1}}']
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "why"}], "encrypted_content": "E"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "mcp_call", "name": "g", "arguments": "[]", "output": "brought"},
    ]
    assert generated_text({"output": output, "text": {"format": {"type": "text"}}}).split() == [
        "why",
        "f",
        "{}",
        "g",
        "[]",
    ]
    parts = [{"text": "hm", "thought": True}, {"functionCall": {"name": "f", "args": {"a": 1}}}]
    parts += [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]
    assert generated_text({"candidates": [{"content": {"parts": parts}}]}).split() == ["hm", "f", '{"a":1}']
    assert generated_text({"message": {"role": "assistant", "thinking": "hm", "content": "x"}, "done": True}) == "hm\nx"
    deep: Any = "end"
    for _ in range(100_000):
        deep = [deep]
    assert generated_text({"output": deep}) == "end"


def test_all_that_the_model_reads_counts() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    turns = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "found"}]},
    ]
    asked = {"messages": turns, "tools": [tool], "response_format": {"type": "json_schema"}}
    told = json.dumps([tool], separators=(",", ":")), '{"type":"json_schema"}'
    assert prompt_text(asked).split("\n") == ["look", "f", "{}", "done", "found", *told]


ONE = {"prompt_tokens": 7, "completion_tokens": 3}


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (ONE, None),
        ({**ONE, "cost": 0.25}, 0.25),
        ({**ONE, "cost": "0.25"}, 0.25),
        ({**ONE, "cost": None, "estimated_cost": 1e-05}, 1e-05),
        ({**ONE, "total_cost": 2e-05}, 2e-05),
        ({**ONE, "cost": 1, "is_byok": False, "cost_details": {"upstream_inference_cost": 1}}, 1.0),
        ({**ONE, "cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}}, 1.05),
        ({**ONE, "cost": {"input_tokens_cost": 1, "total_cost": 2}}, 2.0),
        ({**ONE, "cost": {"input_tokens_cost": 1}}, None),
        ({**ONE, "cost_in_usd_ticks": 37_756_000}, 0.0037756),
        *(({**ONE, "cost": junk}, None) for junk in (True, -1, float("nan"), float("inf"), 10**400, "free", [], 1e7)),
    ],
)
def test_a_cost_that_the_provider_tells(usage: dict[str, Any], told: float | None) -> None:
    assert billing_of({"usage": usage}, {}, {}).told == (None if told is None else pytest.approx(told))
    inside = {"type": "response.completed", "response": {"usage": usage}}
    assert billing_of([{"n": 1}, inside], {}, {}).told == billing_of({"usage": usage}, {}, {}).told


def test_litellms_header_is_a_cost_where_it_knows_one() -> None:
    for said, told in (("0.5", 0.5), ("0.0", None), ("None", None), ("-1", None)):
        assert billing_of({"usage": ONE}, {}, {"x-litellm-response-cost": said}).told == told
    assert billing_of({"usage": {**ONE, "cost": 2}}, {}, {"x-litellm-response-cost": "1"}).told == 2


@pytest.mark.parametrize(
    ("answered", "asked", "billing"),
    [
        ({"service_tier": "default"}, {}, Billing()),
        ({"service_tier": "default"}, {"service_tier": "flex"}, Billing()),
        ({"service_tier": "flex"}, {"service_tier": "auto"}, Billing(tier="flex")),
        ({"service_tier": "fast"}, {}, Billing(tier="priority")),
        ({}, {"service_tier": "priority"}, Billing(uncertain=True)),
        ({}, {"service_tier": "auto"}, Billing()),
        ({"usage": {"service_tier": "batch"}}, {}, Billing(tier="batch")),
        ({"usage": {"inference_geo": "us", "service_tier": "standard"}}, {}, Billing(uncertain=True)),
        ({"usage": {"cache_creation": {"ephemeral_1h_input_tokens": 5}}}, {}, Billing(long_cache_writes=5)),
        ({"usage": {"cache_creation": {"ephemeral_1h_input_tokens": 0}}}, {}, Billing()),
        ({"usageMetadata": {"trafficType": "ON_DEMAND_PRIORITY"}}, {}, Billing(tier="priority")),
        ({"usageMetadata": {"trafficType": "ON_DEMAND"}}, {}, Billing()),
    ],
)
def test_what_an_answer_says_of_its_price(answered: Any, asked: Any, billing: Billing) -> None:
    assert billing_of(answered, asked, {}) == billing


def test_ratios_of_service_tiers() -> None:
    assert (tier_ratio("openai", "gpt-5.5-2026-04-23", "priority"), tier_ratio("openai", "GPT-4o", "priority")) == (
        2.5,
        1.7,
    )
    assert tier_ratio("openai", "gpt-4o-2024-05-13", "priority") == 1.75
    assert tier_ratio("openai", "gpt-4o", "flex") is None
    assert tier_ratio("gcp.gemini", "gemini-2.5-flash", "priority") == 1.8
    assert tier_ratio("groq", "llama", "flex") is None


def bill(usage: Usage, body: dict[str, Any], *, model: str = "m", provider: str = "x", **asked: Any) -> Bill:
    reply, ask = Reply(parsed=True, body=body), Ask(api="x", operation="chat", model=model)
    return bill_of(BOOK, reply, ask, provider, usage, body=asked, headers={})


def test_who_says_what_a_call_cost() -> None:
    used = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert bill(used, {}) == Bill(3.0, "local")
    assert bill(used, {"usage": {"cost": 0}}) == Bill(0.0, "provider")
    assert bill(used, {"service_tier": "flex"}) == Bill(3.0, "approximate")
    assert bill(used, {}, service_tier="flex") == Bill(3.0, "approximate")
    assert bill(used, {}, model="nobody's") == Bill(None, "local")
    guessed = Usage(input_tokens=1_000_000, output_tokens=1_000_000, estimated=True)
    assert bill(guessed, {"usage": {"cost": 0, "prompt_tokens": 0}}) == Bill(3.0, "local")
    assert bill(guessed, {"usage": {"cost": 0.5}}) == Bill(0.5, "provider")


def test_cache_writes_for_an_hour_of_a_model_that_has_no_such_price() -> None:
    used = Usage(input_tokens=1_000_000, cache_write_tokens=1_000_000)
    body = {"usage": {"cache_creation": {"ephemeral_1h_input_tokens": 1_000_000}}}
    assert bill(used, body) == Bill(1.0, "approximate")
    assert bill(used, body, model="claude-m") == Bill(2.0, "local")


def test_calls_behind_one_answer_have_their_own_prices() -> None:
    calls = [{"type": "message", "input_tokens": 1_000_000}, {"model": "claude-m", "input_tokens": 1_000_000}]
    body = {"usage": {"iterations": calls}}
    used = CLAUDE.read_body({"content": [], **body}).usage
    assert used == Usage(input_tokens=2_000_000)
    assert bill(used, body) == Bill(2.0, "local")
    stranger = {"usage": {"iterations": [*calls, {"model": "nobody's", "input_tokens": 1_000_000}]}}
    assert bill(used, stranger) == Bill(3.0, "approximate")
    for nothing in (None, [], [{}], "x", {}):
        told = {"usage": {"input_tokens": 5, "output_tokens": 1, "iterations": nothing}}
        assert CLAUDE.read_body({"content": [], **told}).usage == Usage(input_tokens=5, output_tokens=1)


def test_later_counts_hold_but_zeros_erase_nothing() -> None:
    first = {"a": 25, "b": 0, "deep": {"x": 5, "y": 0}, "list": [1]}
    then = {"a": 0, "b": 3, "deep": {"x": 0, "y": 2}, "c": None, "list": None}
    assert merged(first, then) == {"a": 25, "b": 3, "deep": {"x": 5, "y": 2}, "c": None, "list": [1]}
    assert merged(None, {"a": 0}) == {"a": 0}
    assert merged({"a": 25}, {"a": 3}) == {"a": 3}
    one, none = Usage(input_tokens=25, output_tokens=1), Usage(input_tokens=0, output_tokens=0)
    assert later(one, none) == one
    assert later(one, Usage(output_tokens=9)) == Usage(input_tokens=25, output_tokens=9)
    assert (later(None, one), later(one, None), later(None, None)) == (one, one, None)
    assert (told_first(None, none, one), told_first(None, none), told_first()) == (one, none, None)


def test_usage_of_streams_and_servers_that_put_it_elsewhere() -> None:
    told = {"billed_units": {"input_tokens": 7.0, "output_tokens": 3.0}, "tokens": {"input_tokens": 70.0}}
    counted = Usage(input_tokens=7, output_tokens=3)
    assert UNKNOWN.read_body({"text": "Hi.", "meta": told}).usage == counted
    assert (
        read("unknown", {"event_type": "text"}, {"event_type": "stream-end", "response": {"meta": told}}).usage
        == counted
    )
    assert (
        CHAT.read_body({"choices": [], "usage": {"tokens": {"input_tokens": 7.0, "output_tokens": 3.0}}}).usage
        == counted
    )
    gemini = {"candidates": [], "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3}}
    zeros = {"candidates": [], "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0}}
    assert read("gemini.generate_content", gemini, zeros).usage == counted


def test_thoughts_of_gemini_are_counted_once() -> None:
    """Inside the candidates where the total has no room for them; beside them, or in the total only, elsewhere."""
    for thoughts, candidates, total, output in (
        (60, 98, 118, 98),
        (60, 38, 118, 98),
        (None, 38, 118, 98),
        (60, None, 80, 60),
    ):
        told = {"promptTokenCount": 20, "thoughtsTokenCount": thoughts, "candidatesTokenCount": candidates}
        reply = format_named("gemini.generate_content").read_body({"usageMetadata": {**told, "totalTokenCount": total}})
        assert reply.usage is not None
        assert (reply.usage.output_tokens, reply.usage.reasoning_tokens) == (output, 60)
    cached = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 1025}
    details = {"prompt_tokens_details": {"cached_tokens": 1000}}
    assert answer(**cached, **details).usage == Usage(input_tokens=20, output_tokens=5)
