"""Faults of real Redis and Postgres servers, made while callers ask, and what the callers noticed of each."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any

import psycopg

from beastmode_otel.simulator import Behaviour, Simulator
from support.postgres import PostgresServer
from support.redis_clusters import RedisCluster, RedisSentinels
from support.redis_servers import RedisServer
from support.relay import Relay

LOAD = Path(__file__).with_name("tier_load.py")
FIRST = 1.0  # seconds of a fault that may notice it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """begin: makes it. end: mends it. Both know the servers."""

    name: str
    begin: Callable[[World], None]
    end: Callable[[World], None]
    kind: str = "one"


class World:
    """The servers of one measurement. kind: one Redis, a cluster, or a primary with Sentinels."""

    def __init__(self, kind: str) -> None:
        self.redis, self.postgres = RedisServer(), PostgresServer()
        self.relay = Relay(self.redis.port)
        self.cluster = RedisCluster() if kind == "cluster" else None
        self.sentinels = RedisSentinels() if kind == "sentinel" else None
        self.database = self.postgres.database()
        self.l3 = self.postgres.role(self.database, "app")
        far = self.cluster or self.sentinels
        self.l2 = far.url if far else f"redis://127.0.0.1:{self.relay.port}/0"
        self.held: list[Any] = []

    def tell(self, *words: str) -> None:
        self.redis.tell(*words)

    def sql(self, *statements: str) -> None:
        with self.postgres.admin(self.database) as admin:
            for statement in statements:
                admin.execute(statement)

    def drop_connections(self) -> None:
        self.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")

    def fill_connections(self) -> None:
        self.sql("alter role app connection limit 1")
        self.drop_connections()
        with contextlib.suppress(psycopg.Error):
            self.held.append(psycopg.connect(self.l3))

    def free_connections(self) -> None:
        for one in self.held:
            one.close()
        self.sql("alter role app connection limit -1")

    def close(self) -> None:
        self.relay.close()
        for one in (self.cluster, self.sentinels, self.redis, self.postgres):
            if one is not None:
                one.close()


def _read_only(value: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.sql(f"alter system set default_transaction_read_only = {value}", "select pg_reload_conf()")

    return change


def _writable(world: World) -> None:
    world.sql(
        "set default_transaction_read_only = off", "alter system reset default_transaction_read_only",
        "select pg_reload_conf()",
    )  # fmt: skip


def _restart_postgres(world: World) -> None:
    world.postgres.stop()
    world.postgres.start()


def _restart_redis(world: World) -> None:
    world.redis.kill()
    world.redis.start()


def _with_password(*options: str) -> Callable[[World], None]:
    """Started again, as a connection that stands already is not asked for it."""

    def change(world: World) -> None:
        world.redis.kill()
        world.redis.options = options
        world.redis.start()

    return change


def _nothing(_: World) -> None: ...


def _both_killed(world: World) -> None:
    world.redis.kill()
    world.postgres.kill()


def _both_started(world: World) -> None:
    world.redis.start()
    world.postgres.start()


def _replace_by_standby(world: World) -> None:
    world.postgres.kill()
    world.postgres.start("default_transaction_read_only=on")


def _become_primary(world: World) -> None:
    world.postgres.kill()
    world.postgres.start()


FAULTS = (
    Fault(name="Redis killed", begin=lambda w: w.redis.kill(), end=lambda w: w.redis.start()),
    Fault(name="Redis stopped", begin=lambda w: w.redis.suspend(), end=lambda w: w.redis.resume()),
    Fault(name="Redis slow", begin=lambda w: setattr(w.relay, "hang", 0.2), end=lambda w: w.relay.let_go()),
    Fault(
        name="Redis out of memory",
        begin=lambda w: w.tell("CONFIG", "SET", "maxmemory", "1"),
        end=lambda w: w.tell("CONFIG", "SET", "maxmemory", "0"),
    ),
    Fault(
        name="Redis read-only replica",
        begin=lambda w: w.tell("REPLICAOF", "127.0.0.1", "1"),
        end=lambda w: w.tell("REPLICAOF", "NO", "ONE"),
    ),
    Fault(name="Redis restarted", begin=_restart_redis, end=_nothing),
    Fault(
        name="Redis wrong password",
        begin=_with_password("--requirepass", "other"), end=_with_password(),
    ),
    Fault(name="Redis flushed", begin=lambda w: w.tell("FLUSHALL"), end=_nothing),
    Fault(name="Postgres killed", begin=lambda w: w.postgres.kill(), end=lambda w: w.postgres.start()),
    Fault(name="Postgres stopped", begin=lambda w: w.postgres.suspend(), end=lambda w: w.postgres.resume()),
    Fault(name="Postgres read-only", begin=_read_only("on"), end=_writable),
    Fault(
        name="Postgres connection limit",
        begin=lambda w: w.fill_connections(), end=lambda w: w.free_connections(),
    ),
    Fault(name="Postgres restarted", begin=_restart_postgres, end=_nothing),
    Fault(
        name="Postgres migrated underneath",
        begin=lambda w: (w.sql("insert into beastmode.schema_migrations (version, checksum) values (999, 'later')"),
                         w.drop_connections())[0],
        end=lambda w: (w.sql("delete from beastmode.schema_migrations where version = 999"), w.drop_connections())[0],
    ),
    Fault(name="both killed", begin=_both_killed, end=_both_started),
    Fault(
        name="a node of a cluster killed", kind="cluster",
        begin=lambda w: w.cluster.nodes[1].kill(), end=lambda w: w.cluster.nodes[1].start(),
    ),
    Fault(name="Sentinel failover", kind="sentinel", begin=lambda w: w.sentinels.primary.kill(), end=_nothing),
    Fault(name="Postgres replaced by a read-only one", begin=_replace_by_standby, end=_become_primary),
)  # fmt: skip


@contextlib.contextmanager
def _load(simulator: Simulator, world: World, rate: float) -> Iterator[Callable[[str], None]]:
    config = {
        "deployments": {
            "a": {"base_url": simulator.url("a"), "model": "gpt-4o-mini", "provider": "openai", "api_key": "sk-local"}
        },
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": {"mode": "on", "l1": {"ttl": 0.01}, "l2": {"url": world.l2}, "l3": {"url": world.l3}},
    }
    tests = str(LOAD.parent.parent)
    process = subprocess.Popen(
        [sys.executable, "-P", str(LOAD), json.dumps({"config": config, "rate": rate})],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": tests},
    )  # fmt: skip

    def ask(line: str) -> Any:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        return json.loads(answer) if line == "stop" else answer

    try:
        yield ask
    finally:
        process.kill()
        process.communicate()


def measure(fault: Fault, *, seconds: float, rate: float, patience: float = 20.0) -> dict[str, Any]:
    """What the load's process says of one fault that lasts so many seconds, and is given `patience` to be forgotten."""
    world = World(fault.kind)
    try:
        with Simulator({"a": Behaviour(text="old")}) as simulator, _load(simulator, world, rate) as ask:
            ask("before")
            sleep(max(1.5, seconds / 2))
            ask("during")
            fault.begin(world)
            sleep(seconds / 2)
            simulator.define("a", Behaviour(text="new"))
            ask("invalidate new")
            sleep(seconds / 2)
            ask("after")
            fault.end(world)
            ask(f"settle {patience}")
            sleep(0.5)
            found: dict[str, Any] = ask("stop")
            return found
    finally:
        world.close()


def row(found: dict[str, Any], seconds: float) -> dict[str, float]:
    """Milliseconds. first: the longest of the first second, late: the median of the last third, each more than what a
    request without a cache took at the same time."""

    def taken(low: float, high: float, control: bool) -> list[float]:
        return [
            1000 * took for phase, since, took, status in found["samples"]
            if phase == "during" and low <= since < high and (status == "off") is control
        ] or [0.0]  # fmt: skip

    late = seconds * 2 / 3, seconds
    return {
        "first": max(taken(0, FIRST, False)) - statistics.median(taken(0, FIRST, True)),
        "late": statistics.median(taken(*late, False)) - statistics.median(taken(*late, True)),
        "worst": max(taken(0, 1e9, False)),
    }
