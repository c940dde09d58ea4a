"""Limits for what blocks a thread: an alarm that interrupts it from another one."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Final

from beastmode_otel.runtime.fork import in_child

_IDLE: Final = 1.0  # seconds without an alarm after which its thread ends


class Alarm:
    """One that was set; `cancel` it when what it was for is over. Idempotent, from any thread."""

    __slots__ = ("_lock", "ring", "when")

    def __init__(self, when: float, ring: Callable[[], None], lock: threading.Condition) -> None:
        self.when, self._lock = when, lock
        self.ring: Callable[[], None] | None = ring

    def cancel(self) -> None:
        """It does not ring any more; if it is ringing in this moment, that has ended when this returns."""
        with self._lock:
            self.ring = None


class Alarms:
    """Alarms of a process, on one daemon thread that is there while any is set.

    - Setting and cancelling one takes a few microseconds: the thread is woken only for one that is due before all.
    - `ring` is called on that thread, must not block and should not raise.
    - A child after fork starts with none.
    """

    def __init__(self) -> None:
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Condition(threading.Lock())
        self._set: list[tuple[float, int, Alarm]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def after(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` in so many seconds."""
        alarm = Alarm(time.monotonic() + seconds, ring, self._lock)
        with self._lock:
            first = not self._set or alarm.when < self._set[0][0]
            heapq.heappush(self._set, (alarm.when, next(self._numbers), alarm))
            if self._thread is None:
                self._start_thread()
            elif first:
                self._lock.notify()
        return alarm

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run, daemon=True, name="beastmode-alarm")
        with contextlib.suppress(RuntimeError):  # the interpreter is shutting down: nobody is interrupted any more
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        with self._lock:
            while True:
                while self._set and (self._set[0][2].ring is None or self._set[0][0] <= time.monotonic()):
                    ring = heapq.heappop(self._set)[2].ring
                    if ring is not None:
                        with contextlib.suppress(Exception):
                            ring()
                if self._set:
                    # Not until then at once: what is cancelled meanwhile is not kept for as long as it would have had.
                    self._lock.wait(min(_IDLE, self._set[0][0] - time.monotonic()))
                elif not self._lock.wait(_IDLE) and not self._set:
                    self._thread = None
                    return
