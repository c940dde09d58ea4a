"""One AsyncModelRouter over many event loops."""

from __future__ import annotations

import asyncio
import gc
import warnings
import weakref

from beastmode_otel import AsyncModelRouter
from beastmode_otel.simulator import Behaviour, Simulator


def test_a_router_does_not_keep_the_loops_that_asyncio_run_has_closed():
    routers: list[AsyncModelRouter] = []
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def ask() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        assert (await routers[0].route("chat", {"messages": []})).text == "Hello"

    with Simulator() as sim:
        sim.define("a", Behaviour(text="Hello"))
        config = {
            "deployments": {"a": {"base_url": sim.url("a"), "model": "m"}},
            "routes": {"chat": {"deployments": ["a"]}},
            "cache": {"mode": "off"},
        }
        routers.append(AsyncModelRouter(config))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # nobody can close a socket whose loop is gone
            for _ in range(5):
                asyncio.run(ask())
            asyncio.run(routers[0].aclose())
            asyncio.run(ask())
            gc.collect()
            assert [loop() is None for loop in loops] == [True] * 5 + [False]
            routers.clear()
            gc.collect()
