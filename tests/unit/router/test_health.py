"""Breakers and rests of deployments: the state machine, told exactly, under threads and against a model."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beastmode_otel.config import Breaker
from beastmode_otel.errors import CATEGORIES, category
from beastmode_otel.observer import DeploymentState
from beastmode_otel.router.health import Health

TRIP = category("server_error")
ANSWERED = category("invalid_request")
OPENS = Breaker(failures=3, cooldown=10.0, max_cooldown=60.0)
PROVES_NOTHING = {"pool_timeout", "total_timeout", "invalid_header", "invalid_url", "_OTHER"}


class Watched:
    """A Health with a clock that the test moves, and what it told."""

    def __init__(self, policy: Breaker = OPENS) -> None:
        self.told: list[tuple[str, DeploymentState]] = []
        self.health = Health(policy, lambda name, state: self.told.append((name, state)), draw=lambda: self.drawn)
        self.now = 1000.0
        self.drawn = 0.0

    def fail(self, times: int = 1, name: str = "a") -> None:
        for _ in range(times):
            self.health.failed(name, TRIP, self.now)

    def admits(self, name: str = "a") -> bool:
        return self.health.admit(name, self.now)

    def states(self, name: str = "a") -> list[str]:
        return [state for told, state in self.told if told == name]

    def opened(self) -> Watched:
        self.fail(OPENS.failures)
        return self

    def probing(self) -> Watched:
        self.opened()
        self.now += 10.0
        assert self.admits()
        return self


def test_a_new_deployment_is_closed_asked_and_told_once():
    one = Watched()
    assert one.health.reopens_in("a", one.now) == 0.0
    one.health.know("a")
    assert one.admits()
    assert one.admits()
    one.health.know("a")
    assert one.told == [("a", "closed")]


def test_it_opens_after_so_many_failures_in_a_row_and_is_not_asked():
    one = Watched()
    one.fail(2)
    assert one.admits()
    one.fail()
    assert not one.admits()
    assert one.states() == ["closed", "open"]
    assert one.health.reopens_in("a", one.now + 4.0) == 6.0


def test_a_success_in_between_starts_the_count_again():
    one = Watched()
    for _ in range(5):
        one.fail(2)
        one.health.succeeded("a")
    assert one.admits()
    assert one.states() == ["closed"]


@pytest.mark.parametrize("name", CATEGORIES)
def test_only_health_errors_count_and_an_answer_of_any_kind_starts_the_count_again(name: str):
    one, kind = Watched(), category(name)
    one.fail(2)
    one.health.failed("a", kind, one.now)
    if kind.trips:
        assert not one.admits()
        return
    one.fail()
    assert one.admits() is (name not in PROVES_NOTHING)


def test_deployments_do_not_share_a_breaker():
    one = Watched().opened()
    assert one.admits("b")
    assert not one.admits("a")


def test_after_its_cooldown_one_single_probe_is_let_through():
    one = Watched().opened()
    one.now += 9.9
    assert not one.admits()
    one.now += 0.1
    assert one.admits()
    assert not one.admits()
    one.now += 9.9
    assert not one.admits()
    assert one.states() == ["closed", "open", "half_open"]


def test_a_probe_that_hangs_does_not_put_off_the_next():
    one = Watched().probing()
    first = one.now
    one.now += 10.0
    assert one.admits()
    assert not one.admits()
    one.health.failed("a", TRIP, one.now + 5.0, started=first, sent=True)  # the first one, at last
    assert one.states() == ["closed", "open", "half_open"]
    assert one.health.reopens_in("a", one.now) == 10.0
    one.health.succeeded("a", one.now)
    assert one.states()[-1] == "closed"


def test_a_successful_probe_closes_it():
    one = Watched().probing()
    one.health.succeeded("a")
    assert one.admits()
    assert one.admits()
    assert one.states() == ["closed", "open", "half_open", "closed"]
    one.fail(2)
    assert one.admits()  # and all earlier failures are forgotten


def test_failed_probes_follow_each_other_at_one_constant_pace():
    one = Watched().opened()
    for _ in range(20):
        assert one.health.reopens_in("a", one.now) == 10.0
        one.now += 10.0
        assert one.admits()
        one.now += 3.0  # how long it takes to fail is part of the pause
        one.fail()
        assert one.health.reopens_in("a", one.now) == 7.0
        one.now -= 3.0
    one.now += 10.0
    assert one.admits()
    one.health.succeeded("a")
    one.fail(3)
    assert one.health.reopens_in("a", one.now) == 10.0


def test_the_pace_is_drawn_a_little_longer_and_never_shorter():
    one = Watched()
    for drawn, pause in ((0.0, 10.0), (0.5, 10.5), (0.999, 10.999)):
        one.drawn = drawn
        one.fail(3)
        assert one.health.reopens_in("a", one.now) == pytest.approx(pause, abs=0.01)
        one.health.succeeded("a")


def test_a_request_that_hung_in_the_outage_does_not_rest_it_again_after_it():
    """Thirty of them are over one by one when it has long been well."""
    one = Watched()
    sent = one.now
    one.probing()
    one.health.succeeded("a", one.now)
    for _ in range(30):
        one.health.failed("a", TRIP, one.now + 1.0, started=sent, sent=True)
    assert one.states() == ["closed", "open", "half_open", "closed"]
    for _ in range(3):
        one.health.failed("a", TRIP, one.now + 2.0, started=one.now + 1.5, sent=True)
    assert one.states()[-1] == "open"


@pytest.mark.parametrize(("asked", "pause"), [(None, 10.0), (3.0, 10.0), (25.0, 25.0), (7200.0, 60.0)])
def test_a_retry_after_beside_a_health_error_puts_the_probe_off_within_its_bound(asked: float | None, pause: float):
    one = Watched()
    for _ in range(3):
        one.health.failed("a", TRIP, one.now, asked)
    assert one.health.reopens_in("a", one.now) == pause
    assert not one.health.resting("a", one.now + 60.0)
    one.now += pause
    assert one.admits()
    one.health.failed("a", TRIP, one.now, asked)
    assert one.health.reopens_in("a", one.now) == pause


def test_a_request_error_of_a_probe_proves_that_it_answers():
    one = Watched().probing()
    one.health.failed("a", ANSWERED, one.now)
    assert one.admits()
    assert one.states()[-1] == "closed"


@pytest.mark.parametrize("name", sorted(PROVES_NOTHING))
def test_an_error_of_our_own_gives_the_probe_back_and_changes_nothing(name: str):
    one = Watched().probing()
    one.health.failed("a", category(name), one.now)
    assert one.admits()
    assert not one.admits()
    assert one.states() == ["closed", "open", "half_open"]


def test_a_cancelled_probe_gives_its_place_back():
    one = Watched().probing()
    one.health.unknown("a")
    assert one.admits()
    assert not one.admits()
    assert one.states() == ["closed", "open", "half_open"]


def test_a_probe_that_was_sent_and_came_to_nothing_counts_as_one():
    """Or each caller with little time in turn would wait in vain for a deployment that hangs."""
    one = Watched().probing()
    one.health.unknown("a", one.now, sent=True)
    one.now += 9.9
    assert not one.admits()
    one.now += 0.1
    assert one.admits()
    one.health.failed("a", category("total_timeout"), one.now, started=one.now, sent=True)
    assert not one.admits()


def test_who_can_answer_is_neither_ill_nor_resting():
    one = Watched()
    assert one.health.can_answer("a", one.now)
    one.health.failed("a", category("rate_limited"), one.now, retry_after=5.0)
    assert [one.health.can_answer("a", one.now + after) for after in (4.9, 5.0)] == [False, True]
    one.opened()
    one.now += 60.0
    assert not one.health.can_answer("a", one.now)  # a probe is due, and may fail as all before it
    one.health.succeeded("a")
    assert one.health.can_answer("a", one.now)


def test_unknown_for_a_name_never_heard_of_is_nothing():
    one = Watched()
    one.health.unknown("never heard of")
    assert one.told == []


def test_failures_that_arrive_late_while_it_is_open_neither_prolong_nor_tell():
    one = Watched().opened()
    one.now += 5.0
    one.fail(10)
    assert one.health.reopens_in("a", one.now) == 5.0
    assert one.states() == ["closed", "open"]


# Rests.


def test_a_rest_lasts_as_long_as_the_provider_asks_else_as_the_category_says():
    one = Watched()
    one.health.failed("a", category("rate_limited"), one.now, retry_after=30.0)
    one.health.failed("b", category("rate_limited"), one.now)
    one.health.failed("c", category("quota_exhausted"), one.now)
    one.health.failed("d", category("invalid_request"), one.now)
    rests = {name: [one.health.resting(name, one.now + after) for after in (0.0, 1.0, 30.0, 60.0)] for name in "abcde"}
    assert rests == {
        "a": [True, True, False, False],
        "b": [True, False, False, False],
        "c": [True, True, True, False],
        "d": [False] * 4,
        "e": [False] * 4,
    }
    assert one.admits("a")  # resting is not open


def test_a_shorter_rest_never_shortens_a_longer_one_and_a_success_does_not_end_it():
    one = Watched()
    one.health.failed("a", category("rate_limited"), one.now, retry_after=30.0)
    one.health.failed("a", category("rate_limited"), one.now, retry_after=1.0)
    one.health.failed("a", category("rate_limited"), one.now, retry_after=0.0)
    one.health.succeeded("a")
    assert one.health.resting("a", one.now + 29.0)


# Threads.


def together(count: int, work: Callable[[], object]) -> list[object]:
    start, found = threading.Barrier(count), []

    def run() -> None:
        start.wait(5)
        found.append(work())

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    return found


def test_of_many_threads_one_gets_the_probe():
    for _ in range(20):
        one = Watched().opened()
        one.now += 10.0
        assert sorted(together(8, one.admits)) == [False] * 7 + [True]
        assert one.states() == ["closed", "open", "half_open"]


def test_of_many_threads_that_see_it_for_the_first_time_one_tells():
    one = Watched()
    assert together(8, one.admits) == [True] * 8
    assert one.told == [("a", "closed")]


def test_many_failures_at_once_open_it_once():
    one = Watched()
    together(8, one.fail)
    assert one.states() == ["closed", "open"]
    assert one.health.reopens_in("a", one.now) == 10.0


def test_it_may_be_asked_from_within_what_it_tells():
    """The observer is told outside the lock."""
    seen: list[bool] = []
    health = Health(OPENS, lambda name, state: seen.append(health.resting(name, 0.0)))
    health.know("a")
    assert seen == [False]


# Against a model.


class Model(RuleBasedStateMachine):
    """The breaker as a short story: what is allowed, and what was told."""

    @initialize(failures=st.integers(1, 4), cooldown=st.sampled_from([1.0, 8.0]))
    def begin(self, failures: int, cooldown: float) -> None:
        self.policy = Breaker(failures=failures, cooldown=cooldown)
        self.real = Watched(self.policy)
        self.real.health.know("a")
        self.state, self.in_a_row, self.reopens, self.before = "closed", 0, 0.0, 0.0
        self.probe_is_out = False
        self.told = ["closed"]

    def enter(self, state: str) -> None:
        if state != self.state:
            self.told.append(state)
        self.state = state

    @rule()
    def ask(self) -> None:
        may = self.state == "closed" or self.real.now >= self.reopens
        assert self.real.admits() is may
        if may and self.state != "closed":
            self.enter("half_open")
            self.before, self.reopens = self.reopens, self.real.now + self.policy.cooldown
            self.probe_is_out = True

    @rule(seconds=st.sampled_from([0.5, 1.0, 8.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.real.now += seconds

    @rule(way=st.sampled_from(["success", "invalid_request", "rate_limited", "authentication_error"]))
    def it_answers(self, way: str) -> None:
        if way == "success":
            self.real.health.succeeded("a")
        else:
            self.real.health.failed("a", category(way), self.real.now)
        self.enter("closed")
        self.in_a_row, self.probe_is_out = 0, False

    @rule(name=st.sampled_from(["server_error", "connection_refused", "read_timeout"]))
    def it_is_ill(self, name: str) -> None:
        self.real.health.failed("a", category(name), self.real.now)
        self.in_a_row += 1
        probe_failed, self.probe_is_out = self.state == "half_open" and self.probe_is_out, False
        if self.state == "closed" and self.in_a_row >= self.policy.failures:
            self.reopens = self.real.now + self.policy.cooldown
        elif not probe_failed:
            return
        self.enter("open")

    @rule(name=st.sampled_from([None, *sorted(PROVES_NOTHING)]), sent=st.booleans())
    def nobody_knows(self, name: str | None, sent: bool) -> None:
        if name is None:
            self.real.health.unknown("a", sent=sent)
        else:
            self.real.health.failed("a", category(name), self.real.now, sent=sent)
        if self.probe_is_out and not sent:
            self.reopens = self.before
        self.probe_is_out = False

    @precondition(lambda self: self.state == "open")
    @rule()
    def just_before_it_reopens(self) -> None:
        self.real.now = max(self.real.now, self.reopens - 0.001)

    @invariant()
    def told_exactly(self) -> None:
        if hasattr(self, "told"):
            assert self.real.states() == self.told

    @invariant()
    def reopening_is_announced(self) -> None:
        if hasattr(self, "told"):
            expected = 0.0 if self.state == "closed" else max(0.0, self.reopens - self.real.now)
            assert self.real.health.reopens_in("a", self.real.now) == expected


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_a_rest_of_years_ends_after_an_hour():
    watched = Watched()
    watched.health.failed("a", category("rate_limited"), watched.now, 1e300)
    assert watched.health.resting("a", watched.now + 3599)
    assert not watched.health.resting("a", watched.now + 3601)


@pytest.mark.parametrize("end", ["cancelled", "failed", "proves nothing"])
def test_a_request_from_before_the_probe_neither_gives_its_place_away_nor_decides_for_it(end: str):
    watched = Watched()
    sent = watched.now
    watched.probing()
    if end == "cancelled":
        watched.health.unknown("a", sent)
    else:
        ended = TRIP if end == "failed" else category("total_timeout")
        watched.health.failed("a", ended, watched.now, started=sent)
    assert not watched.admits()
    assert watched.states()[-1] == "half_open"
    watched.health.unknown("a", watched.now)
    assert watched.admits()
