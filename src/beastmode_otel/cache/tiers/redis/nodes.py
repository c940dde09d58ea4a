"""Which server is asked: the one there is, the primary that the Sentinels name, or the node that holds a slot.

redis-py's clients for clusters and Sentinels wait, retry and pool by rules of their own; only its connections are used
here, so that all kinds have the same time limits and the same few round trips.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

import redis.connection
from redis import exceptions

from beastmode_otel.cache.tiers.redis.layout import SLOTS, command
from beastmode_otel.config.redis_url import Host, RedisUrl
from beastmode_otel.runtime import in_child

# The client's name and version, told in two more round trips per connection: left out, as each release calls it.
_QUIET: Final[dict[str, None]] = (
    {"driver_info": None}
    if "driver_info" in inspect.signature(redis.connection.AbstractConnection.__init__).parameters
    else {"lib_name": None, "lib_version": None}
)


class Nodes:
    """Where the data lies. Thread-safe. `known` never waits; `find` asks Sentinels or nodes, if nobody did yet.

    `doubt` forgets what may be wrong, after an error; `moved` notes what a node said itself.
    """

    def __init__(self, url: RedisUrl, connect: Callable[[Host, bool], Any]) -> None:
        """connect: a connected connection to a host; True: it is a Sentinel. Raises redis-py's errors."""
        self.url, self._connect = url, connect
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._primary: Host | None = (self.url.hosts or ((self.url.path, 0),))[0] if self.single else None
        self._slots: list[Host | None] = [None] * SLOTS if self.url.kind == "cluster" else []
        self._seen: list[Host] = []

    @property
    def single(self) -> bool:
        return self.url.kind in ("single", "unix")

    @property
    def shown(self) -> Host | None:
        """For spans: the server, or the first that was configured; None for a socket's path."""
        return self._primary if self._primary and self._primary[1] else next(iter(self.url.hosts), None)

    def known(self, slot: int) -> Host | None:
        return self._slots[slot] if self._slots else self._primary

    def find(self, slot: int) -> Host:
        """Raises redis-py's errors when nobody can tell."""
        found = self.known(slot)
        if found is not None:
            return found
        with self._lock:
            if self.known(slot) is None:  # another thread may have asked
                if self._slots:
                    self._ask_cluster()
                else:
                    self._ask_sentinels()
            found = self.known(slot)
        if found is None:
            raise exceptions.ClusterDownError(f"no node serves slot {slot}")
        return found

    def all(self) -> list[Host]:
        """The primaries. Raises redis-py's errors when nobody can tell."""
        if not self._slots:
            return [self.find(0)]
        if not any(self._slots):
            self.find(0)
        return sorted({host for host in self._slots if host})

    def moved(self, slot: int, host: Host) -> None:
        if self._slots:
            self._slots[slot] = host
            if host not in self._seen:
                self._seen.append(host)

    def doubt(self, host: Host) -> None:
        """It failed, or is no primary any more: others are asked who is, before it is asked again."""
        if self._slots:
            self._slots[:] = [None] * SLOTS
        elif not self.single and self._primary == host:
            self._primary = None

    # Discovery.

    def _ask_sentinels(self) -> None:
        trouble: Exception = exceptions.ConnectionError("no Sentinel was asked")
        for sentinel in self.url.hosts:
            try:
                answer = self._one(sentinel, True, b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self.url.service.encode())
            except (exceptions.RedisError, OSError) as exc:
                trouble = exc
                continue
            if answer is None:
                trouble = exceptions.ResponseError(f"the Sentinels know no service {self.url.service!r}")
                continue
            self._primary = (answer[0].decode(), int(answer[1]))
            return
        raise trouble

    def _ask_cluster(self) -> None:
        trouble: Exception = exceptions.ConnectionError("no node was asked")
        for node in _each_once((*self._seen, *self.url.hosts)):
            try:
                ranges = self._one(node, False, b"CLUSTER", b"SLOTS")
            except (exceptions.RedisError, OSError) as exc:
                trouble = exc
                continue
            slots: list[Host | None] = [None] * SLOTS
            for first, last, primary, *_ in ranges:
                name = (primary[0] or b"").decode() or node[0]
                slots[first : last + 1] = [(name, int(primary[1]))] * (last + 1 - first)
            self._slots[:] = slots
            self._seen = sorted({host for host in slots if host})
            return
        raise trouble

    def _one(self, host: Host, sentinel: bool, *words: bytes) -> Any:
        connection = self._connect(host, sentinel)
        try:
            connection.send_packed_command([command(*words)])
            return connection.read_response()
        finally:
            connection.disconnect()


def _each_once(hosts: Iterable[Host]) -> list[Host]:
    return list(dict.fromkeys(hosts))


def options(url: RedisUrl, host: Host, hard: float, *, sentinel: bool = False) -> dict[str, Any]:
    """What a connection is made with, of both of redis-py's worlds; the kind of its class aside.

    No retries: a dead port costs a millisecond, and the breaker knows better when to try again. RESP2 on purpose: what
    answers look like must not depend on the release. connect: at most `hard`, the handshake aside, which is held to it
    read by read.
    """
    user, password = url.sentinel_login if sentinel else url.login
    where: dict[str, Any] = {"path": host[0]} if url.kind == "unix" else {"host": host[0], "port": host[1]}
    return {
        **where,
        **_QUIET,
        **dict(url.tls or ()),
        "db": 0 if sentinel else url.db,
        "username": user,
        "password": password,
        "client_name": url.client_name,
        "socket_connect_timeout": hard,
        "protocol": 2,
    }
