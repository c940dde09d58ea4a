"""Single-flight: identical requests that are under way in this process share one upstream call."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from beastmode_otel.errors import UpstreamError
from beastmode_otel.record import record
from beastmode_otel.runtime import Job, Runtime, in_child, lead_here

T = TypeVar("T")


@record(frozen=True, slots=True, kw_only=True)
class FlightResult(Generic[T]):
    """How a flight ended for one caller: with a value, an error of its own to raise, or too late for it.

    collapsed: somebody else's call brought it.
    """

    value: T | None = None
    error: Exception | None = None
    late: bool = False
    collapsed: bool = False


class SingleFlight(Generic[T]):
    """The flights of a process, by key digest. Thread-safe.

    - One caller leads, the others wait for its job. Errors fan out to the waiters and are not kept. That the leader's
      own time was up says nothing to a waiter with more time left than it has waited: somebody leads anew.
    - The leader's cancellation ends only the leader's waiting (asyncio). A leader that dies of a BaseException hands
      over: one of the waiters leads anew.
    - Nobody waits where waiting would deadlock (`Runtime.may_wait`): such a caller calls upstream itself.
    - A child after fork starts with no flights.
    """

    def __init__(self) -> None:
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.RLock()  # the collector may end a leader's coroutine while this thread holds it
        self._flights: dict[bytes, Job[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def forget(self) -> None:
        """Whoever comes now does not join what is under way: it was asked for before an invalidation."""
        with self._lock:
            self._flights.clear()

    async def join(
        self,
        digest: bytes,
        runtime: Runtime,
        work: Callable[[], Coroutine[Any, Any, T]],
        left: float,
        *,
        detached: bool = True,
    ) -> FlightResult[T]:
        """How `work` ended, which runs once for all callers that come while it runs. left: seconds of this caller.

        detached: the work goes on when its leader is cancelled; otherwise a waiter leads anew.
        Raises only what ends the caller itself: a BaseException that is no Exception.
        """
        joined = time.monotonic()
        until = joined + left
        while True:
            job, leads = self._enter(digest)
            if leads:
                await (runtime.lead if detached else lead_here)(job, self._run(digest, job, work))
                return _result_of(job)
            if not runtime.may_wait(job):
                return FlightResult(value=await work())
            if not await runtime.wait(job, max(0.0, until - time.monotonic())):
                return FlightResult(late=True, collapsed=True)
            error, now = job.exception(), time.monotonic()
            if isinstance(error, Exception | None) and not (_is_own(error) and until - now > now - joined):
                return _result_of(job, collapsed=True)
            # The leader died of a BaseException or of its impatience, its own affair: somebody else leads now.

    def _enter(self, digest: bytes) -> tuple[Job[T], bool]:
        with self._lock:
            job = self._flights.get(digest)
            if job is not None:
                return job, False
            job = self._flights[digest] = Job()
            return job, True

    async def _run(self, digest: bytes, job: Job[T], work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await work()
        finally:
            # Before the job settles, so that whoever sees the result no longer finds the flight.
            with self._lock:
                if self._flights.get(digest) is job:
                    del self._flights[digest]


def _result_of(job: Job[T], *, collapsed: bool = False) -> FlightResult[T]:
    error = job.exception()
    if error is None:
        return FlightResult(value=job.result(), collapsed=collapsed)
    if not isinstance(error, Exception):
        raise error
    return FlightResult(error=own_copy(error) if collapsed else error, collapsed=collapsed)


def _is_own(error: Exception | None) -> bool:
    """Whether the leader gave up by itself."""
    return isinstance(error, UpstreamError) and error.category.callers_own


def own_copy(error: Exception) -> Exception:
    """The same error for one more caller: a shared one would collect everybody's traceback."""
    try:
        fresh = copy.copy(error)
    except Exception:  # noqa: BLE001  (a foreign exception that cannot be copied is shared after all)
        return error
    fresh.__cause__ = error.__cause__
    return fresh
