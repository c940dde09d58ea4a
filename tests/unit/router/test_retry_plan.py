"""What is tried next: retries, fallbacks and waits, decided without any I/O."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from beastmode_otel.attempts.failures import Failure
from beastmode_otel.config import Breaker, Deployment, Retry, Route, Target
from beastmode_otel.errors import CATEGORIES, UpstreamError, category
from beastmode_otel.router.attempt_sequence import NextTry, RetryPlan
from beastmode_otel.router.health import Health

EVERY = pytest.mark.parametrize("name", CATEGORIES)
LEFT = 100.0
RETRY = Retry()


def deployment(name: str) -> Deployment:
    return Deployment(name=name, kind="openai", base_url=f"https://{name}/v1")


def failure(name: str = "server_error", *, asked: bool | None = None, retry_after: float | None = None) -> Failure:
    kind = category(name)
    error = UpstreamError("failed", category=kind)
    return Failure(error=error, retries=kind.retries, asked=asked, retry_after=retry_after)


class Trip:
    """One request's plan over deployments `a`, `b`, …, in this order; breakers that do not open unless told."""

    def __init__(self, names: str = "a", *, retry: Retry = RETRY, failures: int = 1000, seed: int = 7) -> None:
        self.health = Health(Breaker(failures=failures), lambda name, state: None)
        route = Route(
            name="chat",
            targets=tuple(Target(deployment=deployment(name), order=place) for place, name in enumerate(names)),
        )
        self.plan = RetryPlan(route, health=self.health, retry=retry, rng=random.Random(seed), now=0.0)
        self.step: NextTry | None = self.plan.first(0.0)

    def fail(self, said: Failure, left: float = LEFT) -> str | None:
        """The deployment that is tried next, with `+` when it is a retry; None: the error is raised."""
        assert self.step is not None
        self.step = self.plan.after(self.step, said, 0.0, left)
        return self.step and self.step.deployment.name + ("+" if self.step.retry else "")

    def until_the_end(self, said: Failure) -> list[str]:
        found: list[str] = []
        while (name := self.fail(said)) is not None:
            found.append(name)
        return found


# Which deployment goes first.


def test_the_first_step_waits_for_nothing():
    step = Trip("ab").step
    assert step == NextTry(deployment=deployment("a"), wait=0.0, retry=False)


def open_breaker(health: Health, name: str) -> None:
    while health.admit(name, 0.0):
        health.failed(name, category("server_error"), 0.0)


def planned(health: Health, names: str, now: float = 0.0) -> RetryPlan:
    targets = tuple(Target(deployment=deployment(name), order=place) for place, name in enumerate(names))
    return RetryPlan(Route(name="chat", targets=targets), health=health, retry=Retry(), rng=random.Random(7), now=now)


def told_nothing() -> Health:
    return Health(Breaker(failures=1), lambda name, state: None)


def first(plan: RetryPlan, now: float = 0.0) -> str | None:
    step = plan.first(now)
    return step and step.deployment.name


def test_a_deployment_whose_breaker_is_open_is_passed_over():
    health = told_nothing()
    open_breaker(health, "a")
    assert first(planned(health, "ab")) == "b"


def test_there_is_no_first_step_when_every_breaker_is_open():
    health = told_nothing()
    for name in "ab":
        open_breaker(health, name)
    assert first(planned(health, "ab")) is None


def test_a_resting_deployment_is_tried_last_and_still_tried():
    health = told_nothing()
    health.failed("a", category("quota_exhausted"), 0.0)
    plan = planned(health, "abc")
    step = plan.first(0.0)
    seen = []
    while step is not None:
        seen.append(step.deployment.name)
        step = plan.after(step, failure("authentication_error"), 0.0, LEFT)
    assert seen == ["b", "c", "a"]


def test_a_rest_that_is_over_is_forgotten():
    health = told_nothing()
    health.failed("a", category("quota_exhausted"), 0.0)
    assert first(planned(health, "ab", now=59.9), 59.9) == "b"
    assert first(planned(health, "ab", now=60.1), 60.1) == "a"


def test_a_single_deployment_is_asked_although_it_rests():
    health = told_nothing()
    health.failed("a", category("quota_exhausted"), 0.0)
    assert first(planned(health, "a")) == "a"


# How often.


