"""The real model through a whole router and the hook, with the default settings."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from beastmode_otel import instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import DRIVERS

pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it")

SAME = [
    ("How do I cancel my order?", "How can I cancel my order?"),
    ("What is the capital of France?", "What's the capital of France?"),
    ("How do I reset my password?", "How can I reset my password?"),
    ("Please explain how photosynthesis works.", "Please explain how does photosynthesis work."),
]
NOT_THE_SAME = [
    ("How do I turn on dark mode?", "How do I turn off dark mode?"),
    ("How do I enable 2FA?", "How do I disable 2FA?"),
    ("Convert 20 miles to km", "Convert 30 miles to km"),
    ("Is the shop open on Sunday?", "Is the shop not open on Sunday?"),
    ("ฉันจะยกเลิกคำสั่งซื้อได้อย่างไร", "ฉันจะเปลี่ยนที่อยู่ได้อย่างไร"),
    ("订单怎么取消", "地址怎么修改"),
    ("🍎🍐", "🚗🚕"),
]


def body(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


@pytest.fixture(params=["sync", "async"])
def router(request: Any, simulator: Simulator) -> Iterator[Any]:
    simulator.define("a", Behaviour(text="An answer."))
    config = {
        "deployments": {"a": {"base_url": simulator.url("a"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": {"mode": "semantic", "l3": "off"},
    }
    made = DRIVERS[request.param](simulator, config)
    made.act("route", "chat", body("Are you there?"))  # the model is loaded
    yield made
    made.close()


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_question_in_other_words(first: str, second: str, router: Any) -> None:
    assert router.act("route", "chat", body(first)).cache.status == "miss"
    found = router.act("route", "chat", body(second)).cache
    assert (found.status, found.match, found.verdict) == ("hit", "semantic", "served")
    assert found.similarity >= 0.95


@pytest.mark.parametrize(("first", "second"), NOT_THE_SAME)
def test_another_question_in_nearly_the_same_words(first: str, second: str, router: Any) -> None:
    assert router.act("route", "chat", body(first)).cache.status == "miss"
    assert router.act("route", "chat", body(second)).cache.status == "miss"


def test_a_miss_costs_milliseconds(router: Any) -> None:
    """A generous bound, on any machine: what is told is in beastmode.cache.embed.duration."""
    began = time.perf_counter()
    for number in range(10):
        assert router.act("route", "chat", body(f"What is {number} plus {number}?")).cache.status == "miss"
    assert time.perf_counter() - began < 30.0


def test_an_app_that_knows_nothing_of_it(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero code: BEASTMODE_CACHE=semantic and the hook."""
    monkeypatch.setenv("BEASTMODE_CACHE", "semantic")
    monkeypatch.setenv("BEASTMODE_L3_URL", "off")
    simulator.define("a", Behaviour(text="An answer."))
    instrument()
    try:
        with httpx.Client() as client:
            asked = [
                client.post(f"{simulator.url('a')}/chat/completions", json={"model": "m"} | body(text), timeout=30)
                for text in ("Are you there?", *SAME[0])
            ]
    finally:
        uninstrument()
    said = asked[-1].headers["x-beastmode-cache"].split("; ")
    assert said[:3] == ["hit", "tier=l1", "match=semantic"]
    assert asked[-1].json()["choices"][0]["message"]["content"] == "An answer."
    assert simulator.received == 2
