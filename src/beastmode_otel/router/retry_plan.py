"""What to try next: the order of deployments, retry and fallback as decisions without I/O."""

from __future__ import annotations

import random
from dataclasses import dataclass

from beastmode_otel.attempts.failures import Failure
from beastmode_otel.config import Deployment, Retry, Route, Target
from beastmode_otel.router.health import Health


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTry:
    """Try `deployment` after `wait` seconds. retry: it is the one that has just failed."""

    deployment: Deployment
    wait: float = 0.0
    retry: bool = False


def ordered(targets: tuple[Target, ...], rng: random.Random) -> list[Target]:
    """Targets in the order of trying: by `order`, within one order drawn by weight without replacement."""
    # The first of several exponential clocks of rates w rings with probability w / sum (Efraimidis and Spirakis, 2006).
    return sorted(targets, key=lambda target: (target.order, rng.expovariate(target.weight)))


class RetryPlan:
    """The deployments that one request may still try. Used by one request, from one thread at a time."""

    def __init__(self, route: Route, *, health: Health, retry: Retry, rng: random.Random, now: float) -> None:
        self._health, self._retry, self._rng = health, retry, rng
        targets = route.targets if len(route.targets) == 1 else ordered(route.targets, rng)
        self._left = [target.deployment for target in targets]
        if len(self._left) > 1:
            self._left.sort(key=lambda deployment: health.resting(deployment.name, now))
        self._tries = 0

    def first(self, now: float) -> NextTry | None:
        """The deployment to begin with; None when every breaker is open."""
        return self._next(now)

    def after(self, failed: NextTry, failure: Failure, now: float, left: float) -> NextTry | None:
        """What to do after a failure, with `left` seconds of the total timeout; None: raise the error."""
        if left <= 0:
            return None
        wait = self._wait(failure)
        retry = self._may_retry(failure) and wait < left and wait <= self._retry.max_wait
        fallback = failure.error.category.fallback
        # A provider that asks for patience is left in peace while another deployment can answer at once.
        if fallback and (not retry or failure.retry_after) and (elsewhere := self._next(now)):
            return elsewhere
        if retry and self._health.admit(failed.deployment.name, now):
            return NextTry(deployment=failed.deployment, wait=wait, retry=True)
        return self._next(now) if fallback else None

    def _next(self, now: float) -> NextTry | None:
        while self._left:
            deployment = self._left.pop(0)
            if self._health.admit(deployment.name, now):
                self._tries = 1
                return NextTry(deployment=deployment)
        return None

    def _may_retry(self, failure: Failure) -> bool:
        limit = (
            self._retry.per_deployment if failure.retries is None else min(failure.retries, self._retry.per_deployment)
        )
        if failure.asked is not None:
            limit = self._retry.per_deployment if failure.asked else 0
        if self._tries > limit:
            return False
        self._tries += 1
        return True

    def _wait(self, failure: Failure) -> float:
        if failure.retry_after is not None:
            return failure.retry_after
        ceiling = min(self._retry.cap, self._retry.base * 2.0 ** min(self._tries - 1, 64))
        return self._rng.uniform(0.0, ceiling)
