"""Invalidations told to other processes, and heard from them, over Redis's pub/sub.

One thread for each URL and prefix of a process, begun by the first lookup. Pub/sub forgets: what is published while a
process is not connected it never hears. So whenever it has subscribed again, its caches drop what they hold.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
import uuid
import weakref
from typing import Any, Final

from redis import exceptions

from beastmode_otel.cache.tier import Filter, Hearer, TierUnavailable
from beastmode_otel.cache.tiers.redis.blocking import Connection, Connections
from beastmode_otel.cache.tiers.redis.errors import edge
from beastmode_otel.cache.tiers.redis.layout import Layout, command, slot_of
from beastmode_otel.config.redis_url import Host, RedisUrl
from beastmode_otel.runtime import in_child

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0  # seconds between two tries to subscribe
PROMPT: Final = 1.0  # seconds from the first lookup: who has subscribed by then can be told whether it missed something
_LOOK: Final = 0.25  # how long a thread that is not needed any more stays
_PING: Final = 5.0  # of silence; a peer that is gone without a word is noticed after one more
_VERSION: Final = 1

_log = logging.getLogger("beastmode_otel")


class RedisBackplane:
    """A Backplane (cache/tier.py). A child after fork listens by itself, and trusts nothing that it brought along."""

    def __init__(self, url: RedisUrl, prefix: str, hard: float) -> None:
        self._channel = Layout(prefix).channel
        # Beside the message, for those who are about to subscribe: that there was one lately. Any node of a cluster
        # passes messages on to the others; they go to the one that has this key.
        self._lately = self._channel + b":lately"
        self._slot = slot_of(self._lately)
        self._connections = Connections(url, hard)
        self._hearers: weakref.WeakSet[Any] = weakref.WeakSet()
        self._start_empty()
        in_child(self._start_in_child)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._source = uuid.uuid4().hex
        self.listening, self._began, self._gap = False, 0.0, False

    def _start_in_child(self) -> None:
        self._start_empty()
        self._gap = True

    def join(self, hearer: Hearer) -> None:
        with self._lock:
            self._hearers.add(hearer)

    def leave(self, hearer: Hearer) -> None:
        with self._lock:
            self._hearers.discard(hearer)

    def _everybody(self) -> list[Hearer]:
        with self._lock:
            return list(self._hearers)

    # Telling.

    def publish(self, which: Filter, by: Hearer | None = None) -> None:
        """To the other caches of this process at once; raises TierUnavailable when others cannot be told."""
        for hearer in self._everybody():
            if hearer is not by:
                hearer.hear(which)
        with edge():
            self._connections.call(
                self._slot,
                command(b"SET", self._lately, b"1", b"PX", b"%d" % (2000 * PROMPT)),
                command(b"PUBLISH", self._channel, message(self._source, which)),
            )

    # Hearing.

    def listen(self) -> None:
        with self._lock:
            if self.listening:
                return
            self.listening, self._began = True, time.monotonic()
        try:
            threading.Thread(target=self._run, args=(self._source,), daemon=True, name="beastmode-backplane").start()
        except RuntimeError:
            return  # the interpreter is shutting down

    def _run(self, source: str) -> None:
        pause = FIRST_PAUSE
        while self._wanted(source):
            try:
                host, connection = self._subscribed()
            except (exceptions.RedisError, OSError, TierUnavailable):
                self._gap = self._gap or time.monotonic() - self._began > PROMPT
                time.sleep(random.uniform(0.5, 1.0) * pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            try:
                self._hear_all(source, connection)
            except (exceptions.RedisError, OSError):
                self._gap = True
                self._connections.failed(host)
            finally:
                connection.disconnect()

    def _wanted(self, source: str) -> bool:
        """False: every cache that listened is gone; the next that looks something up begins anew."""
        with self._lock:
            if self._hearers:
                return True
            if self._source == source:
                self.listening, self._gap = False, False
            return False

    def _subscribed(self) -> tuple[Host, Connection]:
        host = self._connections.nodes.find(self._slot)
        try:
            connection = self._connections.open(host)
        except BaseException:
            self._connections.failed(host)
            raise
        try:
            connection.send_packed_command([command(b"SUBSCRIBE", self._channel)])
            connection.read_response()
            late = self._gap or time.monotonic() - self._began > PROMPT
            (lately,) = (b"1",) if late else self._connections.call(self._slot, command(b"GET", self._lately))
        except BaseException:
            connection.disconnect()
            raise
        if lately is not None:
            for hearer in self._everybody():
                hearer.missed()
        self._gap = False
        return host, connection

    def _hear_all(self, source: str, connection: Connection) -> None:
        """Until nobody wants to, or the connection ends."""
        heard, asked = time.monotonic(), False
        while self._wanted(source):
            if connection.can_read(_LOOK):
                self._heard(source, connection.read_response())
                heard, asked = time.monotonic(), False
            elif time.monotonic() - heard > 2 * _PING:
                raise exceptions.TimeoutError("no answer")
            elif time.monotonic() - heard > _PING and not asked:
                connection.send_packed_command([command(b"PING")])
                asked = True

    def _heard(self, source: str, answer: Any) -> None:
        if not isinstance(answer, list) or len(answer) != 3 or answer[0] != b"message":
            return
        which = heard_of(answer[2], source)
        if which is not None:
            for hearer in self._everybody():
                try:
                    hearer.hear(which)
                except Exception:  # noqa: BLE001  (the thread must live on)
                    _log.exception("an invalidation of another process failed here")


# Messages.


def message(source: str, which: Filter) -> bytes:
    said = {
        "v": _VERSION,
        "from": source,
        "tenant": which.tenant,
        "digest": None if which.digest is None else which.digest.hex(),
        "request_id": which.request_id,
        "model": which.model,
        "tag": which.tag,
        "scope": None if which.scope is None else which.scope.hex(),
        "older_than": which.older_than,
    }
    return json.dumps(said, separators=(",", ":")).encode()


def heard_of(data: Any, source: str) -> Filter | None:
    """None: our own, or nothing that this release knows. A newer release's removes too much rather than too little."""
    try:
        said = json.loads(data)
        if said["from"] == source or not said["tenant"] or not isinstance(said["tenant"], str):
            return None
        if said["v"] != _VERSION:
            return Filter(tenant=said["tenant"])
        age = said["older_than"]
        return Filter(
            tenant=said["tenant"],
            digest=None if said["digest"] is None else bytes.fromhex(said["digest"]),
            request_id=said["request_id"],
            model=said["model"],
            tag=said["tag"],
            scope=None if said["scope"] is None else bytes.fromhex(said["scope"]),
            older_than=None if age is None else float(age),
        )
    except (ValueError, TypeError, KeyError):
        _log.warning("an invalidation that another process told could not be read")
        return None
