"""A real cluster of three nodes and a primary with a replica watched by three Sentinels, on free ports."""

from __future__ import annotations

import socket
import time
from typing import Any

import redis

from support.crowd import wait_until
from support.redis_servers import VALKEY, RedisServer, free_port


class RedisCluster:
    """Three primaries, and a replica for each when asked for. Each has a third of the slots."""

    def __init__(self, kind: str = VALKEY, replicas: bool = False) -> None:
        self.nodes = [_node(kind) for _ in range(6 if replicas else 3)]
        clients = [redis.Redis(port=node.port) for node in self.nodes]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number < 3:
                bounds = [16384 * number // 3, 16384 * (number + 1) // 3 - 1]
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", *bounds)
        for node in self.nodes[1:]:
            bus = node.options[node.options.index("--cluster-port") + 1]
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        wait_until(lambda: all(_info(client)["cluster_state"] == "ok" for client in clients), 30)
        wait_until(lambda: all(_info(client)["cluster_known_nodes"] == str(len(clients)) for client in clients), 30)
        for number, client in enumerate(clients[3:]):
            primary = clients[number].execute_command("CLUSTER", "MYID")
            client.execute_command("CLUSTER", "REPLICATE", primary)
        if replicas:
            wait_until(
                lambda: all(client.info("replication")["master_link_status"] == "up" for client in clients[3:]), 30
            )
        for client in clients:
            client.close()

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def move(self, slot: int, to: int) -> None:
        """The slot, empty, goes to another node."""
        with redis.Redis(port=self.nodes[to].port) as target:
            name = target.execute_command("CLUSTER", "MYID")
        for node in self.nodes:
            with redis.Redis(port=node.port) as client:
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", name)

    def close(self) -> None:
        for node in self.nodes:
            node.close()


def _node(kind: str) -> RedisServer:
    return RedisServer(
        kind, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", str(free_port()),
        "--cluster-require-full-coverage", "no",
    )  # fmt: skip


def _info(client: Any) -> dict[str, str]:
    text = client.execute_command("CLUSTER", "INFO")
    if isinstance(text, dict):
        return {str(name): str(value) for name, value in text.items()}
    return dict(line.split(":", 1) for line in text.decode().split())


class RedisSentinels:
    """A primary, its replica, and three Sentinels that take a second to notice."""

    def __init__(self, kind: str = VALKEY) -> None:
        self.primary = RedisServer(kind)
        self.replica = RedisServer(kind, "--replicaof", "127.0.0.1", str(self.primary.port))
        self.sentinels = [RedisServer(kind, sentinel=True, conf=_watching(self.primary.port)) for _ in range(3)]
        with redis.Redis(port=self.replica.port) as client:
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", 30)
        for one in self.sentinels:
            wait_until(lambda one=one: self._sees_all(one), 30)

    @staticmethod
    def _sees_all(one: RedisServer) -> bool:
        with redis.Redis(port=one.port) as client:
            facts = client.info("sentinel").get("master0", {})
        return facts.get("slaves") == 1 and facts.get("sentinels") == 3

    @property
    def url(self) -> str:
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels) + "/shop/0"

    def wait_for_failover(self) -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with redis.Redis(port=self.replica.port) as client:
                if client.info("replication")["role"] == "master":
                    return
            time.sleep(0.05)
        raise AssertionError("no failover within a minute")

    def close(self) -> None:
        for server in (*self.sentinels, self.replica, self.primary):
            server.close()


def _watching(port: int) -> str:
    host = socket.gethostbyname("localhost")
    return (
        f"sentinel monitor shop {host} {port} 2\nsentinel down-after-milliseconds shop 500\n"
        "sentinel failover-timeout shop 3000\nsentinel parallel-syncs shop 1\n"
    )
