"""What holds of whatever sentence: another number, unit, denial or quotation is refused, and what is only another case,
courtesy or mark is not. Of templates: the slot decides, whatever the frame."""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import assume, example, given
from hypothesis import strategies as st

from beastmode_otel.cache.semantic import words as known
from beastmode_otel.cache.semantic.decision import decide, rests_of
from beastmode_otel.cache.semantic.rules import refused_by
from support.embedders import NGrams

LINES = Path(__file__).with_name("pairs.jsonl").read_text("utf-8").splitlines()
SENTENCES = sorted({text for line in LINES for text in (json.loads(line)["a"], json.loads(line)["b"])})
TEXTS = st.sampled_from(SENTENCES)
NUMBER = re.compile(r"\b\d+\b")
WITH_DIGITS = st.sampled_from([text for text in SENTENCES if NUMBER.search(text)])
NUMBER_WORD = re.compile(rf"\b(?:{'|'.join(known.NUMBERS.keys() - {'both'})})\b")
WITH_NUMBER_WORDS = st.sampled_from([text for text in SENTENCES if NUMBER_WORD.search(text)])
AUXILIARY = re.compile(r"\b(?:is|are|was|were|can|could|does|do|did|should|would|will|has|have)\b(?! not| no)")
MAY_BE_DENIED = re.compile(  # "I do not know how": that is no denial
    r"\b(?:know|understand|tell|figure|find|work|see|get|sure|certain|only|trouble|difficult\w+|problems|struggling|hard)\b"
)
TO_DENY = st.sampled_from(
    [text for text in SENTENCES if AUXILIARY.search(text) and not MAY_BE_DENIED.search(text.lower())]
)
PLAIN = st.sampled_from(  # without code and quotations, where the case counts
    [
        text
        for text in SENTENCES
        if not re.search(r"\w\.\w|(?<!\w)'", text)
        and re.fullmatch(r"[A-Z]?[a-z ,.?!'0-9]+(?: [A-Z][a-z]+| [a-z0-9]+)*[.?!]?", text)
    ]
)
UNITS = st.sampled_from(sorted(known.UNITS))
WORDS = st.text("abcdefghij", min_size=2, max_size=8)


def refused(one: str, other: str) -> bool:
    """By which rule may depend on nothing but the two, and not on their order."""
    found = refused_by(one, other)
    assert found == refused_by(other, one)
    return found is not None


# What differs.


@given(WITH_DIGITS, st.integers(0, 99_999))
@example("What is 1 + 1?", 2)
def test_another_number_is_refused(text: str, number: int) -> None:
    for found in NUMBER.finditer(text):
        assume(int(found[0]) != number)
        assert refused(text, f"{text[: found.start()]}{number}{text[found.end() :]}")


@given(WITH_NUMBER_WORDS, st.sampled_from(sorted(known.NUMBERS)))
@example("Give me one example", "two")
def test_another_number_word_is_refused(text: str, word: str) -> None:
    found = NUMBER_WORD.search(text)
    assert found
    assume(known.NUMBERS[found[0]] != known.NUMBERS[word] and word != "both")
    assert refused(text, text.replace(found[0], word, 1))


@given(TEXTS, UNITS, UNITS)
@example("How far is it?", "km", "miles")
def test_another_unit_is_refused(text: str, unit: str, other: str) -> None:
    assume(known.UNITS[unit] != known.UNITS[other])
    assume(
        {known.UNITS[unit], known.UNITS[other]}.isdisjoint(known.UNITS.get(word) for word in re.findall(r"\w+", text))
    )
    assert refused(f"{text} Tell me in {unit}", f"{text} Tell me in {other}")


@given(TO_DENY)
def test_a_denial_is_refused(text: str) -> None:
    assert refused(text, AUXILIARY.sub(lambda found: f"{found[0]} not", text, count=1))


@given(TEXTS, WORDS, WORDS, st.sampled_from(['""', "“”", "«»", "``", "‘’"]))
def test_another_quotation_is_refused(text: str, quoted: str, other: str, marks: str) -> None:
    assume(quoted != other and quoted not in text and other not in text)
    assert refused(f"{text} {marks[0]}{quoted}{marks[1]}", f"{text} {marks[0]}{other}{marks[1]}")


# What does not.


@given(PLAIN, st.sampled_from([str.upper, str.lower, str.capitalize, str.swapcase]))
def test_another_case_is_not_refused(text: str, change: object) -> None:
    assert callable(change)
    assert refused_by(text, change(text)) is refused_by(change(text), text) is None


@given(
    TEXTS,
    st.sampled_from(
        ["", "Please ", "Hi, ", "Hello! ", "Could you help me? ", "Can you tell me: ", "I'd like to know: "]
    ),
    st.sampled_from(["", " please", ", please", " Thanks!", " Thank you."]),
)
def test_courtesy_is_not_refused(text: str, before: str, after: str) -> None:
    assert refused_by(text, f"{before}{text}{after}") is refused_by(f"{before}{text}{after}", text) is None


@given(TEXTS, st.sampled_from(["", ".", "?", "!", "??", "?!", "...", " ?", "\n"]))
def test_other_marks_at_the_end_are_not_refused(text: str, marks: str) -> None:
    other = f"  {text.rstrip('.?!')}{marks}"
    assert refused_by(text, other) is refused_by(other, text) is None


@given(TEXTS, TEXTS)
def test_which_comes_first_says_nothing(one: str, other: str) -> None:
    refused(one, other)


# Templates.

FRAMES = st.lists(WORDS, min_size=12, max_size=30).map(" ".join)
SLOTS = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


def verdict(one: str, other: str, off: tuple[str, ...] = ()) -> str:
    found = decide(one, other, threshold=0.9, off=off, embed=NGrams().embed).verdict
    assert found == decide(other, one, threshold=0.9, off=off, embed=NGrams().embed).verdict
    return found


@given(FRAMES, SLOTS, SLOTS, st.booleans())
def test_a_slot_is_compared_without_its_frame(frame: str, slot: str, other: str, last: bool) -> None:
    """Whatever both say in the frame; texts whose slots have no word in common are never served."""
    assume(not set(slot.split()) & set(other.split()))
    one, two = (f"{frame} {slot}", f"{frame} {other}") if last else (f"{slot} {frame}", f"{other} {frame}")
    rests = rests_of(one, two)
    assert rests is not None
    assert {*rests[0].split()} <= {*slot.split(), *frame.split()}
    similarity = NGrams().embed(rests)
    if all(rests) and float(similarity[0] @ similarity[1]) < 0.9:
        assert verdict(one, two) != "served"


@given(FRAMES, SLOTS)
def test_the_same_slot_is_served_and_an_empty_one_is_not(frame: str, slot: str) -> None:
    assert verdict(f"{frame} {slot}", f"{frame.upper()}  {slot}") == "served"
    assert verdict(f"{frame} {slot}", frame) != "served"


@given(FRAMES, SLOTS, st.integers(0, 999), st.integers(0, 999))
def test_another_number_in_a_slot_is_refused(frame: str, slot: str, number: int, other: int) -> None:
    assume(number != other)
    assert verdict(f"{frame} {slot} {number}", f"{frame} {slot} {other}", ("template",)) == "guard_reject"
