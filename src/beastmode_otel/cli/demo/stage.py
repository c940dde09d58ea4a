"""What a demo plays on: a simulated provider, or a real endpoint; and a cache that is forgotten afterwards."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from beastmode_otel.cli.demo import scenario
from beastmode_otel.cli.demo.against import MOST, Endpoint, PoliteTraffic
from beastmode_otel.cli.demo.caller import Caller
from beastmode_otel.cli.demo.traffic import Traffic, access
from beastmode_otel.config import Config, load
from beastmode_otel.engine import AccessRule
from beastmode_otel.router.upstream.library import library, options
from beastmode_otel.simulator import Simulator

_INSTANCES: Final = 2


class Load(Protocol):
    @property
    def remark(self) -> str:
        """What a reader of the report should know about how it went; mostly nothing."""

    async def send(self, caller: Caller, seconds: float, stop: asyncio.Event) -> None:
        """Make calls for so many seconds, or until `stop`; at its end nothing is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """title: what this is, in a line. client: makes a router's HTTP client; None: the router's own.

    received: waits until the provider has handled everything, and says how many requests it got; None: it cannot say.
    instances: how many routers share the load, each with a memory (L1) of its own, all with one L3.
    """

    title: str
    config: Config
    load: Load
    access: AccessRule | None = None
    client: Callable[[], Any] | None = None
    received: Callable[[], int] | None = None
    instances: int = 1


@contextmanager
def simulated_stage(seed: int) -> Iterator[Stage]:
    """A simulated provider in this process, on the loopback interface."""
    with _cache() as cache, Simulator(scenario.behaviours(seed), seed=seed) as simulator:
        config = load(scenario.configuration(simulator, cache), environ={})
        yield Stage(
            title=f"{len(config.routes)} routes over {len(config.deployments)} deployments of a simulated provider; "
            f"{_INSTANCES} router instances, an L1 each, one L3",
            config=config,
            load=Traffic(seed),
            access=access,
            client=_direct_client(config),
            received=lambda: _received(simulator),
            instances=_INSTANCES,
        )


@contextmanager
def _cache() -> Iterator[dict[str, Any]]:
    """The settings of a cache whose L3 is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="beastmode-demo-", ignore_cleanup_errors=True) as directory:
        path = Path(directory, "cache.db").resolve()
        yield {"mode": "on", "l3": {"url": f"sqlite:///{quote(str(path))}"}}


def _direct_client(config: Config) -> Callable[[], Any]:
    # The simulator is on this machine: a proxy from the environment could not reach it.
    return lambda: library().AsyncClient(**options(config.max_connections), trust_env=False)


def _received(simulator: Simulator) -> int:
    simulator.wait_idle()
    return simulator.received


@contextmanager
def endpoint_stage(endpoint: Endpoint) -> Iterator[Stage]:
    """A real endpoint. Raises ConfigError for an address that cannot be one."""
    with _cache() if endpoint.cached else nullcontext({"mode": "off"}) as cache:
        yield _endpoint_stage(endpoint, load(endpoint.configuration(cache), environ={}))


def _endpoint_stage(endpoint: Endpoint, config: Config) -> Stage:
    url = config.deployments["endpoint"].base_url
    key = f"the key of {endpoint.key_name}" if endpoint.key_name else "no key"
    cached = "answers are reused" if endpoint.cached else "without the cache"
    return Stage(
        title=f"at most {MOST} requests for {endpoint.model} at {url}, with {key}; {cached}",
        config=config,
        load=PoliteTraffic(endpoint),
    )
