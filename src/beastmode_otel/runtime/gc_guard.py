"""Whether the garbage collector is at work on this thread: then nothing may be recorded.

SDKs read sync streams in generators. One that is found in a reference cycle is closed by the collector, which may run
inside a lock of the telemetry SDK that this very thread holds: recording there would block it for ever.
"""

from __future__ import annotations

import gc
import threading
from typing import Any

_thread: int | None = None  # there is one collection at a time


def watch() -> None:
    """From now on `is_collecting` knows. Idempotent; costs two short calls for each collection."""
    if _told not in gc.callbacks:
        gc.callbacks.append(_told)


def is_collecting() -> bool:
    return _thread is not None and _thread == threading.get_ident()


def _told(phase: str, info: dict[str, Any]) -> None:
    global _thread
    _thread = threading.get_ident() if phase == "start" else None
