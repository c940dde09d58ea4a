"""A stage for requests with the cache on: a simulator, a recorder, and routers of one world over one cache file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beastmode_otel.cache.resilient_tier import ResilientTier
from beastmode_otel.simulator import Behaviour, Simulator
from support.crowd import CROWDS, Caller, Crowd
from support.drivers import QUESTION
from support.law import assert_law
from support.recorder import Recorder
from telemetry.cache_expected import ROUTER, Asked, Door, check
from telemetry.expected import Series
from telemetry.matrix import GOOD

WITH_USAGE = QUESTION | {"stream_options": {"include_usage": True}}


def ask(text: str) -> dict[str, Any]:
    """Another question for each text."""
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 64}


class Stage:
    """Routers of one world. Whatever is done through it counts as a call for the law."""

    def __init__(self, world: str, simulator: Simulator, recorder: Recorder, folder: Path) -> None:
        self.world, self.simulator, self.recorder, self.folder = world, simulator, recorder, folder
        self.calls = 0
        self._open: list[Crowd] = []
        simulator.define("a", GOOD)
        simulator.define("b", GOOD)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder / 'cache.db'}"

    def l3(self, **more: Any) -> dict[str, Any]:
        """A slower tier that is waited for: on a busy machine a read may take longer than it usually would."""
        return {"url": self.url, "soft": 20.0} | more

    def behave(self, *steps: Behaviour, name: str = "a") -> None:
        self.simulator.define(name, *steps)

    def config(self, cache: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        common = {"model": "gpt-4o-mini", "provider": "openai", "api_key": "sk-PLANTED-key-0123456789"}
        return {
            "deployments": {name: {"base_url": self.simulator.url(name), **common} for name in ("a", "b")},
            "routes": {
                "chat": {"deployments": ["a"]},
                "pair": {"deployments": [{"name": "a", "order": 1}, {"name": "b", "order": 2}]},
            },
            "retry": {"per_deployment": 0},
            "breaker": {"failures": 1000},
            "cache": {"mode": "on", "l3": self.l3()} | dict(cache or {}),
        } | more

    def router(
        self,
        cache: Mapping[str, Any] | None = None,
        *,
        world: str | None = None,
        tenant: str | None = None,
        **more: Any,
    ) -> Crowd:
        crowd = CROWDS[world or self.world](
            self.simulator, self.config(cache, **more), tenant=tenant, **self.recorder.providers
        )
        self._open.append(crowd)
        return crowd

    def route(self, crowd: Crowd, request: Any = QUESTION, **options: Any) -> Any:
        return self.act(crowd, "route", request=request, **options)

    def read(self, crowd: Crowd, request: Any = QUESTION, **options: Any) -> Any:
        return self.act(crowd, "read", request=request, **options)

    def act(self, crowd: Crowd, action: str, model: str = "chat", **options: Any) -> Any:
        self.calls += 1
        return crowd.act(action, model, **options)

    def begin(self, crowd: Crowd, action: str, model: str = "chat", **options: Any) -> Caller:
        self.calls += 1
        return crowd.begin(action, model, **options)

    def settle(self, crowd: Crowd) -> None:
        """Until the background writes are done."""
        settle(crowd)

    @property
    def door(self) -> Door:
        return ROUTER

    def close(self) -> None:
        while self._open:
            self._open.pop().close()

    def check(self, *requests: Asked, extra: Series | None = None, l3: bool = True) -> None:
        """Close, then compare everything that was told with `requests`; and the law."""
        for crowd in self._open:
            self.settle(crowd)
        measured = self.recorder.metrics()
        self.close()
        check(self.recorder, *requests, extra=extra, measured=measured, l3=l3, door=self.door)
        assert_law(self.recorder, self.simulator, calls=self.calls)


def parts_of(crowd: Any) -> Any:
    """A router's parts, or the context of an app's door."""
    return crowd.context if hasattr(crowd, "context") else crowd.router._parts


def tiered_of(crowd: Any) -> Any:
    return crowd.flow.tiered if hasattr(crowd, "flow") else parts_of(crowd).tiered


def settle(crowd: Any) -> None:
    """Until the background writes are done."""
    parts = parts_of(crowd)
    assert not hasattr(parts, "pool") or parts.pool.drain(10)
    tiered = tiered_of(crowd)
    assert tiered is None or tiered.drain(10)


def l3_of(crowd: Any) -> ResilientTier:
    """The router's way to its L3."""
    (tier,) = tiered_of(crowd).tiers
    assert isinstance(tier, ResilientTier)
    return tier


def l3_entries(router: Any) -> list[Any]:
    """What its L3 holds, when the background writes are done."""
    settle(router)
    return list(l3_of(router).tier.scan(None, 100))


def labels(**given: Any) -> frozenset[tuple[str, Any]]:
    """`cache__tier="l1"` is the label beastmode.cache.tier."""
    return frozenset({f"beastmode.{key.replace('__', '.')}": value for key, value in given.items()}.items())


def evicted(reason: str, count: int = 1) -> Series:
    return {"beastmode.cache.evictions": {labels(cache__tier="l1", cache__eviction__reason=reason): count}}
