"""An embedder that hangs, fails or goes mad costs a request its time at most, and once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from beastmode_otel.cache.semantic import EmbedderFailed, ResilientEmbedder, resilient_embedder
from beastmode_otel.cache.semantic.embedders import Checked
from beastmode_otel.cache.semantic.resilient_embedder import Unmatched
from beastmode_otel.observer import NullObserver
from beastmode_otel.runtime import BlockingRuntime, run_sync
from support.crowd import wait_until
from support.embedders import Failing, Hanging, Mad, NGrams, Slow

PLENTY = 20.0


class Told(NullObserver):
    def __init__(self) -> None:
        self.embeds: list[str] = []

    def embedded(self, result: Any, seconds: float) -> None:
        assert seconds >= 0
        self.embeds.append(result)


class Stand:
    def __init__(self, embedder: Any, *, max_tokens: int = 64, unread: float = 0.05) -> None:
        self.inner, self.told = embedder, Told()
        self.tested = ResilientEmbedder(Checked(embedder), max_tokens=max_tokens, unread=unread, observer=self.told)

    def read(self, text: str = "Hi?", seconds: float = PLENTY) -> Any:
        """The row, or the verdict."""
        return self.run(lambda: self.tested.question(text), seconds)

    def run(self, work: Callable[[], Any], seconds: float = PLENTY) -> Any:
        try:
            return run_sync(self.tested.run(work, BlockingRuntime(), time.monotonic() + seconds))
        except Unmatched as no:
            return no.verdict


@pytest.fixture
def made() -> Iterator[Callable[..., Stand]]:
    stands: list[Stand] = []

    def make(embedder: Any = None, **options: Any) -> Stand:
        stands.append(Stand(embedder or NGrams(), **options))
        return stands[-1]

    yield make
    for stand in stands:
        getattr(stand.inner, "let_go", threading.Event()).set()
        stand.tested.close()


def test_a_question_is_one_row_of_length_one(made: Any) -> None:
    stand = made()
    row = stand.read("How are you?")
    assert (row.shape, row.dtype) == ((1, 256), np.float32)
    assert float(row[0] @ row[0]) == pytest.approx(1.0)
    assert stand.told.embeds == ["ok"]


def test_all_work_is_done_by_one_thread_and_not_the_callers(made: Any) -> None:
    stand = made()
    seen = {stand.run(threading.get_ident) for _ in range(5)}
    assert len(seen) == 1
    assert threading.get_ident() not in seen


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("word " * 65, "too_long"), ("x" * 64 * 16 + "x", "too_long"), ("???", "unsupported_language")],
)
def test_what_it_cannot_read_in_one_piece_is_not_matched(text: str, verdict: str, made: Any) -> None:
    assert made().read(text) == verdict


def test_what_it_cannot_read_at_all_is_not_even_embedded(made: Any) -> None:
    class Latin(NGrams):
        def unread(self, text: str) -> float:
            return sum(not char.isascii() for char in text) / len(text)

    stand = made(Latin(), unread=0.2)
    assert stand.read("ยกเลิก") == "unsupported_language"
    assert stand.inner.asked == []
    assert stand.read("Häuser?").shape == (1, 256)


def test_the_shorter_of_both_bounds_counts(made: Any) -> None:
    class Short(NGrams):
        most_tokens = 3

    assert made(Short()).read("one two three four") == "too_long"
    assert made(Short()).read("one two three").shape == (1, 256)


# Hanging.


def test_one_that_is_too_slow_rests_after_three_calls(made: Any, caplog: Any) -> None:
    caplog.set_level(logging.WARNING, "beastmode_otel")
    stand = made(Slow())
    for _ in range(3):
        assert stand.read(seconds=0.02) == "timeout"
        wait_until(lambda: stand.tested._began is None)
    assert stand.read() == "embedder_off"
    (said,) = caplog.messages
    assert "ngrams-256 1 does not answer in time" in said
    assert "for 30 s" in said


def test_many_that_wait_for_one_slow_call_are_one_slow_call(made: Any) -> None:
    """The first one loads a model: a rush at the start must not switch off what is well."""
    stand = made(Hanging())
    callers = [threading.Thread(target=stand.read, kwargs={"seconds": 0.05}) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    stand.inner.let_go.set()
    assert stand.read().shape == (1, 256)


def test_a_model_that_loads_for_long_is_not_called_hung(made: Any, caplog: Any, monkeypatch: Any) -> None:
    caplog.set_level(logging.WARNING, "beastmode_otel")
    monkeypatch.setattr(resilient_embedder, "HUNG_SECONDS", 0.05)
    stand, go = made(Hanging()), threading.Event()
    stand.tested.later(lambda: go.wait(30))
    time.sleep(0.2)
    assert stand.read(seconds=PLENTY) == "timeout"
    assert caplog.messages == []
    monkeypatch.setattr(resilient_embedder, "LOADING_SECONDS", 0.1)
    assert stand.read(seconds=PLENTY) == "timeout"
    (said,) = caplog.messages
    assert "does not return" in said
    go.set()


def test_nobody_waits_behind_a_call_that_hangs(made: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.WARNING, "beastmode_otel")
    monkeypatch.setattr(resilient_embedder, "HUNG_SECONDS", 0.05)
    stand = made(Hanging())
    assert stand.read(seconds=0.1) == "timeout"
    began = time.monotonic()
    assert stand.read(seconds=PLENTY) == "timeout"
    assert time.monotonic() - began < 10.0
    (said,) = caplog.messages
    assert "off until it does: the embedder ngrams-256 1 does not return" in said
    stand.inner.let_go.set()
    wait_until(lambda: stand.tested._began is None)
    assert stand.read().shape == (1, 256)


def test_what_nobody_waits_for_any_more_is_not_embedded(made: Any) -> None:
    """Under a rush the queue does not grow by requests that have gone on long ago."""
    stand, gate = made(), threading.Event()
    beside = threading.Thread(target=lambda: stand.run(lambda: gate.wait(PLENTY)))
    beside.start()
    wait_until(lambda: stand.tested._began is not None)
    assert [stand.read(f"question {n}", seconds=0.01) for n in range(2)] == ["timeout"] * 2
    gate.set()
    beside.join()
    assert stand.read("the last").shape == (1, 256)
    assert stand.inner.asked == ["the last"]


def test_a_full_queue_is_no_fault_of_the_embedders(made: Any) -> None:
    stand = made()
    gate = threading.Event()
    for _ in range(257):
        stand.tested.later(lambda: gate.wait(PLENTY) and None)
    wait_until(lambda: stand.tested._began is not None)
    stand.tested.later(lambda: None)
    assert stand.read() == "timeout"
    gate.set()
    wait_until(lambda: stand.tested._began is None)
    assert stand.read().shape == (1, 256)


# Failing.


@pytest.mark.parametrize("error", [EmbedderFailed("503"), RuntimeError("a bug"), SystemExit(1)])
def test_one_that_fails_rests_and_comes_back(
    error: BaseException, made: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "beastmode_otel")
    monkeypatch.setattr(resilient_embedder, "REST_SECONDS", 0.1)
    stand = made(Failing(lambda: error))  # type: ignore[arg-type,return-value]
    assert (stand.read(), stand.read()) == ("embedder_failed", "embedder_off")
    assert stand.inner.asked == ["Hi?"]
    assert stand.told.embeds == ["error"]
    time.sleep(0.12)
    assert stand.read() == "embedder_failed"  # and rests twice as long
    time.sleep(0.12)
    assert stand.read() == "embedder_off"
    stand.inner.ill = False
    time.sleep(0.1)
    assert stand.read().shape == (1, 256)
    assert stand.told.embeds == ["error", "error", "ok"]
    (said,) = caplog.messages  # once for each kind of trouble
    assert "503" not in said  # an embedder's text may quote the question


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (lambda rows: rows * np.nan, "no number"),
        (lambda rows: np.full_like(rows, np.inf), "no number"),
        (lambda rows: rows[:, :128], "(1, 128) in the place of (1, 256)"),
        (lambda rows: np.hstack([rows, rows]), "(1, 512)"),
        (lambda rows: "no array", "no vectors"),
        (lambda rows: rows[0], ""),
        (lambda rows: rows[:0], ""),
        (lambda rows: np.float32(1), ""),
    ],
)
def test_one_that_is_mad_is_off_for_good(how: Any, said: str, made: Any, caplog: Any) -> None:
    caplog.set_level(logging.WARNING, "beastmode_otel")
    stand = made(Mad(how))
    assert stand.read("calm").shape == (1, 256)
    assert [stand.read() for _ in range(3)] == ["embedder_failed", "embedder_off", "embedder_off"]
    assert stand.inner.asked == ["calm", "Hi?"]
    assert stand.told.embeds == ["ok", "error"]
    (line,) = caplog.messages
    assert "off for good" in line
    assert said in line


def test_a_text_in_which_it_sees_nothing_is_that_texts_affair(made: Any) -> None:
    stand = made(Mad(lambda rows: rows * 0))
    stand.read("calm")
    assert [stand.read() for _ in range(2)] == ["unsupported_language"] * 2


def test_lengths_are_made_one(made: Any) -> None:
    stand = made(Mad(lambda rows: rows * 7))
    stand.read("calm")
    row = stand.read()
    assert float(np.linalg.norm(row)) == pytest.approx(1.0)
