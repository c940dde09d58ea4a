"""How soon a deployment is back after an outage, whatever its length, on a clock that the test moves."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from beastmode_otel.attempts.failures import Failure
from beastmode_otel.config import Breaker, Deployment, Retry, Route, Target
from beastmode_otel.errors import UpstreamError, category
from beastmode_otel.router.attempt_sequence import RetryPlan
from beastmode_otel.router.health import Health

LENGTHS = {"30 s": 30.0, "5 min": 300.0, "2 h": 7200.0}
LATEST = 12.0  # seconds after the outage
MOST = 6  # probes in any minute


@dataclass
class Outage:
    """One deployment and callers that ask each `every` seconds. down: how long. hangs: seconds until it has failed."""

    down: float
    every: float = 1.0
    hangs: float = 0.0
    asked: float | None = None  # its Retry-After
    seed: int = 0
    probes: list[float] = field(default_factory=list)

    def run(self) -> float:
        """Seconds after the outage until a request is answered."""
        health = Health(Breaker(), lambda name, state: None, draw=random.Random(self.seed).random)
        for _ in range(5):
            health.failed("main", category("unavailable"), 0.0, self.asked, started=0.0, sent=True)
        under_way: list[float] = []
        now = random.Random(self.seed).random() * self.every
        while now < self.down + 600.0:
            while under_way and now >= under_way[0] + self.hangs:
                started = under_way.pop(0)
                health.failed(
                    "main", category("unavailable"), started + self.hangs, self.asked, started=started, sent=True
                )
            if health.admit("main", now):
                self.probes.append(now)
                if now >= self.down:
                    return now - self.down
                under_way.append(now)
            now += self.every
        raise AssertionError("never back")

    def most_in_a_minute(self) -> int:
        return max(sum(start <= probe < start + 60.0 for probe in self.probes) for start in self.probes)


@pytest.mark.parametrize("hangs", [0.0, 3.0, 30.0, 60.0], ids="fails after {} s".format)
@pytest.mark.parametrize("length", LENGTHS)
def test_it_is_back_within_twelve_seconds_of_any_outage(length: str, hangs: float):
    for seed in range(12):  # and in whatever phase of the pace it ends
        outage = Outage(down=LENGTHS[length] + 0.95 * seed, hangs=hangs, seed=seed)
        assert outage.run() <= LATEST
        assert outage.most_in_a_minute() <= MOST


def test_it_is_asked_as_often_in_its_last_minute_as_in_its_first():
    outage = Outage(down=7200.0)
    outage.run()
    pauses = [later - sooner for sooner, later in zip(outage.probes, outage.probes[1:], strict=False)]
    assert min(pauses) >= 10.0
    assert max(pauses) <= 12.0
    assert len(outage.probes) > 7200 / 12


def test_those_who_ask_now_and_then_find_it_with_their_first_request_after_the_pause():
    outage = Outage(down=300.0, every=4.0)
    assert outage.run() <= 11.0 + 4.0


def test_many_processes_do_not_come_back_in_the_same_moment():
    outages = [Outage(down=300.0, every=0.05, seed=seed) for seed in range(30)]
    for outage in outages:
        outage.run()
    assert len({round(outage.probes[-1], 1) for outage in outages}) > 15


@pytest.mark.parametrize("length", LENGTHS)
def test_a_provider_that_asks_for_hours_is_asked_after_a_minute(length: str):
    outage = Outage(down=LENGTHS[length], asked=7200.0)
    assert outage.run() <= 60.0 + 1.0
    assert outage.most_in_a_minute() <= 2


# Through a route, where what rests is asked last and a spare answers.


def back_through_a_route(down: float, kind: str, seed: int) -> float:
    rng = random.Random(seed)
    health = Health(Breaker(), lambda name, state: None, draw=rng.random)
    targets = tuple(
        Target(deployment=Deployment(name=name, kind="openai", base_url=f"https://{name}/v1"), order=order)
        for order, name in enumerate(("main", "spare"))
    )
    error = UpstreamError("down", category=category(kind))
    failure = Failure(error=error, retries=error.category.retries)
    for now in range(int(down) + 600):
        plan = RetryPlan(Route(name="chat", targets=targets), health=health, retry=Retry(), rng=rng, now=now)
        step = plan.first(now)
        while step is not None and step.deployment.name == "main":
            if now >= down:
                return now - down
            health.failed("main", error.category, now, started=now, sent=True)
            step = plan.after(step, failure, now, 120.0)
        assert step is not None, "each request of the outage has an answer"
        health.succeeded("spare", now)
    raise AssertionError("never back")


@pytest.mark.parametrize("kind", ["overloaded", "unavailable", "connection_refused", "read_timeout", "connect_timeout"])
@pytest.mark.parametrize("length", LENGTHS)
def test_through_a_route_with_a_spare(length: str, kind: str):
    for seed in range(6):
        assert back_through_a_route(LENGTHS[length] + 1.9 * seed, kind, seed) <= LATEST
