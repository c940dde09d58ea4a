"""Background work of asyncio and blocking callers alike: bounded pools of daemon threads, one for each slow tier.

Not asyncio tasks: those that are pending when `asyncio.run` ends are lost, and short scripts would never write. One
pool for each tier, so that a tier that hangs fills its own threads and backlog and nobody else's.
"""

from __future__ import annotations

import contextvars
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

from beastmode_otel.runtime.fork import in_child
from beastmode_otel.runtime.ports import Job

T = TypeVar("T")

_LEAST_AT_EXIT: Final = 0.5  # seconds for each pool, however long those before it took


class PoolFull(Exception):
    """The backlog is full: the work was not taken."""


class WorkerPool:
    """Daemon threads, started when there is work.

    - At most `size` threads and `backlog` waiting jobs; what does not fit is counted in `rejected`, never waited for.
    - Drained at exit for at most `at_exit` seconds, together with the other pools. A child after fork starts empty:
      the parent does its own work.
    - name: of its threads, for people who look at a process.
    """

    def __init__(self, name: str = "background", *, size: int = 4, backlog: int = 1000, at_exit: float = 5.0) -> None:
        self._name, self._size, self._backlog = f"beastmode-{name}", size, backlog
        self.rejected = 0
        self._start_empty()
        in_child(self._start_empty)
        weakref.finalize(self, _drain_at_exit, weakref.ref(self), at_exit)  # runs at exit too

    def _start_empty(self) -> None:
        self._jobs = _Jobs()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], T]) -> Job[T]:
        """Take `work`, with a copy of the caller's context. Raises PoolFull at once, never waits for room."""
        job: Job[T] = Job(mine=False)
        context = contextvars.copy_context()
        with self._lock:
            if len(self._jobs.waiting) >= self._backlog:
                self.rejected += 1
                raise PoolFull
            self._jobs.put(lambda: _run(job, context, work))
            self._start_thread()
        return job

    def _start_thread(self) -> None:
        # Counted are jobs that are not done, not threads that are idle: one that was woken is idle only by name.
        if len(self._threads) >= min(self._size, self._jobs.unfinished):
            return
        thread = threading.Thread(target=_work, args=(self._jobs,), daemon=True, name=self._name)
        try:
            thread.start()
        except RuntimeError:
            return  # the interpreter is shutting down: drain() does the work itself
        self._threads.append(thread)

    def drain(self, timeout: float) -> bool:
        """Wait until all work that was taken is done. False: `timeout` seconds were not enough."""
        end, jobs = time.monotonic() + timeout, self._jobs
        if not any(thread.is_alive() for thread in self._threads):
            while time.monotonic() < end and jobs.do_one(wait=False):
                pass
        return jobs.wait_done(end)

    def close(self, timeout: float = 5.0) -> bool:
        """Drain, then let the threads end, within `timeout` seconds. Work submitted afterwards starts new ones.

        False: not all was done in time. A thread that is still busy finishes what was taken, then it ends too.
        """
        end = time.monotonic() + timeout
        drained = self.drain(timeout)
        with self._lock:
            threads, jobs = self._threads, self._jobs
            self._threads, self._jobs = [], _Jobs()
        jobs.no_more()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))
        return drained


class _Jobs:
    """Jobs in order, until they are done. unfinished: those that wait and those that run.

    Not `queue.Queue`: waiting with a timeout until all is done needs its insides, which gevent's has not.
    """

    def __init__(self) -> None:
        self.waiting: deque[Callable[[], None]] = deque()
        self.unfinished = 0
        self._lock = threading.Lock()
        self._arrived, self._done = threading.Condition(self._lock), threading.Condition(self._lock)
        self._last = False

    def put(self, job: Callable[[], None]) -> None:
        with self._lock:
            self.waiting.append(job)
            self.unfinished += 1
            self._arrived.notify()

    def no_more(self) -> None:
        """Whoever does these jobs ends when none is left."""
        with self._lock:
            self._last = True
            self._arrived.notify_all()

    def do_one(self, *, wait: bool) -> bool:
        """Do the next job, on this thread. False: there is none, and with `wait` there will be none."""
        with self._lock:
            while not self.waiting:
                if self._last or not wait:
                    return False
                self._arrived.wait()
            job = self.waiting.popleft()
        try:
            job()
        finally:
            del job  # an idle thread must not keep the last job's objects alive
            with self._lock:
                self.unfinished -= 1
                if not self.unfinished:
                    self._done.notify_all()
        return True

    def wait_done(self, end: float) -> bool:
        """False: at `end`, on the monotonic clock, not all was done."""
        with self._lock:
            return self._done.wait_for(lambda: not self.unfinished, max(0.0, end - time.monotonic()))


def _work(jobs: _Jobs) -> None:
    while jobs.do_one(wait=True):
        pass


def _run(job: Job[Any], context: contextvars.Context, work: Callable[[], Any]) -> None:
    job.thread = threading.get_ident()
    try:
        result = context.run(work)
    except BaseException as exc:  # noqa: BLE001  (the job carries it to whoever waits; the thread must live on)
        job.set_exception(exc)
    else:
        job.set_result(result)


_exits: Final[list[float]] = []  # when pools were drained at exit: while one is waited for, the others go on


def _drain_at_exit(reference: weakref.ref[WorkerPool], seconds: float) -> None:
    pool = reference()
    if pool is not None:
        _exits.append(time.monotonic())
        spent = _exits[-1] - _exits[0]
        pool.drain(min(seconds, max(_LEAST_AT_EXIT, seconds - spent)))
