"""Who asks what in the demo, drawn from a seeded generator."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from beastmode_otel.cli.demo.caller import Caller, DemoCall
from beastmode_otel.cli.demo.questions import INTENTS, answers, reworded
from beastmode_otel.cli.demo.tasks import end, wait_for
from beastmode_otel.errors import BeastModeError

if TYPE_CHECKING:
    from beastmode_otel.engine import AccessRequest, CacheUse

T = TypeVar("T")

CALLERS: Final = 20
GRACE: Final = 1.5  # seconds that requests under way get at the end, before they are cancelled
_THINK: Final = 0.15  # a caller's mean pause
_INTERN: Final = "user-intern"

_MODELS: Final = {
    "custom:chat": 38,
    "custom:fast": 26,
    "custom:summarise": 14,
    "custom:reason": 7,
    "custom:limited": 5,
    "custom:support": 5,
    "custom:broken": 4,
    "custom:legacy": 1,
    "custom:chatt": 1,  # a typing error: unknown
    "openai:gpt-4o": 1,  # no key for it
}
_ACTS: Final = {"whole": 48, "stream": 34, "leave": 7, "cancel": 8, "abandon": 3}
_TEAMS: Final = {"search": 5, "support": 3, "marketing": 1}
_USERS: Final = {"user-1": 30, "user-2": 30, "user-3": 30, _INTERN: 4}
# What is asked again and again: the first question most, the n-th 1/n as often (Zipf), which is how people ask.
_POPULAR: Final = 25
_CHANCES: Final = [1 / rank for rank in range(1, _POPULAR + 1)]
_KINDS: Final = {"popular": 42, "worded": 20, "news": 12, "own": 26}
_ASKED: Final = [1 / rank for rank in range(1, len(INTENTS) + 1)]
_NEWS_SECONDS: Final = 1.0  # for so long everybody who asks about the news asks the same
_AGAIN: Final = 0.12  # of the requests: the caller's last one once more, as when a page is loaded again, or reworded
_USES: Final[Mapping[CacheUse, int]] = {"on": 94, "off": 4, "refresh": 2}
_PROMPTS: Final = (
    "What is the refund policy for an order that arrived damaged?",
    "Summarise this ticket in two sentences: the printer prints, but only on Tuesdays.",
    "Translate to French: the meeting moved to Thursday at nine.",
    "Write a friendly reply that declines the discount.",
    "Which of these log lines explains the outage?",
    "Suggest three titles for an article about tide pools.",
)


def access(asked: AccessRequest) -> bool | str:
    """The demo's access rule."""
    if asked.user_id == _INTERN and asked.model == "custom:summarise":
        return "interns may not use this model"
    return True


def _draw(rng: random.Random, weights: Mapping[T, int]) -> T:
    return rng.choices(list(weights), list(weights.values()))[0]


def _question(rng: random.Random, now: float) -> str:
    """What many ask, what many ask in words of their own, what everybody asks just now, or what nobody else asks."""
    kind = _draw(rng, _KINDS)
    if kind == "popular":
        number = rng.choices(range(_POPULAR), _CHANCES)[0]
        return f"{_PROMPTS[number % len(_PROMPTS)]} (case {number})"
    if kind == "worded":
        return rng.choice(rng.choices(INTENTS, _ASKED)[0])
    if kind == "news":
        return f"What happened at {int(now / _NEWS_SECONDS)}?"
    return f"{rng.choice(_PROMPTS)} (case {rng.randrange(_POPULAR, 1_000_000)})"


def _ask(rng: random.Random, model: str, question: str) -> DemoCall:
    messages = [
        {"role": "system", "content": "You are a helpful assistant of a small company."},
        {"role": "user", "content": question},
    ]
    body = {"messages": messages[1:], "max_tokens": 500} if model == "custom:summarise" else {"messages": messages}
    return DemoCall(
        model=model,
        body=body,
        user_id=_draw(rng, _USERS),
        labels={"team": _draw(rng, _TEAMS)},
        patience=rng.uniform(0.02, 0.4),
        cache=_draw(rng, _USES),
        right=functools.partial(answers, question),
    )


class Traffic:
    """The load of the demo: so many callers, who ask, wait, think and ask again."""

    remark = ""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    async def send(self, caller: Caller, seconds: float, stop: asyncio.Event) -> None:
        """For so many seconds, or until `stop`; at its end nothing is under way."""
        acts: dict[str, Callable[[DemoCall], Awaitable[BeastModeError | None]]] = {
            name: getattr(caller, name) for name in _ACTS
        }
        until = asyncio.get_running_loop().time() + seconds
        tasks = [
            asyncio.create_task(_ask_on(number, random.Random(f"{self._seed}/{number}"), acts, until, stop))
            for number in range(CALLERS)
        ]
        await wait_for(stop, seconds)
        await asyncio.wait(tasks, timeout=0 if stop.is_set() else GRACE)
        await end(tasks)


async def _ask_on(
    number: int,
    rng: random.Random,
    acts: Mapping[str, Callable[[DemoCall], Awaitable[BeastModeError | None]]],
    until: float,
    stop: asyncio.Event,
) -> None:
    now = asyncio.get_running_loop().time
    await wait_for(stop, rng.uniform(0.0, min(_THINK, until - now())))
    # Together the callers begin with each act and each model once, and then ask the same again, so that the shortest
    # demo shows them all, and hits; half of them in other words.
    act, model = list(_ACTS)[number % len(_ACTS)], list(_MODELS)[number % len(_MODELS)]
    question = INTENTS[number % len(INTENTS)][0] if number < CALLERS // 2 else _question(rng, now())
    ask, again = _ask(rng, model, question), True
    while now() < until and not stop.is_set():
        await acts[act](ask)
        act = _draw(rng, _ACTS)
        question = reworded(question) if again else _question(rng, now())
        ask = _ask(rng, ask.model if again else _draw(rng, _MODELS), question)
        again = rng.random() < _AGAIN
        await wait_for(stop, min(rng.expovariate(1 / _THINK), until - now()))
