"""Our routers before the fault wall: blocking and asyncio, with their defaults or tuned, at the wall's pace."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from typing import Any, Final, Self

from beastmode_otel import Answer, AsyncModelRouter, BeastModeError, ModelRouter
from beastmode_otel.config import Retry, Timeouts
from support.fault_scenarios import SCENARIOS, Run, Scenario, Told, play
from support.fault_wall import SPARE, FaultWall, Pace

QUESTION: Final = {"messages": [{"role": "user", "content": "Tell me about the lighthouse."}]}
TUNED: Final[Mapping[str, Any]] = {"patience": 2.0, "on_cut": "restart"}
WORLDS: Final = ("sync", "async")


def config_of(wall: FaultWall, retry: Mapping[str, Any]) -> dict[str, Any]:
    """A route of a primary and a spare for each scenario, and one that is well. At the full pace nothing is set that
    `retry` does not say; else the defaults are scaled."""
    deployments = {"well": {"base_url": wall.url, "model": f"{SPARE}.well"}}
    routes = {"well": {"deployments": ["well"]}}
    for scenario in SCENARIOS:
        primary, spare = scenario.models()
        names = [f"{scenario.name}-primary", f"{scenario.name}-spare"]
        for name, model in zip(names, (primary, spare), strict=True):
            deployments[name] = {"base_url": wall.url, "model": model}
        routes[scenario.name] = {"deployments": [{"name": name, "order": place} for place, name in enumerate(names)]}
    config: dict[str, Any] = {"deployments": deployments, "routes": routes, "cache": {"mode": "off"}}
    if wall.pace.scale == 1.0:
        return config | {"retry": {**retry}}
    scale, timeouts, usual = wall.pace.scale, Timeouts(), Retry()
    scaled = {name: getattr(timeouts, name) * scale for name in ("read", "first_token", "total")}
    times = {name: getattr(usual, name) * scale for name in ("base", "cap", "max_wait")}
    given = {name: value * scale if isinstance(value, float) else value for name, value in retry.items()}
    return config | {"timeouts": scaled, "retry": times | given, "breaker": {"cooldown": wall.pace.cooldown}}


class RouterUnderTest:
    """`fault_scenarios.Asks` over one router of ours; its calls are made one beside the other."""

    def __init__(self, world: str, config: Mapping[str, Any]) -> None:
        self._callers = ThreadPoolExecutor(2 * len(SCENARIOS))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._blocking = ModelRouter(config) if world == "sync" else None
        self._asyncio = None if world == "sync" else AsyncModelRouter(config)

    def ask(self, scenario: Scenario) -> Told:
        began = time.monotonic()
        asked = self._begin(scenario.name, stream=True)
        try:
            text, answer = asked.result(scenario.limit + 1)
        except BeastModeError as exc:
            return Told(error=exc.category.name, seconds=time.monotonic() - began)
        except Late:
            return Told(hung=True, seconds=time.monotonic() - began)
        counted = answer.usage is not None and not answer.usage.estimated
        model = str((answer.body or {}).get("model"))
        assert answer.text == text
        return Told(text=text, model=model, usage=counted, seconds=time.monotonic() - began)

    def probe(self) -> bool:
        try:
            _, answer = self._begin("well", stream=False).result(10)
        except (BeastModeError, Late):
            return False
        return bool(answer.text)

    def _begin(self, model: str, *, stream: bool) -> Future[tuple[str, Answer]]:
        if self._blocking is not None:
            return self._callers.submit(self._ask, self._blocking, model, stream)
        assert self._asyncio is not None
        return asyncio.run_coroutine_threadsafe(self._ask_async(self._asyncio, model, stream), self._loop)

    def _ask(self, router: ModelRouter, model: str, stream: bool) -> tuple[str, Answer]:
        if not stream:
            answer = router.route(model, QUESTION)
            return answer.text, answer
        text = ""
        with router.stream(model, QUESTION) as chunks:
            for chunk in chunks:
                text = chunk.text if chunk.void else text + chunk.text
        return text, chunks.answer

    async def _ask_async(self, router: AsyncModelRouter, model: str, stream: bool) -> tuple[str, Answer]:
        if not stream:
            answer = await router.route(model, QUESTION)
            return answer.text, answer
        text = ""
        async with router.stream(model, QUESTION) as chunks:
            async for chunk in chunks:
                text = chunk.text if chunk.void else text + chunk.text
        return text, chunks.answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._blocking is not None:
            self._blocking.close()
        if self._asyncio is not None:
            asyncio.run_coroutine_threadsafe(self._asyncio.aclose(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._callers.shutdown(wait=False)


def play_all(
    pace: Pace, world: str, retry: Mapping[str, Any], *, done: Callable[[Run], None] = lambda run: None
) -> dict[str, Run]:
    """Every scenario, all at the same time. done: called with each when it is over."""
    runs: dict[str, Run] = {}
    with FaultWall(pace) as wall, RouterUnderTest(world, config_of(wall, retry)) as router:
        router.probe()  # what is imported and loaded once is no part of a scenario

        def one(scenario: Scenario) -> None:
            run = runs[scenario.name] = play(scenario, wall, router)
            done(run)

        with ThreadPoolExecutor(len(SCENARIOS)) as players:
            for played in [players.submit(one, scenario) for scenario in SCENARIOS]:
                played.result()
    return runs
