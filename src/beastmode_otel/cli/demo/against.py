"""A small, polite load for a real endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from beastmode_otel.cli.demo.caller import Caller, DemoCall
from beastmode_otel.cli.demo.tasks import end
from beastmode_otel.config import Secret
from beastmode_otel.errors import ConfigError
from beastmode_otel.errors.redact import shown_variable
from beastmode_otel.providers import BY_NAME, PROVIDERS, is_local, owner_of

MOST: Final = 20  # requests
_KEY_HEADERS: Final = dict(pair for provider in PROVIDERS for pair in provider.key_headers)
CALLERS: Final = 2
PATIENCE: Final = 3  # failures in a row, after which going on would only annoy
_PROMPTS: Final = (
    "Answer in one short sentence: why is the sky blue?",
    "Answer in one word: what is the capital of France?",
    "Name three colours, nothing else.",
    "Say hello in Italian, nothing else.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RealEndpoint:
    """Where to send the load. key_name: the variable that `key` comes from. cached: whether answers may be reused."""

    url: str
    model: str
    kind: str
    key: Secret | None = None
    key_name: str | None = None
    cached: bool = False

    def configuration(self, cache: Mapping[str, Any]) -> dict[str, Any]:
        deployment = {"kind": self.kind, "base_url": self.url, "model": self.model, "api_key": self.key}
        if self.key_name in _KEY_HEADERS:
            deployment["key_header"] = _KEY_HEADERS[self.key_name]
        return {
            "namespace": "demo",
            "cache": cache,
            "retry": {"per_deployment": 1, "max_wait": 5},
            "deployments": {"endpoint": deployment},
            "routes": {self.model: {"deployments": ["endpoint"]}},
        }


def endpoint_from(
    *, url: str, model: str, kind: str, key_env: str | None, cached: bool, environ: Mapping[str, str]
) -> RealEndpoint:
    """With the key of `key_env`, else of the variable of the provider whose host it is, else of the kind's vendor.

    No key goes to this machine unless it was named. Raises ConfigError when the variable that was named is not set.
    """
    names = (key_env,) if key_env else _key_names(url, kind)
    name = next((each for each in names if environ.get(each, "").strip()), None)
    if key_env and not name:
        name = shown_variable(key_env)
        raise ConfigError(f"the environment variable {name} is not set", hints=(f"export {name}=…",))
    key = Secret(environ[name].strip()) if name else None
    return RealEndpoint(url=url, model=model, kind=kind, key=key, key_name=name, cached=cached)


def _key_names(url: str, kind: str) -> tuple[str, ...]:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ()
    owner = owner_of(host)
    if owner is not None:
        return owner.keys
    return () if is_local(host) else BY_NAME[kind].keys


class PoliteTraffic:
    """A few callers who share a small number of short requests, and stop when the endpoint keeps refusing."""

    def __init__(self, endpoint: RealEndpoint) -> None:
        self._endpoint = endpoint
        self._left = MOST
        self._failures = 0

    @property
    def remark(self) -> str:
        return f"Stopped early: {PATIENCE} requests in a row had failed." if self._failures >= PATIENCE else ""

    async def send(self, caller: Caller, seconds: float, stop: asyncio.Event) -> None:
        """Until the requests or the seconds are over, or `stop`; at its end nothing is under way."""
        tasks = [asyncio.create_task(self._ask_on(caller)) for _ in range(CALLERS)]
        stopper = asyncio.create_task(_cancel_when(stop, tasks))
        await asyncio.wait(tasks, timeout=seconds)
        await end([*tasks, stopper])

    async def _ask_on(self, caller: Caller) -> None:
        while self._left > 0 and self._failures < PATIENCE:
            self._left -= 1
            act = caller.stream if self._left % 2 else caller.whole
            error = await act(self._ask(self._left))
            self._failures = 0 if error is None else self._failures + 1

    def _ask(self, number: int) -> DemoCall:
        body: dict[str, Any] = {"messages": [{"role": "user", "content": _PROMPTS[number % len(_PROMPTS)]}]}
        if self._endpoint.kind == "anthropic":
            body["max_tokens"] = 64  # that API demands it; newer OpenAI models refuse this name
        return DemoCall(model=self._endpoint.model, body=body)


async def _cancel_when(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    await stop.wait()
    for task in tasks:
        task.cancel()
