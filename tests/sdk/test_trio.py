"""Under trio calls are seen and never cached: the engine's waiting is asyncio's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import trio

import beastmode_otel
from beastmode_otel.simulator import Behaviour, Simulator
from sdk.adapters import SDKS
from sdk.plan import FACTS, KEY
from support.law import assert_law
from support.recorder import Recorder

CLIENTS: dict[str, Callable[[str], Any]] = {
    "openai": lambda url: openai.AsyncOpenAI(base_url=url, api_key=KEY, max_retries=0),
    "anthropic": lambda url: anthropic.AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0),
}


@pytest.fixture(autouse=True)
def _hooked(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", "false")
    monkeypatch.setenv("HOME", str(tmp_path))
    beastmode_otel.instrument(cache=True, **recorder.providers)
    yield
    beastmode_otel.uninstrument()


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")  # openai's own, which it leaves at `[DONE]`
@pytest.mark.parametrize("name", CLIENTS)
def test_seen_and_not_cached(name: str, simulator: Simulator, recorder: Recorder) -> None:
    """Two equal calls and two equal streams reach the provider, with their tokens."""
    sdk = SDKS[name]
    simulator.define("it", Behaviour(**FACTS))

    async def go() -> None:
        async with CLIENTS[name](simulator.url("it", path=sdk.v1)) as client:
            for _ in range(2):
                await sdk.whole(client, "")
                assert [event async for event in await sdk.stream(client, "")]

    trio.run(go)
    assert simulator.received == 4
    found = [span.attributes or {} for span in recorder.spans()]
    assert [each["beastmode.outcome"] for each in found] == ["ok"] * 4
    assert {each["beastmode.cache.status"] for each in found} == {"off"}
    assert {each["gen_ai.usage.output_tokens"] for each in found} == {40}
    assert_law(recorder, simulator, calls=4)


@pytest.mark.parametrize("name", CLIENTS)
def test_cancelled(name: str, simulator: Simulator, recorder: Recorder) -> None:
    """By a cancel scope, before the answer."""
    sdk = SDKS[name]
    simulator.define("it", Behaviour(latency=30.0))

    async def go() -> None:
        async with CLIENTS[name](simulator.url("it", path=sdk.v1)) as client:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(sdk.whole, client, "")
                    while not simulator.in_flight:
                        await trio.sleep(0.005)
                    scope.cancel()

    trio.run(go)
    (span,) = recorder.spans()
    assert (span.attributes or {})["beastmode.outcome"] == "cancelled"
    assert_law(recorder, simulator, calls=1)
