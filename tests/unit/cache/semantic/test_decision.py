"""Each rule refuses its own kind of look-alike, by its name, and can be switched off; other words for the same pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.cache.semantic.decision import decide, rests_of
from beastmode_otel.cache.semantic.rules import RULES
from beastmode_otel.semconv import GUARD
from support.embedders import NGrams

LOOK_ALIKE = [
    ("numbers", "What is 15% of 240?", "What is 15% of 420?"),
    ("numbers", "Give me three ideas", "Give me five ideas"),
    ("numbers", "Is it 1,000 or more?", "Is it 10,000 or more?"),
    ("negation", "Is the shop open on holidays?", "Isn't the shop open on holidays?"),
    ("negation", "Which fruit is sweet?", "Which fruit is not sweet?"),
    ("opposites", "How do I turn on dark mode?", "How do I turn off dark mode?"),
    ("opposites", "How do I enable 2FA?", "How do I disable 2FA?"),
    ("opposites", "What is the longest river?", "What is the shortest river?"),
    ("opposites", "What are the advantages of tea?", "What are the disadvantages of tea?"),
    ("quotes", 'Translate "good night"', 'Translate "good day"'),
    ("quotes", "Summarise https://a.test/x please", "Summarise https://a.test/y please"),
    ("identifiers", "What does read_csv do?", "What does read_json do?"),
    ("identifiers", "Explain C++ to me", "Explain C# to me"),
    ("names", "What is the capital of France?", "What is the capital of Spain?"),
    ("units", "Is it far in km?", "Is it far in miles?"),
    ("languages", "say it in french", "say it in german"),
    ("times", "Are you open on monday?", "Are you open on friday?"),
    ("word_order", "convert euros to dollars", "convert dollars to euros"),
    ("word_order", "Does the dog bite the man?", "Does the man bite the dog?"),
    ("question_word", "When was it built?", "Where was it built?"),
    ("prefixes", "Is it legal to park here?", "Is it illegal to park here?"),
    ("conjunct", "What are the pros of solar power?", "What are the pros and costs of solar power?"),
]
SAME = [
    ("How do I cancel my order?", "How can I cancel my order?"),
    ("What is the capital of France?", "what's the capital of France"),
    ("How do I reset my password?", "What is the way to reset my password?"),
    ("Who wrote Dracula?", "Who is the author of Dracula?"),
    ("Explain photosynthesis", "Please explain photosynthesis to me."),
    ("Is France's capital old?", "Is the capital of France old?"),
    ("It costs 1,000 dollars", "it costs 1000 dollars"),
]


def verdict(one: str, other: str, off: Sequence[str] = (), threshold: float = 0.9) -> tuple[str, str | None]:
    found = decide(one, other, threshold=threshold, off=off, embed=NGrams().embed)
    return found.verdict, found.guard


def test_every_rule_has_its_name_in_telemetry() -> None:
    assert tuple(RULES) == GUARD.values
    assert {name for name, _, _ in LOOK_ALIKE} == set(RULES)


@pytest.mark.parametrize(("rule", "one", "other"), LOOK_ALIKE)
def test_a_look_alike_is_refused_by_its_rule(rule: str, one: str, other: str) -> None:
    others = [name for name in RULES if name != rule]
    assert verdict(one, other)[0] == "guard_reject"
    assert verdict(one, other, others) == verdict(other, one, others) == ("guard_reject", rule)
    assert verdict(one, other, tuple(RULES)) == ("served", None)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_other_words_for_the_same_pass(one: str, other: str) -> None:
    assert verdict(one, other) == verdict(other, one) == ("served", None)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_have_a_verdict_whichever_comes_first(one: str, other: str) -> None:
    rules = [name for name, differs in RULES.items() if differs(*readings(one, other))]
    assert rules == [name for name, differs in RULES.items() if differs(*readings(other, one))]


@given(st.text(max_size=80))
def test_a_text_is_no_look_alike_of_itself(text: str) -> None:
    assert verdict(text, text) == ("served", None)


def readings(one: str, other: str) -> Any:
    from beastmode_otel.cache.semantic.rules import Reading

    return Reading(one), Reading(other)


# Templates.

FRAME = "You are a support agent of a bank. Read what the customer writes and answer in one word:"


def test_a_slot_in_a_long_frame_is_compared_by_itself() -> None:
    one, other = f"{FRAME} my card was stolen", f"{FRAME} a transfer is late"
    assert rests_of(one, other) == ("my card was stolen", "a transfer is late")
    assert verdict(one, other) == ("template_reject", None)
    assert verdict(one, other, ["template"]) == ("served", None)
    assert verdict(one, f"{FRAME} my card was stolen!") == ("served", None)


@pytest.mark.parametrize("other", [FRAME, f"{FRAME} thanks"])
def test_an_empty_slot_matches_nothing_else(other: str) -> None:
    assert verdict(f"{FRAME} my card was stolen", other)[0] == "template_reject"
    assert rests_of(FRAME, FRAME) is None


def test_short_texts_and_those_that_share_little_are_no_templates() -> None:
    assert rests_of("how do I cancel my order", "how do I cancel my flight") is None
    long = " ".join(f"word{number}" for number in range(40))
    assert rests_of(f"{FRAME} {long}", f"{FRAME} {long[::-1]}") is None


@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.sampled_from("abc"), max_size=30))
def test_frame_and_rest_are_the_text(one: list[str], other: list[str]) -> None:
    rests = rests_of(" ".join(one), " ".join(other))
    if rests is not None:
        for text, rest in ((one, rests[0]), (other, rests[1])):
            shared = len(text) - len(rest.split())
            assert shared >= 12
            assert any(text[at : at + len(rest.split())] == rest.split() for at in range(len(text) + 1))
