"""One running simulator, and four real clients to look at it with: httpx and httpx2, sync and async."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

from beastmode_otel.simulator import Simulator


@dataclass
class Seen:
    """What a client observed: as much of the response as came, and the exception that ended it."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    arrivals: list[float] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0.0

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> list[str]:
        """The data of every event of a stream, without comments."""
        blocks = self.body.decode().split("\n\n")
        return [line[6:] for block in blocks for line in block.split("\n") if line.startswith("data: ")]

    @property
    def events(self) -> list[Any]:
        return [json.loads(data) for data in self.data if data != "[DONE]"]

    @property
    def text(self) -> str:
        """The text of an answer or stream of either API."""
        if not self.headers["content-type"].startswith("text/event-stream"):
            return openai_or_anthropic(self.json)
        return "".join(delta(event) for event in self.events)


def openai_or_anthropic(body: dict[str, Any]) -> str:
    return body["choices"][0]["message"]["content"] if "choices" in body else body["content"][0]["text"]


def delta(event: dict[str, Any]) -> str:
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"])
    return event.get("delta", {}).get("text", "")


@dataclass(frozen=True)
class Client:
    """One way to talk to the simulator."""

    lib: ModuleType
    is_async: bool

    def post(self, url: str, payload: Any = None, *, method: str = "POST", timeout: float = 5, **kwargs: Any) -> Seen:
        payload = CHAT if payload is None else payload
        body = {"content": payload} if isinstance(payload, bytes) else {"json": payload}
        request = {"method": method, "url": url, **body, **kwargs}
        seen, start = Seen(), time.monotonic()
        try:
            if self.is_async:
                asyncio.run(self._async(request, timeout, seen))
            else:
                self._sync(request, timeout, seen)
        except self.lib.HTTPError as exc:
            seen.error = exc
        seen.seconds = time.monotonic() - start
        return seen

    def chat(self, base: str, **more: Any) -> Seen:
        return self.post(f"{base}/chat/completions", CHAT | more)

    def messages(self, base: str, **more: Any) -> Seen:
        return self.post(f"{base}/messages", CHAT | {"max_tokens": 100} | more)

    def _sync(self, request: dict[str, Any], timeout: float, seen: Seen) -> None:
        with self.lib.Client(timeout=timeout, verify=TRUST) as client, client.stream(**request) as response:
            seen.status, seen.headers = response.status_code, dict(response.headers)
            for chunk in response.iter_bytes():
                seen.body += chunk
                seen.arrivals.append(time.monotonic())

    async def _async(self, request: dict[str, Any], timeout: float, seen: Seen) -> None:
        async with self.lib.AsyncClient(timeout=timeout, verify=TRUST) as client, client.stream(**request) as response:
            seen.status, seen.headers = response.status_code, dict(response.headers)
            async for chunk in response.aiter_bytes():
                seen.body += chunk
                seen.arrivals.append(time.monotonic())


TRUST = ssl.create_default_context()  # made once: it takes longer than a request
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "a secret wish"}]}
CLIENTS = [Client(lib, is_async) for lib in (httpx, httpx2) for is_async in (False, True)]
_NAMES = [f"{client.lib.__name__}-{'async' if client.is_async else 'sync'}" for client in CLIENTS]


@pytest.fixture(params=CLIENTS, ids=_NAMES)
def client(request: pytest.FixtureRequest) -> Client:
    return request.param


@pytest.fixture
def one() -> Client:
    """A single client, for what no client can see differently."""
    return CLIENTS[0]


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def sim(running: Simulator) -> Simulator:
    """The running simulator with fresh counts."""
    assert running.wait_idle()
    running.reset_counts()
    return running
