"""Our WordPiece beside the library's: `wordpiece.json` holds what `tokenizers` made of each text."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.cache.semantic.embedders.wordpiece import _TABLE, WordPiece, words

pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it")

GOLDEN = json.loads(Path(__file__).with_name("wordpiece.json").read_text("utf-8"))
VOCABULARY = files("beastmode_otel_minilm").joinpath("vocab.txt").read_text("utf-8").removesuffix("\n").split("\n")
PIECES = WordPiece(VOCABULARY)


def test_every_text_becomes_the_tokens_of_the_library():
    assert [text for text, ids in GOLDEN if PIECES(text) != ids] == []
    assert len(GOLDEN) > 200


def test_what_an_id_is():
    assert [VOCABULARY[number] for number in PIECES("Unaffable, isn't it?")] == [
        "una", "##ffa", "##ble", ",", "isn", "'", "t", "it", "?",
    ]  # fmt: skip
    assert (PIECES.unknown, PIECES.first, PIECES.last) == (100, 101, 102)


def test_tokens_of_control_are_text():
    """Whoever asks must not end the sequence for the model."""
    assert not {PIECES.first, PIECES.last} & set(PIECES("[CLS] [SEP] [MASK]"))


@given(st.text())
def test_any_text_has_tokens_and_those_of_its_words(text: str):
    found = PIECES(text)
    assert all(0 <= number < len(VOCABULARY) for number in found)
    assert found == [number for word in words(text) for number in PIECES(word)]


@given(st.text(st.characters(max_codepoint=126)))
def test_the_short_way_for_ascii_is_the_long_one(text: str):
    """Which any other character, that is dropped, leads to."""
    assert words(text) == words(text + "\u00ad")


def test_what_it_remembers_has_a_bound():
    """However many characters and words there are, and however long."""
    pieces = WordPiece(VOCABULARY)
    for start in range(0x100, 0x20000, 0x100):
        pieces("".join(chr(code) for code in range(start, start + 0x100) if not 0xD800 <= code < 0xE000))
        pieces(" ".join(f"{start}x{number}" for number in range(40)) + " " + "y" * 10_000)
    assert len(_TABLE) <= 8192
    told = pieces._pieces.cache_info()
    assert told.currsize <= told.maxsize == 8192
