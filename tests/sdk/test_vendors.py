"""The SDKs at their own default addresses: whose API it is, and what it cost. Only the sockets lead elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import cohere
import groq
import httpx
import httpx2
import openai
import pytest
from google import genai
from google.genai import types
from mistralai.client import Mistral

import beastmode_otel
from beastmode_otel.simulator import Behaviour, Simulator
from sdk.adapters import SDKS
from sdk.plan import FACTS, KEY
from support.recorder import Recorder

MILLION = 1e6


def cost(fresh: float, cached: float, output: float) -> float:
    """USD of the planned tokens, at prices for a million of each."""
    return ((110 - 30) * fresh + 30 * cached + 40 * output) / MILLION


# USD for a million tokens (input, cached input, output) as the vendors' price lists had them when this was written.
VENDORS: dict[str, tuple[str, str, float]] = {
    "openai": ("api.openai.com", "openai", cost(0.15, 0.075, 0.60)),
    "azure": ("shop.openai.azure.com", "azure.ai.openai", cost(0.15, 0.075, 0.60)),
    "anthropic": ("api.anthropic.com", "anthropic", cost(1.00, 0.10, 5.00)),
    "mistral": ("api.mistral.ai", "mistral_ai", cost(0.15, 0.015, 0.60)),
    "groq": ("api.groq.com", "groq", cost(0.59, 0.59, 0.79)),
    "gemini": ("generativelanguage.googleapis.com", "gcp.gemini", cost(0.30, 0.03, 2.50)),
    "cohere": ("api.cohere.com", "cohere", cost(2.50, 2.50, 10.0)),
}


def rewired(library: Any, simulator: Simulator, *, is_async: bool) -> Any:
    """A client of httpx or httpx2 whose connections all lead to the simulator, whatever the address says."""

    def there(request: Any) -> Any:
        url = request.url.copy_with(
            scheme="http", host=simulator.host, port=simulator.port, raw_path=b"/b/it" + request.url.raw_path
        )
        return library.Request(
            request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
        )

    class Blocking(library.HTTPTransport):
        def handle_request(self, request: Any) -> Any:
            return super().handle_request(there(request))

    class Asynchronous(library.AsyncHTTPTransport):
        async def handle_async_request(self, request: Any) -> Any:
            return await super().handle_async_request(there(request))

    OPENED.append(library.AsyncClient(transport=Asynchronous()) if is_async else library.Client(transport=Blocking()))
    return OPENED[-1]


def gemini(**client: Any) -> genai.Client:
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(**client))


OPENED: list[Any] = []  # Google's SDK leaves a client that it was given to whoever made it
AZURE = {"azure_endpoint": "https://shop.openai.azure.com", "api_version": "2024-10-21"}
BLOCKING: dict[str, Callable[[Simulator], Any]] = {
    "openai": lambda s: openai.OpenAI(api_key=KEY, http_client=rewired(httpx2, s, is_async=False)),
    "azure": lambda s: openai.AzureOpenAI(api_key=KEY, http_client=rewired(httpx2, s, is_async=False), **AZURE),
    "anthropic": lambda s: anthropic.Anthropic(api_key=KEY, http_client=rewired(httpx2, s, is_async=False)),
    "mistral": lambda s: Mistral(api_key=KEY, client=rewired(httpx2, s, is_async=False)),
    "groq": lambda s: groq.Groq(api_key=KEY, http_client=rewired(httpx, s, is_async=False)),
    "gemini": lambda s: gemini(httpx_client=rewired(httpx2, s, is_async=False)),
    "cohere": lambda s: cohere.ClientV2(api_key=KEY, httpx_client=rewired(httpx, s, is_async=False)),
}
ASYNCHRONOUS: dict[str, Callable[[Simulator], Any]] = {
    "openai": lambda s: openai.AsyncOpenAI(api_key=KEY, http_client=rewired(httpx2, s, is_async=True)),
    "azure": lambda s: openai.AsyncAzureOpenAI(api_key=KEY, http_client=rewired(httpx2, s, is_async=True), **AZURE),
    "anthropic": lambda s: anthropic.AsyncAnthropic(api_key=KEY, http_client=rewired(httpx2, s, is_async=True)),
    "mistral": lambda s: Mistral(api_key=KEY, async_client=rewired(httpx2, s, is_async=True)),
    "groq": lambda s: groq.AsyncGroq(api_key=KEY, http_client=rewired(httpx, s, is_async=True)),
    "gemini": lambda s: gemini(httpx_async_client=rewired(httpx2, s, is_async=True)).aio,
    "cohere": lambda s: cohere.AsyncClientV2(api_key=KEY, httpx_client=rewired(httpx, s, is_async=True)),
}


@pytest.fixture(autouse=True)
def _hooked(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", "false")
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GROQ_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    beastmode_otel.instrument(**recorder.providers)
    yield
    beastmode_otel.uninstrument()
    while OPENED:
        OPENED.pop().close()


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_whose_it_is_and_what_it_cost(vendor: str, world: str, simulator: Simulator, recorder: Recorder) -> None:
    """gen_ai.provider.name, server.address and USD, of a whole answer and of a stream."""
    sdk = SDKS["openai" if vendor == "azure" else vendor]
    simulator.define("it", Behaviour(**FACTS, dialect=sdk.dialect))
    if world == "sync":
        client = BLOCKING[vendor](simulator)
        with client:
            sdk.whole(client, "")
            list(sdk.stream(client, ""))
    else:
        asyncio.run(both(ASYNCHRONOUS[vendor](simulator), sdk))
    host, provider, usd = VENDORS[vendor]
    assert simulator.received == 2
    assert len(recorder.spans()) == 2
    for span in recorder.spans():
        found = span.attributes or {}
        assert (found["server.address"], found["server.port"]) == (host, 443)
        assert (found["gen_ai.provider.name"], found["beastmode.deployment"]) == (provider, host)
        assert found["beastmode.cost.usd"] == pytest.approx(usd)
    assert recorder.total("beastmode.cost", beastmode__provider=provider) == pytest.approx(2 * usd)
    assert recorder.total("beastmode.cost.unknown") == 0


async def both(client: Any, sdk: Any) -> None:
    async with client:
        await sdk.whole(client, "_async")
        assert [event async for event in await sdk.stream(client, "_async")]
    while OPENED:
        await OPENED.pop().aclose()
