"""Token counts: every provider's words in one shape."""

from __future__ import annotations

from typing import Any

import pytest

from beastmode_otel.wire import UNKNOWN, Usage, estimate
from beastmode_otel.wire.facts import openai_usage
from beastmode_otel.wire.formats.anthropic import anthropic_usage

from . import payloads as p


def test_openais_input_already_includes_cached_tokens() -> None:
    assert openai_usage(p.OPENAI_USAGE) == Usage(
        input_tokens=1200, output_tokens=300, cached_input_tokens=1024, reasoning_tokens=256
    )


def test_anthropics_input_gets_what_the_cache_read_and_wrote() -> None:
    assert anthropic_usage(p.ANTHROPIC_START_USAGE) == Usage(
        input_tokens=1320, output_tokens=1, cached_input_tokens=1000, cache_write_tokens=300
    )


def test_the_names_of_the_responses_api_are_read_too() -> None:
    value = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 3}
    assert openai_usage(value) == Usage(input_tokens=5, output_tokens=3, cached_input_tokens=4)


def test_deepseeks_cache_hits_are_cached_tokens() -> None:
    value = {"prompt_tokens": 10, "prompt_cache_hit_tokens": 6}
    assert openai_usage(value) == Usage(input_tokens=10, cached_input_tokens=6)


def test_reasoning_counted_beside_the_output_is_added_to_it() -> None:
    """xAI's way; the total gives it away."""
    value = {
        "prompt_tokens": 32,
        "completion_tokens": 9,
        "total_tokens": 135,
        "completion_tokens_details": {"reasoning_tokens": 94},
    }
    assert openai_usage(value) == Usage(input_tokens=32, output_tokens=103, reasoning_tokens=94)


def test_what_a_total_has_more_was_generated() -> None:
    """Gemini, spoken to as OpenAI, tells of its thoughts in the total only: 20 in, 198 out, 623 in all."""
    value = {"prompt_tokens": 20, "completion_tokens": 198, "total_tokens": 623}
    assert openai_usage(value) == Usage(input_tokens=20, output_tokens=603)
    told = {**value, "completion_tokens_details": {"reasoning_tokens": 100}}
    assert openai_usage(told) == Usage(input_tokens=20, output_tokens=198, reasoning_tokens=100)
    assert openai_usage({**value, "total_tokens": 200}) == Usage(input_tokens=20, output_tokens=198)


def test_output_that_only_the_total_tells_of() -> None:
    assert openai_usage({"prompt_tokens": 7, "total_tokens": 12}) == Usage(input_tokens=7, output_tokens=5)
    assert openai_usage({"prompt_tokens": 7, "total_tokens": 7}) == Usage(input_tokens=7)


@pytest.mark.parametrize("names", [("promptTokens", "completionTokens"), ("inputTokens", "outputTokens")])
def test_names_as_javascript_writes_them(names: tuple[str, str]) -> None:
    value = {names[0]: 7, names[1]: 5, "totalTokens": 12}
    assert openai_usage(value) == Usage(input_tokens=7, output_tokens=5)


def test_a_part_larger_than_its_whole_is_ignored() -> None:
    value = {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 30}}
    assert openai_usage(value) == Usage(input_tokens=3)


@pytest.mark.parametrize("broken", [-1, True, 1.5, "12", None, [], {}, 10**12, float("nan")])
def test_what_cannot_be_a_count_is_not_known(broken: Any) -> None:
    assert openai_usage({"prompt_tokens": broken, "completion_tokens": 2}) == Usage(output_tokens=2)
    assert anthropic_usage({"input_tokens": broken, "cache_read_input_tokens": 2}) == Usage(cached_input_tokens=2)


@pytest.mark.parametrize("value", [None, [], "x", {}, {"prompt_tokens": None}])
def test_no_counts_are_no_usage(value: Any) -> None:
    assert openai_usage(value) is None
    assert anthropic_usage(value) is None
    assert UNKNOWN.read_body({"usage": value}).usage is None


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("", 0, 0),
        ("x", 1, 1),
        ("The quick brown fox jumps over the lazy dog.", 9, 13),
        ("Съешь же ещё этих мягких французских булок", 14, 24),
        ("敏捷的棕色狐狸跳过了懒狗", 8, 16),
        ("🌍🌍🌍", 3, 9),
    ],
)
def test_an_estimate_is_of_the_right_order(text: str, low: int, high: int) -> None:
    assert low <= estimate(text) <= high
