"""What the simulator saw, counted exactly: written by its loop's thread, read and reset by any other."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request, as the client sent it.

    path: the target as sent, with its query. headers: names in lower case; the last of several with one name.
    body: the JSON value, or the bytes when they are none, or as many bytes as came before the client left.
    behaviour: the name it came under. at: Unix time at which its head was complete.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    behaviour: str
    at: float


class Counts:
    """`received` goes up when a request's head is complete, `in_flight` comes down when its answer has ended."""

    def __init__(self, history: int) -> None:
        self._lock = threading.Lock()
        self._by: Counter[str] = Counter()
        self._requests: deque[Received] = deque(maxlen=history)
        self.received = 0
        self.in_flight = 0

    def head(self, name: str) -> None:
        """A request's head is complete."""
        with self._lock:
            self.received += 1
            self.in_flight += 1
            self._by[name] += 1

    def body(self, request: Received) -> None:
        """Its body is complete, or will never be."""
        with self._lock:
            self._requests.append(request)

    def end(self) -> None:
        """Its answer is written, or nobody is there any more to write it to."""
        with self._lock:
            self.in_flight -= 1

    def by(self, name: str) -> int:
        """Requests received under this name."""
        with self._lock:
            return self._by[name]

    def requests(self) -> tuple[Received, ...]:
        """The last requests, oldest first."""
        with self._lock:
            return tuple(self._requests)

    def reset(self) -> None:
        """Forget all but what is in flight."""
        with self._lock:
            self.received = 0
            self._by.clear()
            self._requests.clear()
