"""Each deployment's breaker and rest. Decisions only: the clock is an argument, waiting is somebody else's."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from beastmode_otel.config.settings import Breaker
from beastmode_otel.errors import Category
from beastmode_otel.observer import DeploymentState
from beastmode_otel.runtime import in_child

# A Retry-After of years is a provider's mistake; without a bound it would take the deployment out of use for good.
_LONGEST_REST = 3600.0


@dataclass(slots=True)
class _Record:
    state: DeploymentState = "closed"
    failures: int = 0
    reopens: float = 0.0
    cooldown: float = 0.0
    probing: bool = False
    probed: float = 0.0
    rests_until: float = 0.0


class Health:
    """Which deployments may be asked. Thread-safe.

    - closed: asked. After `failures` health errors in a row: open.
    - open: not asked until its cooldown is over; then half_open, and one single request may try it.
    - half_open: a success closes it, a health error opens it again with twice the cooldown.
    - A request error (4xx) proves that the deployment answers; a cancellation and our own limits prove nothing.
    - resting (after Retry-After or exhausted quota): still asked, but after all others, for an hour at most.
    """

    def __init__(self, policy: Breaker, tell: Callable[[str, DeploymentState], None]) -> None:
        self._policy, self._tell = policy, tell
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._records: dict[str, _Record] = {}
        self._lock = threading.Lock()

    def know(self, name: str) -> None:
        """Make a deployment known, so that its state is visible before its first request."""
        with self._lock:
            if name in self._records:
                return
            self._records[name] = _Record()
        self._tell(name, "closed")

    def admit(self, name: str, now: float) -> bool:
        """Whether a request may be sent to it now. True in half_open is a probe: its result must be told."""
        self.know(name)
        with self._lock:
            record = self._records[name]
            if record.state == "closed":
                return True
            if record.probing or now < record.reopens:
                return False
            record.probing, record.probed = True, now
            changed = record.state != "half_open"
            record.state = "half_open"
        if changed:
            self._tell(name, "half_open")
        return True

    def resting(self, name: str, now: float) -> bool:
        with self._lock:
            record = self._records.get(name)
            return record is not None and now < record.rests_until

    def reopens_in(self, name: str, now: float) -> float:
        """Seconds until it may be asked again; 0 when it may."""
        with self._lock:
            record = self._records.get(name)
            return 0.0 if record is None or record.state == "closed" else max(0.0, record.reopens - now)

    def succeeded(self, name: str) -> None:
        self.know(name)
        with self._lock:
            record = self._records[name]
            changed = record.state != "closed"
            self._records[name] = _Record(rests_until=record.rests_until)
        if changed:
            self._tell(name, "closed")

    def failed(
        self,
        name: str,
        category: Category,
        now: float,
        retry_after: float | None = None,
        *,
        started: float = math.inf,
    ) -> None:
        """started: when the request was sent; one from before the probe decides nothing about the probe."""
        rest = category.rest if retry_after is None else min(retry_after, _LONGEST_REST)
        self.know(name)
        with self._lock:
            record = self._records[name]
            record.rests_until = max(record.rests_until, now + rest) if rest else record.rests_until
        if category.trips:
            self._count(name, now, started)
        elif category.proves_nothing:
            self.unknown(name, started)
        else:
            self.succeeded(name)

    def unknown(self, name: str, started: float = math.inf) -> None:
        """A request ended without a failure (cancelled, abandoned): a probe gives its place back."""
        with self._lock:
            record = self._records.get(name)
            if record is not None and started >= record.probed:
                record.probing = False

    def _count(self, name: str, now: float, started: float) -> None:
        with self._lock:
            record = self._records[name]
            record.failures += 1
            the_probe = started >= record.probed
            half_open = record.state == "half_open" and record.probing and the_probe
            opens = half_open or (record.state == "closed" and record.failures >= self._policy.failures)
            if opens:
                doubled = min(record.cooldown * 2, self._policy.max_cooldown)
                record.cooldown = doubled if half_open else self._policy.cooldown
                record.reopens = now + record.cooldown
                record.state = "open"
            record.probing = record.probing and not the_probe
        if opens:
            self._tell(name, "open")
