"""The ports behind which everything that waits stands, and the job: one result on its way, for which asyncio tasks and
threads alike can wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
C_co = TypeVar("C_co", covariant=True)
O_contra = TypeVar("O_contra", contravariant=True)


class Job(Future[T]):
    """A future that no waiter can cancel, and that knows who works on it.

    It is RUNNING from birth, so `cancel()` by a waiter (asyncio.wrap_future does that) never reaches the work.
    mine: the calling thread (or task) works on it; else nobody does yet.
    """

    thread: int | None
    loop: asyncio.AbstractEventLoop | None

    def __init__(self, *, mine: bool = True) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self.thread = threading.get_ident() if mine else None
        self.loop = running_loop() if mine else None


def new_job() -> Job[Any]:
    """A job that the calling thread (or task) is going to work on."""
    return Job()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The loop that runs on this thread; None outside of one. Never raises."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Expired(Exception):
    """`Runtime.within` stopped the work because its time was up."""


class Runtime(Protocol):
    """How its callers wait.

    suspends: its coroutines may suspend, so asynchronous ports may be awaited; False where all ports must block.
    """

    suspends: bool

    async def lead(self, job: Job[Any], work: Coroutine[Any, Any, Any]) -> None:
        """Run `work` and settle `job` with its result or exception.

        - The caller's cancellation ends the waiting, never the work (asyncio: a detached task).
        - An exception of the work is in the job, it is not raised here; a BaseException is both.
        """

    async def wait(self, job: Job[Any], timeout: float | None) -> bool:
        """Wait until `job` is settled. False: `timeout` seconds have passed, the work goes on."""

    def may_wait(self, job: Job[Any]) -> bool:
        """False where waiting would block the very thread or loop that works on `job`."""

    async def within(self, seconds: float, work: Awaitable[T]) -> T:
        """The result of `work`, or Expired after `seconds`.

        Blocking work cannot be interrupted: there it runs to its end, and the caller looks at the clock afterwards.
        """

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass."""

    def background(
        self, work: Callable[[], Coroutine[Any, Any, None]], lost: Callable[[], None]
    ) -> Callable[[], None] | None:
        """Start `work` beside the caller, out of reach of its cancellation; what comes back stops it.

        lost: called instead when it was stopped before its first step (the end of asyncio.run does that).
        None where nothing can run beside: then whoever needs a step of the work takes it.
        """

    async def aclose(self) -> None:
        """Stop what still runs beside its callers, and wait until it has ended."""


class Stream(Protocol[C_co, O_contra]):
    """A stream of chunks: a class, never an async generator.

    An async generator driven synchronously can be closed by the end of some unrelated `asyncio.run`, and its reader
    then sees a complete-looking, truncated stream.
    """

    async def next(self) -> C_co | None:
        """The next chunk; None after the last. Raises what ended the stream early."""

    def finish(self, outcome: O_contra) -> None:
        """End it. Synchronous and idempotent: the first outcome counts."""
