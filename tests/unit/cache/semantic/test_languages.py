"""What an embedder cannot read is refused: other scripts, other languages, signs that it does not know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.cache.semantic.embedders import MiniLM
from beastmode_otel.cache.semantic.embedders.languages import foreign
from support.questions import ENGLISH, FOREIGN

pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it")

BOUND = 0.05
# Two or three words without a common one among them, or with one that is English too: nobody can tell.
PASS = {
    "it": ["reimpostare la password"],
    "cs": ["obnovit heslo"],
    "et": ["Mis on Austraalia pealinn?"],
}


@pytest.mark.parametrize("language", FOREIGN)
def test_a_language_that_it_does_not_read_is_refused(language: str):
    unread = MiniLM().unread
    passed = [text for text in FOREIGN[language].splitlines() if unread(text) <= BOUND]
    assert passed == PASS.get(language, [])


def test_english_is_read_with_all_its_foreign_names():
    unread = MiniLM().unread
    assert [text for text in ENGLISH if unread(text) > BOUND] == []


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("how do I cancel my order 🙏", 0.1),  # any other emoji would be the same token
        ("what does 你好 mean", 0.1),
        ("translate добрый вечер", 0.5),
        ("", 1.0),
        (" \n", 1.0),
        ("x" * 101, 1.0),  # too long a word to be one
    ],
)
def test_a_part_that_it_cannot_read_is_told(text: str, least: float):
    assert MiniLM().unread(text) >= least


def test_signs_of_formulas_are_no_other_language():
    unread = MiniLM().unread
    assert [text for text in ("convert 20 µm to Ω", "is π = 3.14?", "μ and σ of x", "½ cup") if unread(text)] == []


GERMAN, FRENCH, ENGLISCH = "Wie kann ich das ändern?", "Comment puis-je le changer ?", "How can I change it?"


@pytest.mark.parametrize(
    ("languages", "read", "not_read"),
    [
        ({"de"}, [GERMAN], [ENGLISCH, FRENCH, "как мне это изменить"]),
        ({"en", "de"}, [GERMAN, ENGLISCH], [FRENCH, "怎么修改"]),
        ({"zh"}, ["怎么修改地址", "怎么修改 IKEA 地址"], ["住所を変更したい", "주소를 변경하고"]),
        ({"ru", "en"}, ["как мне это изменить", ENGLISCH], [GERMAN, "πώς μπορώ"]),
        ({"yo"}, [GERMAN, ENGLISCH, "Báwo ni mo ṣe lè yí i padà?"], ["как мне это изменить"]),  # whose words none knows
        (None, [GERMAN, FRENCH, "怎么修改地址", "ฉันจะ"], []),
    ],
)
def test_an_embedder_of_other_languages(languages: set[str] | None, read: list[str], not_read: list[str]):
    assert [text for text in read if foreign(text, languages) > BOUND] == []
    assert [text for text in not_read if foreign(text, languages) <= BOUND] == []


@given(st.text(), st.sets(st.sampled_from(["en", "de", "zh", "ru", "xx"])) | st.none())
def test_a_share_is_a_share(text: str, languages: set[str] | None):
    assert 0.0 <= foreign(text, languages) <= 1.0
    assert foreign(text, None) == 0.0
    assert 0.0 <= MiniLM().unread(text) <= 1.0
