"""How the run goes, from its own metrics: one line that changes on a terminal, else a line every few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TextIO

from beastmode_otel import semconv
from beastmode_otel.cli.report.reading import Reading, answered, quantiles
from beastmode_otel.cli.terminal import Style
from beastmode_otel.cli.units import seconds as shown

_TERMINAL_PAUSE: Final = 0.2
_PIPED_PAUSE: Final = 5.0
_BAR: Final = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """read: the metrics as they are now. seconds: how long the run takes."""

    out: TextIO
    style: Style
    seconds: float
    read: Callable[[], Reading]

    async def show(self) -> None:
        """Until it is cancelled."""
        terminal, began = self.out.isatty(), time.monotonic()
        try:
            while True:
                await asyncio.sleep(_TERMINAL_PAUSE if terminal else _PIPED_PAUSE)
                line = self._line(time.monotonic() - began)
                self.out.write(f"\r{line.ljust(self.style.width - 1)}" if terminal else f"{line}\n")
                self.out.flush()
        finally:
            if terminal:
                self.out.write(f"\r{' ' * (self.style.width - 1)}\r")

    def _line(self, elapsed: float) -> str:
        reading = self.read()
        p95 = quantiles(answered(reading, semconv.REQUEST_DURATION, {})).p95
        parts = (
            f"{min(elapsed, self.seconds):4.1f} s {self.style.bar(elapsed / self.seconds, _BAR)}",
            f"{reading.count(semconv.REQUESTS_STARTED):5,} requests",
            f"{reading.count(semconv.REQUESTS_ACTIVE):3} active",
            f"{reading.count(semconv.ERRORS):4,} errors",
            f"P95 {shown(p95)}",
        )
        return "  ".join(parts)[: self.style.width - 1]
