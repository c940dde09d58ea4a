"""An app that listens to httpcore's `trace` events hears all of them, also while we listen for the first few."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import httpx2
import pytest

import beastmode_otel
from beastmode_otel.simulator import Simulator
from support.recorder import Recorder

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "PLANTED"}]}


def blocking(library: Any, url: str) -> list[str]:
    heard: list[str] = []

    def trace(event: str, info: Mapping[str, Any]) -> None:
        heard.append(event)

    with library.Client() as client:
        client.post(url, json=BODY, extensions={"trace": trace})
    return heard


def asynchronous(library: Any, url: str) -> list[str]:
    heard: list[str] = []

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        heard.append(event)

    async def go() -> None:
        async with library.AsyncClient() as client:
            await client.post(url, json=BODY, extensions={"trace": trace})

    asyncio.run(go())
    return heard


@pytest.mark.parametrize("library", [httpx, httpx2], ids=lambda library: library.__name__)
@pytest.mark.parametrize("world", [blocking, asynchronous], ids=lambda world: world.__name__)
def test_the_apps_own_trace_hears_everything(
    world: Any, library: Any, simulator: Simulator, recorder: Recorder
) -> None:
    url = f"{simulator.url()}/chat/completions"
    alone = world(library, url)
    beastmode_otel.instrument(**recorder.providers)
    try:
        together = world(library, url)
    finally:
        beastmode_otel.uninstrument()
    assert together == alone
    assert any("send_request_headers.complete" in event for event in alone)
    (span,) = recorder.spans()
    assert (span.attributes or {})["beastmode.attempt.sent"] is True
