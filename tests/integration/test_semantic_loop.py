"""The event loop goes on while a question is embedded, searched and judged."""

from __future__ import annotations

import asyncio
import time

import pytest

from beastmode_otel import AsyncModelRouter
from beastmode_otel.simulator import Behaviour, Simulator
from support.embedders import NGrams


class Sleepy(NGrams):
    def embed(self, texts):  # type: ignore[no-untyped-def]
        time.sleep(0.25)
        return super().embed(texts)


def judge(question: str, candidate: str) -> str:
    time.sleep(0.25)
    return "yes"


@pytest.mark.parametrize("stream", [False, True])
def test_the_loop_goes_on(simulator: Simulator, stream: bool) -> None:
    simulator.define("a", Behaviour(text="An answer."))
    config = {
        "deployments": {"a": {"base_url": simulator.url("a"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": {"l3": "off", "semantic": {"embedder": Sleepy(), "verifier": judge, "seconds": 20.0,
                                            "verifier_seconds": 20.0}},
    }  # fmt: skip

    async def ask(router: AsyncModelRouter, text: str) -> str | None:
        body = {"messages": [{"role": "user", "content": text}]}
        if not stream:
            return (await router.route("chat", body)).cache.match
        async with router.stream("chat", body) as opened:
            async for _ in opened:
                pass
            return opened.answer.cache.match

    async def gaps(over: asyncio.Event) -> float:
        longest, before = 0.0, time.perf_counter()
        while not over.is_set():
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        return longest

    async def go() -> tuple[list[str | None], float]:
        over = asyncio.Event()
        async with AsyncModelRouter(config) as router:
            watching = asyncio.create_task(gaps(over))
            found = [await ask(router, text) for text in ("How do I cancel my order?", "How do I cancel my orders?")]
            over.set()
            return found, await watching

    found, longest = asyncio.run(go())
    assert found == [None, "semantic"]
    assert longest < 0.2
