"""What a server says of itself, for the doctor. Nothing is written there."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any, Final

from redis import exceptions

from beastmode_otel.cache.tier import StoreFacts
from beastmode_otel.cache.tiers.redis.blocking import Connections
from beastmode_otel.cache.tiers.redis.errors import edge
from beastmode_otel.cache.tiers.redis.layout import command
from beastmode_otel.config.redis_url import RedisUrl

_PATIENCE: Final = 2.0  # seconds at least: the doctor may take a while, and a far server is no dead one


def examine(url: RedisUrl, hard: float) -> list[StoreFacts]:
    """Of each primary. Raises TierUnavailable."""
    with edge(), closing(Connections(url, max(hard, _PATIENCE))) as connections:
        return [_facts(connections, host) for host in connections.nodes.all()]


def _facts(connections: Connections, host: tuple[str, int]) -> StoreFacts:
    connections.at(host, command(b"PING"))
    began = time.monotonic()
    answer = connections.at(host, command(b"TIME"))
    took = time.monotonic() - began
    skew = None
    if not isinstance(answer, exceptions.ResponseError):
        skew = int(answer[0]) + int(answer[1]) / 1e6 - (time.time() - took / 2)
    said = _info(connections.at(host, command(b"INFO")))
    version = said.get("valkey_version") or said.get("redis_version")
    name = "Valkey" if "valkey_version" in said else "Redis"
    limit = said.get("maxmemory")
    return StoreFacts(
        where=host[0] if not host[1] else f"{host[0]}:{host[1]}",
        product=name if version else None,
        version=None if version is None else tuple(int(part) for part in version.split(".")[:3] if part.isdigit()),
        seconds=took,
        skew=skew,
        read_only=None if "role" not in said else said["role"] != "master",
        limit=None if limit is None else int(limit),
        used=int(said.get("used_memory", 0)),
        policy=said.get("maxmemory_policy"),
    )


def _info(answer: Any) -> dict[str, str]:
    """Empty where the user may not ask."""
    if not isinstance(answer, bytes):
        return {}
    lines = (line.partition(":") for line in answer.decode("utf-8", "replace").splitlines())
    return {name: value.strip() for name, colon, value in lines if colon}
