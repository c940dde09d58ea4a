"""The requests that have not ended: how many, and how old the oldest is."""

from __future__ import annotations

import contextlib
import itertools
import time
import weakref
from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Observation

from beastmode_otel.runtime import in_child
from beastmode_otel.semconv import DOOR


class ActiveRequests:
    """A registry of open requests. Each step is one atomic dict operation: no lock that a fork could leave held."""

    def __init__(self) -> None:
        self._tickets = itertools.count()
        self._sweeps: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._doors: set[str] = set()
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._open: dict[int, tuple[str, float]] = {}

    def enter(self, door: str) -> int:
        """A ticket for `leave`."""
        self._doors.add(door)
        ticket = next(self._tickets)
        self._open[ticket] = (door, time.monotonic())
        return ticket

    def leave(self, ticket: int) -> None:
        self._open.pop(ticket, None)

    def before_collect(self, sweep: Callable[[], None]) -> None:
        self._sweeps = [reference for reference in self._sweeps if reference() is not None]
        self._sweeps.append(weakref.WeakMethod(sweep))

    def observe_count(self, options: CallbackOptions) -> Iterable[Observation]:
        for reference in self._sweeps:
            sweep = reference()
            if sweep is not None:
                with contextlib.suppress(Exception):  # a collection must not fail because of one router
                    sweep()
        doors = [door for door, _ in list(self._open.values())]
        return [Observation(doors.count(door), {DOOR.key: door}) for door in sorted(self._doors)]

    def observe_oldest(self, options: CallbackOptions) -> Iterable[Observation]:
        now = time.monotonic()
        ages = dict.fromkeys(sorted(self._doors), 0.0)
        for door, since in list(self._open.values()):
            ages[door] = max(ages[door], now - since)
        return [Observation(age, {DOOR.key: door}) for door, age in ages.items()]
