"""Identical requests of several processes: one asks upstream, the others get its stored answer (design: rule 9)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.simulator import Behaviour, Simulator
from support import postgres
from support.crowd import wait_until
from support.redis_servers import RedisServer
from telemetry.matrix import GOOD, TEXT

WORKER = Path(__file__).with_name("lease_worker.py")
PROCESSES, CALLERS = 8, 50
LEASE = 4.0  # seconds: a busy machine renews late
SLOW = replace(GOOD, latency=0.5)
WORLDS = ("blocking", "asyncio")


class Crew:
    """Processes that begin together. Killed at the end, whatever happened."""

    def __init__(self, simulator: Simulator, shared: dict[str, Any]) -> None:
        self._simulator, self._shared = simulator, shared
        self.members: list[subprocess.Popen[str]] = []

    def gather(self, count: int, world: str, action: str, callers: int = CALLERS, **cache: Any) -> None:
        config = {
            "deployments": {
                "a": {
                    "base_url": self._simulator.url("a"), "model": "gpt-4o-mini", "provider": "openai",
                    "api_key": "sk-PLANTED-key-0123456789",
                },
            },
            "routes": {"chat": {"deployments": ["a"]}},
            "retry": {"per_deployment": 0},
            "cache": {"mode": "on", "lease": True, "lease_seconds": LEASE, **self._shared, **cache},
        }  # fmt: skip
        given = json.dumps({"world": world, "action": action, "callers": callers, "config": config})
        for _ in range(count):
            member = subprocess.Popen(
                [sys.executable, "-P", str(WORKER), given], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self.members.append(member)
        for member in self.members[-count:]:
            assert member.stdout is not None
            assert member.stdout.readline() == "ready\n"

    def begin(self, members: list[subprocess.Popen[str]] | None = None) -> None:
        for member in self.members if members is None else members:
            assert member.stdin is not None
            member.stdin.write("\n")
            member.stdin.flush()

    def ended(self, member: subprocess.Popen[str]) -> dict[str, int]:
        assert member.stdout is not None
        found: dict[str, int] = json.loads(member.stdout.readline())["ended"]
        return found

    def kill(self) -> None:
        for member in self.members:
            member.kill()
            member.communicate()


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def crew(request: pytest.FixtureRequest, simulator: Simulator, tmp_path: Path) -> Iterator[Crew]:
    server = RedisServer() if request.param == "valkey" else None
    shared: dict[str, Any] = {"l3": {"url": f"sqlite:///{tmp_path / 'cache.db'}", "soft": 5.0}}
    if request.param == "postgres":
        database = postgres.shared()
        shared = {"l3": {"url": database.role(database.database(), "app"), "soft": 5.0, "hard": 5.0}}
    if server is not None:
        shared = {"l2": {"url": server.url, "soft": 5.0, "hard": 5.0}, "l3": "off"}
    made = Crew(simulator, shared)
    yield made
    made.kill()
    if server is not None:
        server.close()


@pytest.mark.parametrize("action", ["route", "stream"])
@pytest.mark.parametrize("world", WORLDS)
def test_one_of_all_processes_asks(crew: Crew, simulator: Simulator, world: str, action: str) -> None:
    simulator.define("a", replace(SLOW, chunks=8, chunk_delay=0.02))
    crew.gather(PROCESSES, world, action)
    crew.begin()
    for member in crew.members:
        assert crew.ended(member) == {TEXT: CALLERS}
    assert simulator.received == 1


@pytest.mark.parametrize("world", WORLDS)
def test_a_holder_that_is_killed_costs_its_lease(crew: Crew, simulator: Simulator, world: str) -> None:
    simulator.define("a", replace(GOOD, latency=60.0), SLOW)
    crew.gather(3, world, "route", callers=5)
    holder, *others = crew.members
    crew.begin([holder])
    wait_until(lambda: simulator.received == 1)
    crew.begin(others)
    time.sleep(1.5 * LEASE)  # it renews what it holds
    assert simulator.received == 1
    holder.kill()
    killed = time.monotonic()
    for member in others:
        assert crew.ended(member) == {TEXT: 5}
    assert simulator.received == 2
    assert time.monotonic() - killed < LEASE + SLOW.latency + 6.0  # a busy machine may add to it


@pytest.mark.parametrize("world", WORLDS)
def test_what_fails_holds_nobody_up(crew: Crew, simulator: Simulator, world: str) -> None:
    """The first fails; the others do not wait for each other, one after the other."""
    simulator.define("a", Behaviour(status=500, latency=0.5), SLOW)
    crew.gather(4, world, "route", callers=1)
    crew.begin(crew.members[:1])
    wait_until(lambda: simulator.received == 1)
    began = time.monotonic()
    crew.begin(crew.members[1:])
    for member in crew.members[1:]:
        assert crew.ended(member) == {TEXT: 1}
    assert time.monotonic() - began < 3 * SLOW.latency + 6.0  # a busy machine may add to it
