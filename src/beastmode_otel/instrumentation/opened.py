"""The calls whose bodies are still being read."""

from __future__ import annotations

import time
from typing import Any

from beastmode_otel.engine import OpenStreams
from beastmode_otel.runtime import in_child


class OpenCalls(OpenStreams[Any]):
    """Those of this process: what was open at a fork is the parent's, and its end is told there only."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        in_child(self._forget)

    def _forget(self) -> None:
        for call, _ in self._open.values():
            call.done = True
        self._open.clear()
        self._orphans.clear()
