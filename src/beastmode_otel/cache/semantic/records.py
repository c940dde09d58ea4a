"""What became of searches for similar questions, as lines of a file to calibrate on: numbers, and nobody's text."""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from beastmode_otel.observer import JudgementSource, MatchOutcome
from beastmode_otel.runtime import PoolFull, WorkerPool, in_child

_log: Final = logging.getLogger("beastmode_otel")

MOST_BYTES: Final = 64 * 1024 * 1024  # of the file: about 800,000 requests


class Records:
    """A line for each search, and for each judgement of what a search found. Processes may share the file.

    Written by a thread of its own, off every request's way; what that cannot keep up with is left out. A file that
    cannot be written to, or is full, is told once in the log, and nothing more is written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).expanduser()
        self._pool = WorkerPool("records", size=1, backlog=1_000, at_exit=0.5)
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._lock, self._over = threading.Lock(), False

    def searched(self, outcome: MatchOutcome) -> None:
        self._write({"verdict": outcome.verdict, "similarity": outcome.similarity, "guard": outcome.guard})

    def judged(self, similarity: float, agree: bool, source: JudgementSource) -> None:
        self._write({"similarity": similarity, "agree": agree, "source": source})

    def _write(self, told: dict[str, Any]) -> None:
        if self._over:
            return
        kept = {key: round(value, 4) if isinstance(value, float) else value for key, value in told.items()}
        line = json.dumps({key: value for key, value in kept.items() if value is not None}) + "\n"
        with suppress(PoolFull):
            self._pool.submit(lambda: self._append(line.encode()))

    def _append(self, line: bytes) -> None:
        try:
            # Opened each time: the file may be taken away for calibration, and a child after fork has its own.
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
            try:
                if os.fstat(descriptor).st_size >= MOST_BYTES:
                    raise OSError("it is full")
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as exc:
            with self._lock:
                first, self._over = not self._over, True
            if first:
                _log.warning("cache.semantic.records is not written to any more: %s", exc.strerror or exc)

    def close(self) -> None:
        """What was told is written. Idempotent."""
        self._pool.close(0.5)
