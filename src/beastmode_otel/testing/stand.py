"""What the suites need of a tier: a store that is made for one test, and the tiers that use it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Protocol

from beastmode_otel.cache import Answered, AsyncTier, Key, Pending, Refused, TierUnavailable
from beastmode_otel.runtime import WorkerPool
from beastmode_otel.testing.samples import Clock


class Stand(Protocol):
    """A store, and the tiers that use it.

    clock: wall time, which the suites move: what the tiers are to ask for the time. pool: the tiers' background work,
    such as the deletion of what is damaged.
    """

    clock: Clock
    pool: WorkerPool

    def tier(self, *, stale: float = 0.0, codec: Any = None) -> Any:
        """Another tier over the same store; closed by `close`. codec: None for `testing.CODEC`. stale: seconds."""

    def spoil(self, key: Key, data: bytes) -> None:
        """Replace the stored bytes of an entry, which are what the codec made of it."""

    def close(self) -> None: ...


class NetworkStand(Stand, Protocol):
    """A stand whose tiers talk to a server."""

    def tier(self, *, stale: float = 0.0, codec: Any = None, hard: float = 20.0) -> Any:
        """hard: seconds after which a command is given up."""

    def hang(self, seconds: float) -> None:
        """So long the server is silent before each answer from now on; 0: also what hangs now goes on."""

    def lose(self, lost: bool) -> None:
        """Whether connections end instead of an answer from now on."""

    @property
    def connections(self) -> int:
        """How many were ever opened."""


class AsyncReads:
    """A tier whose `ask` reads through its asynchronous port, on a loop of its own: one suite for both ports."""

    def __init__(self, tier: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._tier, self._loop = tier, loop

    def ask(self, key: Key) -> Pending:
        asynchronous: AsyncTier = self._tier
        try:
            return Answered(asyncio.run_coroutine_threadsafe(asynchronous.get(key), self._loop).result(30))
        except TierUnavailable as refused:
            return Refused(refused)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tier, name)


class OnLoop:
    """Makes a stand's tiers read on a loop of its own: `class AsyncMyStand(OnLoop, MyStand)`.

    Then BlockingTierContract is run against the asynchronous port.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._read: list[Any] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def tier(self, **options: Any) -> Any:
        made = super().tier(**options)  # type: ignore[misc]
        self._read.append(made)
        return AsyncReads(made, self._loop)

    def close(self) -> None:
        for one in self._read:
            asyncio.run_coroutine_threadsafe(one.aclose(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        super().close()  # type: ignore[misc]
