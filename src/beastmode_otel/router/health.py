"""Each deployment's breaker and rest. Decisions only: the clock is an argument, waiting is somebody else's."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from beastmode_otel.config.settings import Breaker
from beastmode_otel.errors import Category
from beastmode_otel.observer import DeploymentState
from beastmode_otel.runtime import in_child

# A Retry-After of years is a provider's mistake; without a bound it would take the deployment out of use for good.
_LONGEST_REST = 3600.0
# Many processes that saw the same outage do not all come back in the same moment. Added only: probes are never faster
# than one each cooldown, and never later than a tenth of it.
_SPREAD = 0.1


@dataclass(slots=True)
class _Record:
    state: DeploymentState = "closed"
    failures: int = 0
    reopens: float = 0.0
    before: float = 0.0  # what `reopens` was before the last probe, which may never be sent
    probed: float = -math.inf
    probing: bool = False
    rests_until: float = 0.0
    answered: float = -math.inf  # when the latest request was sent that had an answer


class Health:
    """Which deployments may be asked. Thread-safe.

    - closed: asked. After `failures` health errors in a row: open.
    - open: not asked until its cooldown is over; then half_open, and one single request may try it.
    - half_open: a success closes it, a health error opens it again. However long that goes on, one probe is sent each
      cooldown, with a little jitter: counted from the start of the one before, since a probe may hang for a minute.
    - A request error (4xx) proves that the deployment answers; a cancellation and our own limits prove nothing.
    - resting (after Retry-After or exhausted quota): still asked, but after all others, for an hour at most. A
      Retry-After beside a health error also puts off the next probe; both for `max_cooldown` at most, or a provider
      that asks for hours in a short outage would be left for hours.
    - draw: uniform in [0, 1).
    """

    def __init__(
        self,
        policy: Breaker,
        tell: Callable[[str, DeploymentState], None],
        *,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._policy, self._tell, self._draw = policy, tell, draw
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
            if now < record.reopens:
                return False
            record.before, record.reopens = record.reopens, now + self._cooldown()
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

    def can_answer(self, name: str, now: float) -> bool:
        """Whether it is well, as far as anybody knows: asked without reserve. A probe is none."""
        with self._lock:
            record = self._records.get(name)
            return record is None or (record.state == "closed" and now >= record.rests_until)

    def reopens_in(self, name: str, now: float) -> float:
        """Seconds until it may be asked again; 0 when it may."""
        with self._lock:
            record = self._records.get(name)
            return 0.0 if record is None or record.state == "closed" else max(0.0, record.reopens - now)

    def succeeded(self, name: str, started: float = -math.inf) -> None:
        """started: when the request was sent."""
        self.know(name)
        with self._lock:
            record = self._records[name]
            changed = record.state != "closed"
            answered = max(record.answered, started)
            self._records[name] = _Record(rests_until=record.rests_until, answered=answered)
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
        sent: bool = False,
    ) -> None:
        """started: when the request was sent. One from before the probe decides nothing about the probe, and one from
        before an answer is no news: what hung in an outage does not rest the deployment again after it. sent: see
        `unknown`."""
        longest = self._policy.max_cooldown if category.trips else _LONGEST_REST
        asked = 0.0 if retry_after is None else min(retry_after, longest)
        rest = category.rest if retry_after is None else asked
        self.know(name)
        with self._lock:
            record = self._records[name]
            record.rests_until = max(record.rests_until, now + rest) if rest else record.rests_until
        if category.trips:
            self._count(name, now, started, asked)
        elif category.proves_nothing:
            self.unknown(name, started, sent=sent)
        else:
            self.succeeded(name, started if math.isfinite(started) else -math.inf)

    def unknown(self, name: str, started: float = math.inf, *, sent: bool = False) -> None:
        """A request ended without a failure (cancelled, abandoned).

        A probe that was never sent gives its place back at once. One that was has cost its caller the wait, and
        the deployment the work: the next is due when it would be after a failure.
        """
        with self._lock:
            record = self._records.get(name)
            if record is None or not record.probing or started < record.probed:
                return
            record.probing = False
            if not sent:
                record.reopens = record.before

    def _cooldown(self) -> float:
        return self._policy.cooldown * (1.0 + _SPREAD * self._draw())

    def _count(self, name: str, now: float, started: float, asked: float) -> None:
        with self._lock:
            record = self._records[name]
            if record.state == "closed" and started < record.answered:
                return
            record.failures += 1
            the_probe = record.probing and started >= record.probed
            fails_again = record.state == "half_open" and the_probe
            opens = fails_again or (record.state == "closed" and record.failures >= self._policy.failures)
            if opens:
                # After a probe the next is due already: one each cooldown, however long the one before took to fail.
                due = record.reopens if fails_again else now + self._cooldown()
                record.reopens = max(due, now + asked)
                record.state = "open"
            record.probing = record.probing and not the_probe
        if opens:
            self._tell(name, "open")
