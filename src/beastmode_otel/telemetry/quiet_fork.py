"""Forks at a quiet moment: no metric is being collected, so that no child inherits a lock that nobody will release.

The SDK starts its reader's thread anew in a child, and leaves the locks as the parent's threads held them: a child that
was forked during an export never exported a metric, and one forked during a collection could hang in its first request
(seen in 2 of 144 children on a busy machine). This holds for every reader of the process, whoever made it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

MOST_SECONDS: Final = 1.0  # that a fork waits for collections; a callback of the application's own may hang


class _Held(threading.local):
    """Of a fork of this thread: consumers, and whether their lock is held for it."""

    def __init__(self) -> None:
        self.locks: list[tuple[Any, bool]] = []


_held: Final = _Held()


def _readers() -> list[Any]:
    provider = getattr(sys.modules.get("opentelemetry.sdk.metrics"), "MeterProvider", None)
    return list(getattr(provider, "_all_metric_readers", ()))


def _consumers() -> list[Any]:
    """Who collects for the readers; each has one lock that it holds as long as that takes."""
    found = (getattr(getattr(reader, "_collect", None), "__self__", None) for reader in _readers())
    return list({id(one): one for one in found if hasattr(getattr(one, "_lock", None), "acquire")}.values())


def _before() -> None:
    _held.locks, until = [], time.monotonic() + MOST_SECONDS
    with suppress(Exception):  # of whatever meter provider: a fork goes on without this
        for consumer in _consumers():
            acquired = consumer._lock.acquire(timeout=max(0.0, until - time.monotonic()))
            _held.locks += [(consumer, acquired)]


def _in_parent() -> None:
    for consumer, acquired in _held.locks:
        if acquired:
            with suppress(RuntimeError):
                consumer._lock.release()
    _held.locks = []


def _in_child() -> None:
    for consumer, _ in _held.locks:
        consumer._lock = threading.Lock()
    _held.locks = []
    for reader in _readers():
        if hasattr(reader, "_export_lock"):
            reader._export_lock = threading.Lock()


def watch() -> None:
    """From now on. Idempotent; also as a forked child."""
    global _watching
    if not _watching and hasattr(os, "register_at_fork"):
        _watching = True
        os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)


_watching = False
