"""Who asks the demo what in other words, and what its callers take for a wrong answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from beastmode_otel import semconv
from beastmode_otel.cli.demo.caller import Caller, DemoCall
from beastmode_otel.cli.demo.questions import INTENTS, answers, reworded
from beastmode_otel.client import AsyncModelRouter
from beastmode_otel.simulator import Behaviour, Simulator
from support.embedders import NGrams
from support.recorder import Recorder

QUESTIONS = [question for intent in INTENTS for question in intent]


def test_no_question_is_in_two_intents() -> None:
    assert len(set(QUESTIONS)) == len(QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS)
def test_another_wording_is_answered_by_the_same(question: str) -> None:
    other = reworded(question)
    assert other != question
    assert answers(question, other)
    assert answers(question, question)


def test_what_nobody_words_otherwise_stays_as_it_is() -> None:
    assert reworded("What happened at 7?") == "What happened at 7?"
    assert answers("What happened at 7?", "What happened at 7?")
    assert not answers("What happened at 7?", "What happened at 8?")


@pytest.mark.parametrize("intent", INTENTS)
def test_a_neighbour_s_answer_is_wrong(intent: tuple[str, ...]) -> None:
    others = [one for one in INTENTS if one != intent]
    assert not any(answers(intent[0], question) for other in others for question in other)


@pytest.mark.parametrize("act", ["whole", "stream"])
@pytest.mark.parametrize(("right", "wrong"), [(lambda text: text == "As asked.", 0), (lambda text: False, 1)])
def test_a_caller_reports_a_similar_answer_that_is_wrong(
    act: str, right: Callable[[str], bool], wrong: int, simulator: Simulator, recorder: Recorder
) -> None:
    simulator.define("a", Behaviour(text="As asked."))
    config = {
        "deployments": {"a": {"base_url": simulator.url("a"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": {"mode": "semantic", "l3": "off", "semantic": {"embedder": NGrams(), "threshold": 0.8, "seconds": 10}},
    }

    async def told() -> float:
        async with AsyncModelRouter(config, **recorder.providers) as router:
            caller = Caller([router])
            for text in ("How do I cancel my order on the web site?", "How do I cancel my order on the website?"):
                body = {"messages": [{"role": "user", "content": text}]}
                assert await getattr(caller, act)(DemoCall(model="chat", body=body, right=right)) is None
            return sum(recorder.metrics().get(semconv.CACHE_JUDGEMENTS.name, {}).values())

    assert asyncio.run(told()) == wrong
    assert simulator.received == 1
