"""A job: one result on its way, for which asyncio tasks and threads alike can wait."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


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
