"""What people say of answers to similar questions: which of them were wrong."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from beastmode_otel.cache.entry import Key
from beastmode_otel.runtime import in_child

REMEMBERED: Final = 10_000

Pair = tuple[str, bytes, bytes]  # tenant, digest of what was asked, digest of what it was answered with


class Feedback:
    """The semantic hits of late by the id of their request, and the pairs that were refuted. Bounded, thread-safe.

    Of this process only, and as long as it lives.
    """

    def __init__(self) -> None:
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._served: OrderedDict[str, Pair] = OrderedDict()
        self._refuted: OrderedDict[Pair, None] = OrderedDict()

    def served(self, request_id: str, asked: Key, entry: Key) -> None:
        with self._lock:
            self._served[request_id] = _pair(asked, entry)
            if len(self._served) > REMEMBERED:
                self._served.popitem(last=False)

    def report(self, request_id: str) -> bool:
        """From now on these two are not the same. False: no such hit, or it was reported before."""
        with self._lock:
            pair = self._served.pop(request_id, None)
            if pair is None:
                return False
            self._refuted[pair] = None
            if len(self._refuted) > REMEMBERED:
                self._refuted.popitem(last=False)
            return True

    def refuted(self, asked: Key, entry: Key) -> bool:
        return bool(self._refuted) and _pair(asked, entry) in self._refuted


def _pair(asked: Key, entry: Key) -> Pair:
    return asked.tenant, asked.digest, entry.digest
