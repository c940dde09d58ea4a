"""The lane: bounded daemon threads for all background work of both worlds.

Not asyncio tasks: those that are pending when `asyncio.run` ends are lost, and short scripts would never write.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from beastmode_otel.runtime.fork import in_child
from beastmode_otel.runtime.job import Job

T = TypeVar("T")


class LaneFull(Exception):
    """The backlog is full: the work was not taken."""


class Lane(Protocol):
    """Where background work goes."""

    def submit(self, work: Callable[[], T]) -> Job[T]:
        """Take `work`, with a copy of the caller's context. Raises LaneFull at once, never waits for room."""

    def drain(self, timeout: float) -> bool:
        """Wait until all work that was taken is done. False: `timeout` seconds were not enough."""


class ThreadLane:
    """Daemon threads, started when there is work, shared by both worlds.

    - At most `size` threads and `backlog` waiting jobs; what does not fit is counted in `rejected`.
    - Drained at exit for at most `at_exit` seconds. A child after fork starts empty: the parent does its own work.
    """

    def __init__(self, size: int = 4, backlog: int = 1000, at_exit: float = 5.0) -> None:
        self._size, self._backlog = size, backlog
        self.rejected = 0
        self._start_empty()
        in_child(self._start_empty)
        weakref.finalize(self, _drain_at_exit, weakref.ref(self), at_exit)  # runs at exit too

    def _start_empty(self) -> None:
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], T]) -> Job[T]:
        job: Job[T] = Job(mine=False)
        context = contextvars.copy_context()
        with self._lock:
            if self._queue.qsize() >= self._backlog:
                self.rejected += 1
                raise LaneFull
            self._queue.put(lambda: _run(job, context, work))
            self._hire()
        return job

    def _hire(self) -> None:
        # Counted are jobs that are not done, not threads that are idle: one that was woken is idle only by name.
        if len(self._threads) >= min(self._size, self._queue.unfinished_tasks):
            return
        thread = threading.Thread(target=self._work, args=(self._queue,), daemon=True, name="beastmode-lane")
        try:
            thread.start()
        except RuntimeError:
            return  # the interpreter is shutting down: drain() does the work itself
        self._threads.append(thread)

    def _work(self, jobs: queue.Queue[Callable[[], None] | None]) -> None:
        while True:
            job = jobs.get()
            try:
                if job is None:
                    return
                job()
            finally:
                jobs.task_done()
                del job  # an idle thread must not keep the last job's objects alive

    def drain(self, timeout: float) -> bool:
        end, jobs = time.monotonic() + timeout, self._queue
        if not any(thread.is_alive() for thread in self._threads):
            _drain_here(jobs, end)
        with jobs.all_tasks_done:
            while jobs.unfinished_tasks and (left := end - time.monotonic()) > 0:
                jobs.all_tasks_done.wait(left)
            return not jobs.unfinished_tasks

    def close(self, timeout: float = 5.0) -> bool:
        """Drain, then let the threads end, within `timeout` seconds. Work submitted afterwards starts new ones.

        False: not all was done in time. A thread that is still busy finishes what was taken, then it ends too.
        """
        end = time.monotonic() + timeout
        drained = self.drain(timeout)
        with self._lock:
            threads, jobs = self._threads, self._queue
            self._threads, self._queue = [], queue.Queue()
        for _ in threads:
            jobs.put(None)
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))
        return drained


def _drain_here(jobs: queue.Queue[Callable[[], None] | None], end: float) -> None:
    while time.monotonic() < end:
        try:
            job = jobs.get_nowait()
        except queue.Empty:
            return
        if job is not None:
            job()
        jobs.task_done()


def _run(job: Job[Any], context: contextvars.Context, work: Callable[[], Any]) -> None:
    job.thread = threading.get_ident()
    try:
        result = context.run(work)
    except BaseException as exc:  # noqa: BLE001  (the job carries it to whoever waits; the thread must live on)
        job.set_exception(exc)
    else:
        job.set_result(result)


def _drain_at_exit(reference: weakref.ref[ThreadLane], timeout: float) -> None:
    lane = reference()
    if lane is not None:
        lane.drain(timeout)
