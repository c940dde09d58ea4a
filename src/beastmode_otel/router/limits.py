"""The time limits of one attempt: what is left, and which one is over. The clock is handed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from beastmode_otel.config import Timeouts

LimitName = Literal["first_token_timeout", "total_timeout"]
_SLACK = 0.001  # timers fire a little early


class Limits:
    """first_token holds from the attempt's start until `token_came`, total for the whole request."""

    def __init__(self, clock: Callable[[], float], timeouts: Timeouts, *, deadline: float, stream: bool) -> None:
        self._clock, self._timeouts, self._deadline = clock, timeouts, deadline
        self.started = clock()
        self._waits_for_token = stream

    def token_came(self) -> None:
        self._waits_for_token = False

    def left(self) -> float:
        """Seconds until the next limit; 0 when one is over."""
        now = self._clock()
        left = self._deadline - now
        if self._waits_for_token:
            left = min(left, self.started + self._timeouts.first_token - now)
        return max(0.0, left)

    @property
    def over(self) -> bool:
        return self.left() <= _SLACK

    def which(self) -> tuple[LimitName, float]:
        """The limit that is over, or will be next, and its seconds."""
        first_token = self.started + self._timeouts.first_token
        if self._waits_for_token and first_token < self._deadline and self._clock() < self._deadline - _SLACK:
            return "first_token_timeout", self._timeouts.first_token
        return "total_timeout", self._timeouts.total

    def elapsed(self) -> float:
        return self._clock() - self.started
