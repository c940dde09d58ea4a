"""The deadlines of one attempt, on a clock that the test moves."""

from __future__ import annotations

import pytest

from beastmode_otel.config import Timeouts
from beastmode_otel.router.attempt_http import Deadlines

TIMEOUTS = Timeouts(first_token=30.0, total=120.0)


class Clock:
    now = 500.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def deadlines(clock: Clock, *, total_left: float = 120.0, stream: bool = True) -> Deadlines:
    return Deadlines(clock, TIMEOUTS, deadline=clock.now + total_left, stream=stream)


def test_a_stream_has_until_its_first_token(clock: Clock):
    one = deadlines(clock)
    assert (one.left(), one.over) == (30.0, False)
    clock.now += 29.0
    assert (one.left(), one.elapsed(), one.over) == (1.0, 29.0, False)
    clock.now += 1.0
    assert (one.left(), one.over) == (0.0, True)
    assert one.which() == ("first_token_timeout", 30.0)


@pytest.mark.parametrize(
    ("timeouts", "limit"),
    [
        (TIMEOUTS, 10.0),
        (Timeouts(first_token=60.0), 20.0),
        (Timeouts(first_token=60.0, first_token_fallback=7.0), 7.0),
        (Timeouts(first_token=6.0, first_token_fallback=7.0), 6.0),
    ],
)
def test_it_is_shorter_while_another_deployment_can_answer(clock: Clock, timeouts: Timeouts, limit: float):
    one = Deadlines(clock, timeouts, deadline=clock.now + 120.0, stream=True, spare=True)
    assert one.left() == limit
    clock.now += limit
    assert one.which() == ("first_token_timeout", limit)
    one.token_came()
    assert one.left() == 120.0 - limit


def test_a_whole_answer_is_given_its_time_with_a_spare_too(clock: Clock):
    assert Deadlines(clock, TIMEOUTS, deadline=clock.now + 120.0, stream=False, spare=True).left() == 120.0


def test_after_its_first_token_only_the_total_holds(clock: Clock):
    one = deadlines(clock)
    clock.now += 29.0
    one.token_came()
    assert one.left() == 91.0
    clock.now += 91.0
    assert one.over
    assert one.which() == ("total_timeout", 120.0)


def test_a_whole_answer_knows_no_first_token(clock: Clock):
    one = deadlines(clock, stream=False)
    assert one.left() == 120.0
    clock.now += 60.0
    assert not one.over
    assert one.which() == ("total_timeout", 120.0)


@pytest.mark.parametrize("passed", [0.0, 4.0, 5.0, 50.0])
def test_a_deadline_before_the_first_token_is_the_total_timeouts(clock: Clock, passed: float):
    one = deadlines(clock, total_left=5.0)
    assert one.left() == 5.0
    clock.now += passed
    assert one.which() == ("total_timeout", 120.0)


def test_when_both_are_over_it_is_the_total_so_that_nothing_more_is_tried(clock: Clock):
    one = deadlines(clock)
    clock.now += 500.0
    assert one.left() == 0.0
    assert one.which() == ("total_timeout", 120.0)


def test_a_later_attempt_has_its_own_first_token_limit_and_what_is_left_of_the_total(clock: Clock):
    clock.now += 100.0
    one = deadlines(clock, total_left=20.0)
    assert (one.left(), one.elapsed()) == (20.0, 0.0)
    assert one.started == clock.now


def test_a_timer_that_fires_a_little_early_counts(clock: Clock):
    one = deadlines(clock)
    clock.now += 29.9995
    assert one.over
    assert one.which() == ("first_token_timeout", 30.0)
    one.token_came()
    clock.now += 90.0
    assert one.over
    assert one.which() == ("total_timeout", 120.0)


def test_time_never_runs_backwards_below_zero(clock: Clock):
    one = deadlines(clock, total_left=-3.0)
    assert (one.left(), one.over) == (0.0, True)
