"""Among processes, one asks upstream for a key: it holds a lease in a tier that they share. Opt-in.

Identical callers of one process share a flight already; its leader asks for the lease. Whoever does not get it waits
until the holder's answer is in the tier, and never longer than the holder's lease would live without a renewal.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from beastmode_otel.cache.entry import Key
from beastmode_otel.cache.resilient_tier import ResilientTier
from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.observer import LeaseResult, Observer
from beastmode_otel.record import record
from beastmode_otel.runtime import Job, PoolFull, Runtime, in_child

T = TypeVar("T")

DONE_SECONDS: Final = 0.5  # how long a lease's end can be seen: several looks of those who wait
LONGEST: Final = 600.0  # seconds for which one is renewed: a stream that nobody ends must not hold it for ever
_FIRST_LOOK, _LAST_LOOK = 0.01, 0.1  # seconds between two looks at another's lease


@record(frozen=True, slots=True, kw_only=True)
class Grant:
    """What came of asking for a lease.

    token: of the lease that was given; each is greater than those given for this key before. None: not given. left:
    seconds for which its holder's lease lives without a renewal; 0: it has just ended, and whoever has waited for it
    goes on.
    """

    token: int | None = None
    left: float = 0.0


class LeaseStore(Protocol):
    """Leases in a tier that processes share. Blocking, thread-safe; anything that goes wrong is TierUnavailable.

    patience: seconds that a request waits for `acquire`; None: the tier's soft timeout.
    """

    patience: float | None

    def acquire(self, key: Key, seconds: float) -> Grant:
        """The key's lease, if nobody holds it, and for DONE_SECONDS after its end nobody gets it."""

    def renew(self, key: Key, token: int, seconds: float) -> bool:
        """Let it live for `seconds` from now. False: it is not this token's any more."""

    def release(self, key: Key, token: int) -> None:
        """End it, if it is still this token's."""


@record(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a caller does next. waited: looks into the tiers again, since somebody has asked meanwhile. lease: is held
    by this caller, who asks upstream; None: asks without one."""

    waited: bool = False
    lease: Lease | None = None


ALONE: Final = Turn()


class Leases:
    """The leases of one tier, for the callers of one runtime. A tier that is ill, slow or full means: ask upstream."""

    def __init__(
        self, tier: ResilientTier, store: LeaseStore, *, seconds: float, runtime: Runtime, observer: Observer
    ) -> None:
        self._tier, self._store, self._seconds = tier, store, seconds
        self._runtime, self._observer = runtime, observer
        self._patience = tier.times.soft if store.patience is None else store.patience
        self._held = _Held(store, seconds)

    async def turn(self, key: Key, patience: float) -> Turn:
        """Wait until it is this caller's turn, for at most `patience` seconds. Never raises."""
        began = time.monotonic()
        turn, result = await self._turn(key, began + patience)
        self._observer.leased(self._tier.name, result, time.monotonic() - began)
        return turn

    async def _turn(self, key: Key, until: float) -> tuple[Turn, LeaseResult]:
        waited, pause = False, _FIRST_LOOK
        while True:
            grant = await self._acquire(key)
            if grant is None:
                return Turn(waited=waited), "error"
            if grant.token is not None:
                lease = Lease(self, key, grant.token)
                return Turn(waited=waited, lease=lease), "taken_over" if waited else "acquired"
            if not grant.left:
                return Turn(waited=True), "waited"
            left = until - time.monotonic()
            if left <= 0.0:
                return ALONE, "timeout"
            waited = True
            await self._runtime.sleep(min(pause, grant.left, left))
            pause = min(1.5 * pause, _LAST_LOOK)

    async def _acquire(self, key: Key) -> Grant | None:
        """None: the tier does not answer in time."""
        tier = self._tier
        if not tier.breaker.closed:
            return None
        try:
            job = tier.pool.submit(lambda: self._store.acquire(key, self._seconds))
        except PoolFull:
            return None
        try:
            in_time = await self._runtime.wait(job, self._patience)
        except BaseException:
            job.add_done_callback(lambda done: self._came_late(key, done))
            raise
        if not in_time:
            job.add_done_callback(lambda done: self._came_late(key, done))
            return None
        trouble = job.exception()
        if trouble is None:
            grant = job.result()
            if grant.token is not None:
                self._held.add(key, grant.token)
            return grant
        if not isinstance(trouble, TierUnavailable):
            raise trouble
        tier.failed(trouble)
        return None

    def _came_late(self, key: Key, job: Any) -> None:
        """Its asker has gone on without it."""
        if job.exception() is None and job.result().token is not None:
            self.release(key, job.result().token)

    def release(self, key: Key, token: int) -> None:
        """In the background; what cannot be told ends by itself."""
        self._held.remove(key, token)

        def tell() -> None:
            with suppress(TierUnavailable):
                self._store.release(key, token)

        with suppress(PoolFull):
            self._tier.pool.submit(tell)


class Lease:
    """A lease that is held, and renewed until it is given back: by `landed` or by `give_up`, whichever is first."""

    def __init__(self, leases: Leases, key: Key, token: int) -> None:
        self._leases, self._key, self._token = leases, key, token
        self._lock, self._over = threading.Lock(), False

    def landed(self, writes: Sequence[Job[None]]) -> None:
        """The answer is there. Those who wait hear of it when these writes are done, and find it."""
        if self._end():
            _after(writes, self._release)

    def give_up(self) -> None:
        """There is no answer, or none that others may have: they ask for themselves."""
        if self._end():
            self._release()

    def _end(self) -> bool:
        with self._lock:
            first, self._over = not self._over, True
        return first

    def _release(self) -> None:
        self._leases.release(self._key, self._token)


def _after(jobs: Sequence[Job[None]], then: Callable[[], None]) -> None:
    lock, left = threading.Lock(), len(jobs)

    def one_done(_: object) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            then()

    if not jobs:
        then()
    for job in jobs:
        job.add_done_callback(one_done)


class _Held:
    """The leases that this process holds; a thread of its own renews them at a third of their life.

    A child after fork holds none: those are its parent's.
    """

    def __init__(self, store: LeaseStore, seconds: float) -> None:
        self._store, self._seconds = store, seconds
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._changed = threading.Condition()
        self._until: dict[tuple[Key, int], float] = {}
        self._thread: threading.Thread | None = None

    def add(self, key: Key, token: int) -> None:
        with self._changed:
            self._until[key, token] = time.monotonic() + LONGEST
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew_all, daemon=True, name="beastmode-leases")
                with suppress(RuntimeError):  # the interpreter is shutting down
                    self._thread.start()

    def remove(self, key: Key, token: int) -> None:
        with self._changed:
            self._until.pop((key, token), None)
            self._changed.notify()

    def _renew_all(self) -> None:
        while True:
            with self._changed:
                if not self._until and not self._changed.wait_for(lambda: self._until, self._seconds):
                    self._thread = None
                    return
                self._changed.wait(self._seconds / 3)
                held = list(self._until.items())
            for (key, token), until in held:
                if (key, token) in self._until and not self._renew(key, token, until):
                    self.remove(key, token)

    def _renew(self, key: Key, token: int, until: float) -> bool:
        if time.monotonic() >= until:
            return False
        try:
            return self._store.renew(key, token, self._seconds)
        except TierUnavailable:
            return True  # perhaps the next time