@pytest.mark.parametrize("limit", [0, 1, 2, 5])
def test_a_deployment_is_tried_again_as_often_as_the_settings_say(limit: int):
    assert Trip(retry=Retry(per_deployment=limit)).until_the_end(failure()) == ["a+"] * limit


def test_a_category_may_ask_for_fewer_retries_but_not_for_more():
    assert category("read_timeout").retries == 1
    assert Trip(retry=Retry(per_deployment=5)).until_the_end(failure("read_timeout")) == ["a+"]
    assert Trip(retry=Retry(per_deployment=0)).until_the_end(failure("read_timeout")) == []


def test_every_deployment_has_retries_of_its_own():
    tried = Trip("abc", retry=Retry(per_deployment=2)).until_the_end(failure())
    assert tried == ["a+", "a+", "b", "b+", "b+", "c", "c+", "c+"]


def test_thousands_of_retries_are_no_overflow():
    assert len(Trip(retry=Retry(per_deployment=3000, base=0.0)).until_the_end(failure())) == 3000


@EVERY
def test_a_single_deployment_is_retried_as_its_category_says(name: str):
    kind = category(name)
    retries = 2 if kind.retries is None else min(2, kind.retries)
    assert Trip("a", retry=Retry(per_deployment=2)).until_the_end(failure(name)) == ["a+"] * retries


@EVERY
def test_another_deployment_is_tried_only_where_the_category_allows_it(name: str):
    kind = category(name)
    retries = ["a+"] * (0 if kind.silent else 2 if kind.retries is None else min(2, kind.retries))
    tried = Trip("ab", retry=Retry(per_deployment=2)).until_the_end(failure(name))
    assert tried[: len(retries) + 1] == [*retries, "b"] if kind.fallback else tried == retries


# What the provider asks for.


@EVERY
def test_x_should_retry_false_means_never_again_here(name: str):
    kind = category(name)
    tried = Trip("ab").until_the_end(failure(name, asked=False))
    assert tried == (["b"] if kind.fallback else [])


@EVERY
def test_x_should_retry_true_overrides_the_category_within_the_settings(name: str):
    assert Trip("a", retry=Retry(per_deployment=3)).until_the_end(failure(name, asked=True)) == ["a+"] * 3


def test_whom_asks_for_patience_is_left_in_peace_while_another_can_answer_at_once():
    trip = Trip("ab")
    assert trip.fail(failure("rate_limited", retry_after=5.0)) == "b"
    assert trip.step is not None
    assert trip.step.wait == 0.0


def test_the_last_one_is_waited_for_as_long_as_it_asks():
    trip = Trip("ab")
    trip.fail(failure("rate_limited", retry_after=5.0))
    assert trip.fail(failure("rate_limited", retry_after=7.5)) == "b+"
    assert trip.step is not None
    assert trip.step.wait == 7.5


def test_with_patience_a_short_wait_is_made_although_another_could_answer():
    trip = Trip("ab", retry=Retry(patience=2.0))
    assert trip.fail(failure("rate_limited", retry_after=2.0)) == "a+"
    assert trip.step is not None
    assert trip.step.wait == 2.0
    assert trip.fail(failure("rate_limited", retry_after=0.5)) == "b"  # it was for all waits together
    assert Trip("ab", retry=Retry(patience=2.0)).fail(failure("rate_limited", retry_after=2.1)) == "b"
    assert Trip("ab", retry=Retry(patience=2.0)).fail(failure("quota_exhausted", retry_after=1.0)) == "b"


def test_patience_is_no_reason_to_retry_more_often():
    retry = Retry(patience=60.0, per_deployment=1)
    assert Trip("ab", retry=retry).until_the_end(failure("rate_limited", retry_after=1.0)) == ["a+", "b", "b+"]


def test_who_is_silent_is_not_asked_again_while_another_can_answer():
    assert Trip("ab").until_the_end(failure("read_timeout")) == ["b", "b+"]
    assert Trip("ab").until_the_end(failure("first_token_timeout")) == ["b"]
    trip = Trip("ab", failures=1)
    trips(trip, "b", 1)
    assert trip.fail(failure("read_timeout")) == "a+"


