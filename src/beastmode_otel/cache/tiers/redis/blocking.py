"""Connections of threads: borrowed for a command, kept for the next, left behind by a child after fork."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha1
from typing import Any, Final, Protocol

import redis.connection
from redis import exceptions

from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.redis.layout import command
from beastmode_otel.cache.tiers.redis.nodes import Nodes, options
from beastmode_otel.config.redis_url import Host, RedisUrl
from beastmode_otel.runtime import in_child

REDIRECTS: Final = 3
_ASKING: Final = command(b"ASKING")
_PING: Final = command(b"PING")
_SURE: Final = (
    1.0  # seconds after its last use in which a connection is not looked at first: a look costs a fifth of a read
)
_KEPT: Final = 32  # idle connections to one server
_BATCH: Final = 500  # commands that are sent before an answer is read: more could fill both buffers, and nobody moves


class Connection(Protocol):
    """What is used of redis-py's."""

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def send_packed_command(self, command: list[bytes]) -> None: ...
    def can_read(self, timeout: float) -> bool: ...
    def read_response(self) -> Any: ...


class Connections:
    """Commands to where their slot lies. Thread-safe. Raises redis-py's errors, and TierUnavailable when closed."""

    def __init__(self, url: RedisUrl, hard: float) -> None:
        self._url, self._hard, self.closed = url, hard, False
        self.nodes = Nodes(url, self.open)
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        # A child shares its parent's sockets: dropping them closes its own end of them and says nothing to the server.
        self._idle: dict[Host, deque[tuple[Connection, float]]] = defaultdict(deque)

    def open(self, host: Host, sentinel: bool = False) -> Connection:
        """A new connection, connected."""
        kind: Any = {"unix": redis.connection.UnixDomainSocketConnection}.get(
            self._url.kind, redis.connection.Connection if self._url.tls is None else redis.connection.SSLConnection
        )
        made: Connection = kind(**options(self._url, host, self._hard, sentinel=sentinel), socket_timeout=self._hard)
        made.connect()
        return made

    def ready(self, slot: int) -> tuple[Host, Connection] | None:
        """A connection that a command can be sent on at once; None: there is none, to be made by `call`."""
        if self.closed:
            raise TierUnavailable("it was closed", healthy=True)
        host = self.nodes.known(slot)
        return None if host is None else self._from_idle(host)

    def _from_idle(self, host: Host) -> tuple[Host, Connection] | None:
        idle = self._idle[host]
        while idle:
            try:
                connection, used = idle.pop()
            except IndexError:  # another thread took it
                break
            if time.monotonic() - used < _SURE or _quiet(connection):
                return host, connection
            connection.disconnect()
        return None

    def keep(self, host: Host, connection: Connection) -> None:
        idle = self._idle[host]
        idle.append((connection, time.monotonic()))  # before the look, as `close` may come between
        if self.closed:
            self._drop(idle)
        elif len(idle) > _KEPT:
            with suppress(IndexError):
                idle.popleft()[0].disconnect()

    def failed(self, host: Host) -> None:
        """A connection to it broke: the others are no better, and it may not be the primary any more."""
        self._drop(self._idle[host])
        self.nodes.doubt(host)

    @staticmethod
    def _drop(idle: deque[tuple[Connection, float]]) -> None:
        while idle:
            try:
                idle.pop()[0].disconnect()
            except IndexError:
                return

    # Commands.

    def call(self, slot: int, *commands: bytes) -> list[Any]:
        """The answers to commands of one slot, which may be sent twice: twice done must be as done once."""
        for last in (False,) * REDIRECTS + (True,):
            host = self._open_host(slot)
            answers = self._at(host, commands)
            trouble = first_error(answers)
            if trouble is None:
                return answers
            if last:
                raise trouble
            if isinstance(trouble, exceptions.MovedError):
                self.nodes.moved(trouble.slot_id, (trouble.host or host[0], trouble.port))
            elif isinstance(trouble, exceptions.AskError):
                asked = self._at((trouble.host or host[0], trouble.port), asking(commands))
                return checked(asked[1::2])
            elif isinstance(trouble, exceptions.ReadOnlyError):
                self.failed(host)  # it was a primary once, or its name means another server now
            else:
                raise trouble
        raise AssertionError  # the last round returns or raises

    def _open_host(self, slot: int) -> Host:
        if self.closed:
            raise TierUnavailable("it was closed", healthy=True)
        return self.nodes.find(slot)

    def call_each(self, works: Sequence[tuple[int, bytes]]) -> list[Any]:
        """An answer to each command of many slots, in their order, some hundred in a round trip per server."""
        answers: list[Any] = [None] * len(works)
        by_host: dict[Host, list[int]] = defaultdict(list)
        for place, (slot, _) in enumerate(works):
            by_host[self._open_host(slot)].append(place)
        for host, places in by_host.items():
            for start in range(0, len(places), _BATCH):
                some = places[start : start + _BATCH]
                found = self._at(host, [works[place][1] for place in some])
                for place, answer in zip(some, found, strict=True):
                    if isinstance(answer, Exception):  # moved: one by one, as `call` knows how
                        (answer,) = self.call(*works[place])
                    answers[place] = answer
        return answers

    def run(self, slot: int, script: bytes, words: list[bytes]) -> Any:
        """A script's answer. A server that does not know it, as after its restart, is told it whole."""
        try:
            (answer,) = self.call(slot, command(b"EVALSHA", _sha(script), *words))
        except exceptions.NoScriptError:
            (answer,) = self.call(slot, command(b"EVAL", script, *words))
        return answer

    def at(self, host: Host, packed: bytes) -> Any:
        """The answer of one server, which may be its refusal."""
        return self._at(host, [packed])[0]

    def ping(self) -> None:
        """That more than half of the primaries answer: what lies on others is asked upstream until they are back."""
        self._open_host(0)
        hosts, trouble = self.nodes.all(), []
        for host in hosts:
            try:
                checked(self._at(host, [_PING]))
            except (exceptions.RedisError, OSError) as exc:
                trouble.append(exc)
        if 2 * len(trouble) >= len(hosts):
            raise trouble[0]

    def _at(self, host: Host, commands: Sequence[bytes]) -> list[Any]:
        taken = self._from_idle(host)
        if taken is not None:
            try:
                return self._ask(host, taken[1], commands)
            except exceptions.ConnectionError as exc:
                if isinstance(exc, exceptions.AuthenticationError | exceptions.BusyLoadingError):
                    raise
                # The server had closed it, as a restart does; whether there is one now, a new connection tells.
        try:
            connection = self.open(host)
        except BaseException:
            self.failed(host)
            raise
        return self._ask(host, connection, commands)

    def _ask(self, host: Host, connection: Connection, commands: Sequence[bytes]) -> list[Any]:
        try:
            connection.send_packed_command([b"".join(commands)])
            return self.answers(host, connection, len(commands))
        except BaseException:
            connection.disconnect()
            raise

    def answers(self, host: Host, connection: Connection, replies: int) -> list[Any]:
        """What was asked on it, errors of single commands among it. Keeps the connection, or closes it."""
        try:
            found = [_reply(connection) for _ in range(replies)]
        except BaseException:
            connection.disconnect()
            self.failed(host)
            raise
        self.keep(host, connection)
        return found

    def close(self) -> None:
        self.closed = True
        for idle in list(self._idle.values()):
            self._drop(idle)


def _quiet(connection: Connection) -> bool:
    """Nothing came that nobody asked for: neither an answer nor the server's end."""
    try:
        return not connection.can_read(timeout=0)
    except (exceptions.RedisError, OSError):
        return False


def _reply(connection: Connection) -> Any:
    try:
        return connection.read_response()
    except exceptions.ResponseError as refused:
        return refused


def asking(commands: Sequence[bytes]) -> list[bytes]:
    """Each behind an ASKING of its own, which holds for one."""
    return [each for one in commands for each in (_ASKING, one)]


def first_error(answers: Sequence[Any]) -> Exception | None:
    return next((one for one in answers if isinstance(one, Exception)), None)


@lru_cache
def _sha(script: bytes) -> bytes:
    return sha1(script, usedforsecurity=False).hexdigest().encode()


def checked(answers: list[Any]) -> list[Any]:
    trouble = first_error(answers)
    if trouble is not None:
        raise trouble
    return answers
