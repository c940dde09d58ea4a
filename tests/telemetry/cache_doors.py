"""The stage of `cache_stage` for apps of their own: the same acts through the hook and the transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from beastmode_otel import async_transport, cache_control, instrument, transport, uninstrument
from beastmode_otel.instrumentation import hook
from beastmode_otel.simulator import Simulator
from support.crowd import CROWDS, PATIENCE
from support.drivers import QUESTION
from support.recorder import Recorder
from telemetry.cache_expected import MODEL, Door
from telemetry.cache_stage import Stage

MARK = "x-beastmode-cache"
DOORS = [f"{door}-{world}" for door in ("router", "hook", "transport") for world in CROWDS]
# What a local address costs nobody knows; here it costs what the router's deployments do.
PRICES = f"""
[prices."{MODEL}"]
input = 0.15
output = 0.6
cached_input = 0.075
"""


class Failed(Exception):
    """A response of an error, which an app gets as it is."""

    def __init__(self, response: Any) -> None:
        super().__init__(response.status_code)
        self.response = response


class Front:
    """An app's client behind a door, with an L1 of its own. It acts as a crowd does."""

    def __init__(self, door: str, world: str, url: str, cache: Any, recorder: Recorder) -> None:
        self._door, self._is_async, self._url = door, world == "async", url
        self._loop = asyncio.new_event_loop()
        self._beside = ThreadPoolExecutor(8)
        self._beside.submit(self._loop.run_forever)
        if door == "hook":
            instrument(cache=cache, **recorder.providers)
            self.context: Any = hook._context
            self._client: Any = httpx.AsyncClient() if self._is_async else httpx.Client()
        elif self._is_async:
            asynchronous = async_transport(httpx.AsyncHTTPTransport(), cache=cache, **recorder.providers)
            self._client, self.context = httpx.AsyncClient(transport=asynchronous), asynchronous._context
        else:
            blocking = transport(httpx.HTTPTransport(), cache=cache, **recorder.providers)
            self._client, self.context = httpx.Client(transport=blocking), blocking._context
        self.flow = self.context.asyncio if self._is_async else self.context.blocking

    def act(self, action: str, model: str = "chat", **options: Any) -> Any:
        return self.begin(action, model, **options).result(PATIENCE)

    def begin(
        self,
        action: str,
        model: str = "chat",
        request: Any = QUESTION,
        cache: str = "on",
        tenant: str | None = None,
        **lifetime: Any,
    ) -> Any:
        """One call beside others: on a thread, or as a task of the client's loop.

        lifetime: ttl, max_age, no_store; in the header, or in a block of code what no header can say.
        """
        block = {name: value for name, value in lifetime.items() if callable(value)}
        named = {name.replace("_", "-"): value for name, value in lifetime.items() if name not in block}
        said = [name if value is True else f"{name}={value}" for name, value in named.items() if value is not False]
        headers = {MARK: ", ".join([cache, *said])} | ({"authorization": f"Bearer {tenant}"} if tenant else {})
        body = {"model": MODEL} | request
        if action != "route":
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        built = self._client.build_request("POST", self._url, json=body, headers=headers)
        if self._is_async:
            return asyncio.run_coroutine_threadsafe(self._ask_async(built, action, block), self._loop)
        return self._beside.submit(self._ask, built, action, block)

    def _ask(self, built: Any, action: str, block: dict[str, Any]) -> Any:
        try:
            with cache_control(**block):
                response = self._client.send(built, stream=action != "route")
            if action == "with_break":
                next(response.iter_raw())
                response.close()
                return None
            response.read()
            return answer_of(response, stream=action != "route")
        except (Failed, httpx.HTTPError) as exc:
            return exc

    async def _ask_async(self, built: Any, action: str, block: dict[str, Any]) -> Any:
        try:
            with cache_control(**block):
                response = await self._client.send(built, stream=action != "route")
            if action == "with_break":
                await anext(response.aiter_raw())
                await response.aclose()
                return None
            await response.aread()
            return answer_of(response, stream=action != "route")
        except (Failed, httpx.HTTPError) as exc:
            return exc

    def close(self) -> None:
        if self._is_async:
            asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result(PATIENCE)
        else:
            self._client.close()
        if self._door == "hook":
            uninstrument()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._beside.shutdown()
        self._loop.close()


def answer_of(response: Any, *, stream: bool) -> Any:
    """As a router would give it: an answer, of a stream the chunks too. Raises Failed for a response of an error."""
    if response.status_code >= 400:
        raise Failed(response)
    status, *more = response.headers.get(MARK, "miss").split("; ")
    named = {"match": "exact"} | dict(part.split("=") for part in more)
    said = SimpleNamespace(
        status=status, tier=named.get("tier"), match=named["match"] if more else None, matched=named.get("entry"),
        similarity=float(named["similarity"]) if "similarity" in named else None,
    )  # fmt: skip
    if not stream:
        body = response.json()
        return SimpleNamespace(text=body["choices"][0]["message"]["content"], body=body, cache=said)
    events = [json.loads(line[6:]) for line in response.content.split(b"\n") if line.startswith(b"data: {")]
    texts = [choice["delta"].get("content") or "" for event in events for choice in event.get("choices", ())]
    return [SimpleNamespace(data=event) for event in events], SimpleNamespace(text="".join(texts), cache=said)


class AppStage(Stage):
    """Apps of one world behind one door."""

    def __init__(self, door: str, world: str, simulator: Simulator, recorder: Recorder, folder: Path) -> None:
        super().__init__(world, simulator, recorder, folder)
        self._door = door

    @property
    def door(self) -> Door:
        return Door(name=self._door, address=self.simulator.url("a").split("/")[2])

    def router(self, cache: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """An app's client, where a stage for routers makes a router."""
        assert not more
        if self._door == "hook":
            while self._open:
                self._open.pop().close()
        settings = {"mode": "on", "l3": self.l3()} | dict(cache or {})
        front = Front(self._door, self.world, f"{self.simulator.url('a')}/chat/completions", settings, self.recorder)
        self._open.append(front)  # type: ignore[arg-type]
        return front


def make_stage(
    name: str, simulator: Simulator, recorder: Recorder, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    door, world = name.split("-")
    if door == "router":
        return Stage(world, simulator, recorder, folder)
    config = folder / "beastmode.toml"
    config.write_text(PRICES)
    monkeypatch.setenv("BEASTMODE_CONFIG", str(config))
    return AppStage(door, world, simulator, recorder, folder)