def test_a_spare_is_a_deployment_that_is_left_and_well():
    trip = Trip("ab", failures=1)
    assert trip.plan.has_spare(0.0)
    trip.health.failed("b", category("rate_limited"), 0.0, retry_after=5.0)
    assert [trip.plan.has_spare(now) for now in (0.0, 5.0)] == [False, True]
    trips(trip, "b", 1)
    assert not trip.plan.has_spare(5.0)
    assert not Trip("a").plan.has_spare(0.0)
    last = Trip("ab")
    last.fail(failure("authentication_error"))
    assert not last.plan.has_spare(0.0)


def test_a_retry_after_of_zero_is_no_reason_to_leave():
    trip = Trip("ab")
    assert trip.fail(failure("rate_limited", retry_after=0.0)) == "a+"
    assert trip.step is not None
    assert trip.step.wait == 0.0


def test_a_wait_longer_than_max_wait_is_not_made():
    retry = Retry(max_wait=10.0)
    assert Trip("a", retry=retry).fail(failure("rate_limited", retry_after=10.0)) == "a+"
    assert Trip("a", retry=retry).fail(failure("rate_limited", retry_after=10.1)) is None
    assert Trip("ab", retry=retry).fail(failure("rate_limited", retry_after=3600.0)) == "b"


def test_an_error_without_fallback_is_waited_out_with_the_same_deployment():
    assert Trip("ab").fail(failure("invalid_request", asked=True, retry_after=2.0)) == "a+"


# The total timeout.


def test_no_wait_that_the_total_timeout_would_cut_short():
    assert Trip("a").fail(failure(retry_after=5.0), left=5.1) == "a+"
    assert Trip("a").fail(failure(retry_after=5.0), left=5.0) is None
    assert Trip("ab").fail(failure(retry_after=5.0), left=4.0) == "b"


@pytest.mark.parametrize("left", [0.0, -1.0])
@EVERY
def test_nothing_more_is_tried_when_no_time_is_left(name: str, left: float):
    assert Trip("ab").fail(failure(name), left=left) is None
    assert Trip("ab").fail(failure(name, asked=True, retry_after=0.0), left=left) is None


# Waiting.


def waits_of(retry: Retry, count: int) -> list[list[float]]:
    """For each retry in a row, the waits that were drawn for it."""
    found: list[list[float]] = [[] for _ in range(count)]
    for seed in range(300):
        trip = Trip("a", retry=retry, seed=seed)
        for place in range(count):
            trip.fail(failure())
            assert trip.step is not None
            found[place].append(trip.step.wait)
    return found


def test_waits_are_drawn_between_zero_and_a_ceiling_that_doubles_up_to_the_cap():
    retry = Retry(per_deployment=6, base=0.5, cap=4.0)
    for waits, ceiling in zip(waits_of(retry, 6), (0.5, 1.0, 2.0, 4.0, 4.0, 4.0), strict=True):
        assert 0.0 <= min(waits) < 0.1 * ceiling
        assert 0.9 * ceiling < max(waits) <= ceiling
        assert sum(waits) / len(waits) == pytest.approx(ceiling / 2, rel=0.15)


# Breakers on the way.


def trips(trip: Trip, name: str, times: int) -> None:
    for _ in range(times):
        trip.health.failed(name, category("server_error"), 0.0)


def test_a_deployment_whose_breaker_has_just_opened_is_not_retried():
    trip = Trip("ab", failures=1)
    trips(trip, "a", 1)
    assert trip.fail(failure()) == "b"
    trips(trip, "b", 1)
    assert trip.fail(failure()) is None


def test_a_deployment_that_opened_meanwhile_is_passed_over_on_the_way_to_the_next():
    trip = Trip("abc", failures=1)
    trips(trip, "b", 1)
    assert trip.fail(failure("authentication_error")) == "c"


def tried_with(names: str, errors: Sequence[str]) -> list[str | None]:
    trip = Trip(names, retry=Retry(per_deployment=1))
    return [trip.fail(failure(name)) for name in errors]


@pytest.mark.parametrize(
    ("errors", "tried"),
    [
        (["server_error", "authentication_error", "rate_limited"], ["a+", "b", "b+"]),
        (["authentication_error", "invalid_request"], ["b", None]),
        (["context_length_exceeded", "context_length_exceeded"], ["b", None]),
        (["connection_refused", "connection_refused", "dns_error"], ["a+", "b", None]),
        (["server_error", "total_timeout"], ["a+", None]),
    ],
)
def test_mixed_errors(errors: list[str], tried: list[str | None]):
    assert tried_with("ab", errors) == tried
