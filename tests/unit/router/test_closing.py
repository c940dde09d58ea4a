"""A router that is closed while whole answers are under way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter, UpstreamError
from beastmode_otel.simulator import Behaviour, Simulator

CALLS, REQUEST = 5, {"messages": [{"role": "user", "content": "Hello?"}]}


def _config(simulator: Simulator) -> dict[str, Any]:
    simulator.define("slow", Behaviour(text="Hello", latency=1.0))
    return {
        "deployments": {"a": {"base_url": simulator.url("slow"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": {"mode": "off"},
    }


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.005)


def _blocking(simulator: Simulator) -> list[BaseException]:
    router, errors = ModelRouter(_config(simulator)), list[BaseException]()

    def ask() -> None:
        with pytest.raises(UpstreamError) as raised:
            router.route("chat", REQUEST)
        errors.append(raised.value)

    threads = [threading.Thread(target=ask) for _ in range(CALLS)]
    for thread in threads:
        thread.start()
    _until(lambda: simulator.received_by("slow") == CALLS)
    router.close()
    for thread in threads:
        thread.join(10)
    with ModelRouter(_config(simulator)) as another:
        assert another.route("chat", REQUEST).text == "Hello"
    assert router.route("chat", REQUEST).text == "Hello"  # its deployment is not blamed
    router.close()
    return errors


def _asyncio(simulator: Simulator) -> list[BaseException]:
    async def main() -> list[Any]:
        router = AsyncModelRouter(_config(simulator))
        tasks = [asyncio.create_task(router.route("chat", REQUEST)) for _ in range(CALLS)]
        await asyncio.to_thread(_until, lambda: simulator.received_by("slow") == CALLS)
        await router.aclose()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert (await router.route("chat", REQUEST)).text == "Hello"
        await router.aclose()
        return ended

    return asyncio.run(main())


@pytest.mark.parametrize(("ask", "later"), [(_blocking, 2), (_asyncio, 1)])
def test_a_closed_router_sends_nothing_twice(ask: Callable[[Simulator], list[BaseException]], later: int) -> None:
    with Simulator() as simulator:
        errors = ask(simulator)
        assert simulator.received_by("slow") == CALLS + later
    assert len(errors) == CALLS
    for error in errors:
        assert isinstance(error, UpstreamError)
        assert len(error.context.attempts) == 1
        assert any("closed" in hint for hint in error.hints)
