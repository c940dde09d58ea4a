"""The way of one request through its route: which attempt is next, and the error when none is left."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from beastmode_otel.attempts.failures import Failure
from beastmode_otel.config.settings import Deployment, Retry, Route, Target
from beastmode_otel.errors import AttemptRecord, BeastModeError, Context, RequestError, UpstreamError, raised_by_signal
from beastmode_otel.observer import RequestScope, Saving
from beastmode_otel.router.attempt import Attempt
from beastmode_otel.router.health import Health
from beastmode_otel.router.http_request import Call, Services, endpoint_of

if TYPE_CHECKING:
    from beastmode_otel.wire import Usage


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
        self._patience = retry.patience

    def first(self, now: float) -> NextTry | None:
        """The deployment to begin with; None when every breaker is open."""
        return self._next(now)

    def after(self, failed: NextTry, failure: Failure, now: float, left: float) -> NextTry | None:
        """What to do after a failure, with `left` seconds of the total timeout; None: raise the error."""
        if left <= 0:
            return None
        wait = self._wait(failure)
        retry = self._may_retry(failure) and wait < left and wait <= self._retry.max_wait
        kind = failure.error.category
        fallback = kind.fallback
        # Who is silent has had its time, and a provider that asks for patience is left in peace, unless we have some.
        leave = not retry or kind.silent or (failure.retry_after and wait > self._patience)
        if fallback and leave and (elsewhere := self._next(now)):
            return elsewhere
        if retry and self._health.admit(failed.deployment.name, now):
            self._patience -= failure.retry_after or 0.0
            return NextTry(deployment=failed.deployment, wait=wait, retry=True)
        return self._next(now) if fallback else None

    def after_cut(self, failed: NextTry, failure: Failure, now: float, left: float) -> NextTry | None:
        """Whom to ask for a whole answer when one has broken off: another deployment, or, without one, the same."""
        elsewhere = self._next(now) if left > 0 and failure.error.category.fallback else None
        return elsewhere or self.after(failed, failure, now, left)

    def has_spare(self, now: float) -> bool:
        """Whether another deployment can answer, should the one that is asked now not."""
        return any(self._health.can_answer(deployment.name, now) for deployment in self._left)

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


class AttemptSequence:
    """Opens attempts one after the other. `records` holds those that have ended, also after a failure."""

    def __init__(self, services: Services, call: Call, scope: RequestScope) -> None:
        self._services, self._call, self._scope = services, call, scope
        self._attempts: list[Attempt] = []
        self._last_try: NextTry | None = None
        self._retry_plan = RetryPlan(
            call.route, health=services.health, retry=services.config.retry, rng=services.rng, now=services.clock()
        )

    @property
    def records(self) -> tuple[AttemptRecord, ...]:
        return tuple(attempt.record for attempt in self._attempts if attempt.record is not None)

    @property
    def begun(self) -> int:
        return len(self._attempts)

    def first(self) -> Attempt:
        """The first attempt, not yet sent. Raises RequestError when every deployment rests."""
        next_try = self._retry_plan.first(self._services.clock())
        if next_try is None:
            raise self._nobody()
        return self._take(next_try)

    @property
    def restarts(self) -> bool:
        """Whether a stream that fails after content begins anew, instead of raising."""
        return (self._call.route.on_cut or self._services.config.retry.on_cut) == "restart"

    async def again(self, failed: Attempt, error: UpstreamError, *, cut: bool = False) -> Attempt:
        """The next attempt after a failure, when there is one; else raises `error`, with every attempt in it.

        cut: it fails after content.
        """
        await failed.release()
        next_try = self._next_try(failed, cut=cut)
        if next_try is None:
            raise self.final(error)
        await self._wait(failed, next_try)
        return self._take(next_try)

    def final(self, error: BeastModeError) -> BeastModeError:
        """`error` as the caller gets it."""
        error.context = replace(error.context, attempts=self.records)
        return error

    def saving(self, usage: Usage | None, cost: float | None) -> Saving | None:
        """What the route's reference model would have cost more for the same tokens; None when it would not."""
        reference, last_try = self._call.route.reference_model, self._last_try
        if reference is None or usage is None or cost is None or last_try is None:
            return None
        provider = last_try.deployment.provider
        instead = self._services.prices.cost(reference, provider, usage)
        saved = None if instead is None else instead - cost
        return Saving(by="routing", provider=provider, cost=saved) if saved and saved > 0 else None

    def _next_try(self, failed: Attempt, *, cut: bool) -> NextTry | None:
        if self._last_try is None or failed.failure is None or failed.cut_off:
            return None
        now = self._services.clock()
        after = self._retry_plan.after_cut if cut else self._retry_plan.after
        return after(self._last_try, failed.failure, now, self._call.deadline - now)

    async def _wait(self, failed: Attempt, next_try: NextTry) -> None:
        observer = self._services.observer
        if next_try.retry:
            failure: Failure | None = failed.failure
            if failure is not None:
                observer.retried(next_try.deployment.name, failure.error.category)
        else:
            observer.fell_back(failed.deployment.name, next_try.deployment.name)
        if next_try.wait > 0:
            await self._sleep(next_try)

    async def _sleep(self, next_try: NextTry) -> None:
        try:
            await self._services.runtime.sleep(next_try.wait)
        except BaseException:
            self._services.health.unknown(next_try.deployment.name)  # it was admitted, perhaps as a probe
            raise

    def _take(self, next_try: NextTry) -> Attempt:
        self._last_try = next_try
        try:
            attempt = Attempt(
                self._services,
                self._call,
                next_try.deployment,
                len(self._attempts) + 1,
                self._scope,
                spare=self._call.stream and self._retry_plan.has_spare(self._services.clock()),
            )
        except BaseException as exc:
            self._services.health.unknown(next_try.deployment.name)  # it was admitted, perhaps as a probe
            if not isinstance(exc, TypeError | ValueError | RecursionError) or raised_by_signal(exc):
                raise
            raise RequestError(
                f"the request cannot be written as JSON: {type(exc).__name__}",
                context=Context(model=self._call.model_id, deployment=next_try.deployment.name),
                hints=("use only dicts with string keys, lists, strings, finite numbers, booleans and None",),
            ) from exc
        self._attempts.append(attempt)
        return attempt

    def _nobody(self) -> RequestError:
        health, now = self._services.health, self._services.clock()
        deployments = [target.deployment for target in self._call.route.targets]
        wait, deployment = min((health.reopens_in(item.name, now), item.name) for item in deployments)
        return RequestError(
            f"{self._call.model_id}: no deployment available, every breaker is open",
            category="circuit_open",
            context=Context(
                model=self._call.model_id,
                deployment=deployment,
                endpoint=next(endpoint_of(item) for item in deployments if item.name == deployment),
                retry_after=wait,
            ),
            hints=(f"{deployment} is the next to be tried again, after retry_after seconds; its last errors say why",),
        )
