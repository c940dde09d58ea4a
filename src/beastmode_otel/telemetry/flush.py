"""Flushing and shutting down in bounded time: an exporter may hang in a dead connection, its caller must not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

_log = logging.getLogger("beastmode_otel")


def all_in_time(works: Sequence[Callable[[], object]], seconds: float) -> bool:
    """Run them at the same time. False when one raised, said False, or was not done in time (it is left behind)."""
    results: list[bool] = []
    threads = [threading.Thread(target=_run, args=(work, results), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return len(results) == len(works) and all(results)


def _run(work: Callable[[], object], results: list[bool]) -> None:
    try:
        results.append(work() is not False)
    except Exception:  # noqa: BLE001  (an exporter may raise anything; a flush reports, it does not break a shutdown)
        _log.warning("flushing telemetry failed", exc_info=True)
        results.append(False)
