"""The sixteen scenarios of the fault wall: what is asked, what is right, and the verdict on what came of it.

The rules are failoverbench's (methodology 0.1): a hang, a truncated answer taken for a whole one, or a required check
that fails is a `fail`; a clean error where an answer was possible is `safe`; an answer with an advisory check that
fails is `partial`; else it is a `pass`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from support.fault_wall import ANSWER, SPARE, SPARE_WITHOUT_PREFILL, Attempt, FaultWall, Pace

Verdict = Literal["pass", "partial", "safe", "fail"]
VERDICTS: Final[tuple[Verdict, ...]] = ("pass", "partial", "safe", "fail")
FLAPS: Final = 20  # requests of the outage


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a caller got for one request.

    text: the answer, when it was taken for one. error: what was raised instead. model: the one that the answer names.
    usage: whether it has a count of the provider's. seconds: the whole call. hung: it was given up from outside.
    """

    text: str | None = None
    error: str | None = None
    model: str = ""
    usage: bool = False
    seconds: float = 0.0
    hung: bool = False

    @property
    def whole(self) -> bool:
        return self.text is not None and self.text.split() == ANSWER.split()

    @property
    def truncated(self) -> bool:
        return self.text is not None and not self.whole


@dataclass(frozen=True, kw_only=True)
class Run:
    """One scenario that was played. alive: whether a request to a healthy deployment was answered afterwards."""

    scenario: Scenario
    pace: Pace
    told: Sequence[Told]
    primary: Sequence[Attempt]
    spare: Sequence[Attempt]
    alive: bool = True

    @property
    def one(self) -> Told:
        return self.told[0]

    def within(self, seconds: float) -> bool:
        return self.one.seconds <= seconds * self.pace.scale

    def attempts_within(self, seconds: float) -> int:
        return sum(attempt.at <= seconds * self.pace.scale for attempt in self.primary)

    def gap(self) -> float:
        """Seconds, in the full profile's, between the first two attempts; 0 where there is only one."""
        return (self.primary[1].at - self.primary[0].at) / self.pace.scale if len(self.primary) > 1 else 0.0

    def back_after(self) -> float | None:
        """Seconds after the outage until the primary has answered; None: never."""
        return next((attempt.at - self.pace.down for attempt in self.primary if attempt.status == 200), None)


Check = Callable[[Run], bool]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """required, advisory: the checks by what they say. limit: seconds after which a call hangs. ideal: its end."""

    name: str
    title: str
    limit: float
    ideal: Literal["answer", "error"] = "answer"
    spare: str = SPARE
    required: dict[str, Check] = field(default_factory=dict)
    advisory: dict[str, Check] = field(default_factory=dict)
    requests: int = 1

    def models(self) -> tuple[str, str]:
        """The names of its primary and its spare at the wall."""
        return f"{self.name}.primary", f"{self.spare}.{self.name}"


def _at_most(count: int, seconds: float | None = None) -> Check:
    return lambda run: (len(run.primary) if seconds is None else run.attempts_within(seconds)) <= count


def _exactly_one(run: Run) -> bool:
    return len(run.primary) == 1


def _answered_in_the_outage(run: Run) -> bool:
    sent_in_it = int(run.pace.down / run.pace.every)
    return all(told.whole for told in run.told[:sent_in_it])


def _back_in_time(run: Run) -> bool:
    after = run.back_after()
    return after is not None and after <= run.pace.down / 2


SCENARIOS: Final[tuple[Scenario, ...]] = (
    Scenario(
        name="S01", title="429 with Retry-After, once", limit=20,
        required={"at most 2 attempts before the wait is over": _at_most(2, 1.5)},
        advisory={
            "the same deployment is asked again": lambda run: len(run.primary) >= 2,
            "and not before it wants to be": lambda run: run.gap() >= 1.8,
        },
    ),
    Scenario(
        name="S02", title="429 without Retry-After, for good", limit=40,
        required={"at most 4 attempts in 3 s": _at_most(4, 3.0), "at most 6 in all": _at_most(6)},
    ),
    Scenario(
        name="S03", title="500 once", limit=20,
        advisory={"the same deployment is asked again": lambda run: len(run.primary) >= 2},
    ),
    Scenario(name="S04", title="503 for good", limit=40, required={"at most 6 attempts": _at_most(6)}),
    Scenario(name="S05", title="connection reset, once", limit=20),
    Scenario(
        name="S06", title="silence", limit=130,
        required={"over within 100 s": lambda run: run.within(100)},
        advisory={"a silent deployment is asked once": _exactly_one},
    ),
    Scenario(
        name="S07", title="slow first token", limit=60, advisory={"over within 15 s": lambda run: run.within(15)}
    ),
    Scenario(name="S08", title="stream cut in the middle", limit=40),
    Scenario(
        name="S09", title="stream stalls in the middle", limit=70,
        required={"over within 45 s": lambda run: run.within(45), "alive afterwards": lambda run: run.alive},
    ),
    Scenario(
        name="S10", title="a broken event in a whole stream", limit=30,
        required={"alive afterwards": lambda run: run.alive},
        advisory={"the answer is whole": lambda run: run.one.whole},
    ),
    Scenario(
        name="S11", title="no [DONE] at the end", limit=30, required={"over within 8 s": lambda run: run.within(8)},
        advisory={"usage is there": lambda run: run.one.usage},
    ),
    Scenario(name="S12", title="context length exceeded", limit=20, required={"asked once": _exactly_one}),
    Scenario(
        name="S13", title="content filter", limit=20, ideal="error", required={"asked once": _exactly_one}
    ),
    Scenario(
        name="S14", title="stream cut, the spare takes no prefill", limit=40, spare=SPARE_WITHOUT_PREFILL,
        required={
            "no error after a refused prefill": lambda run: run.one.error is None
            or all(attempt.status != 400 for attempt in run.spare)
        },
    ),
    Scenario(
        name="S15", title="an outage of 60 s and the return", limit=30, requests=FLAPS,
        required={
            "answered all through the outage": _answered_in_the_outage,
            "the primary answers 30 s after it": _back_in_time,
        },
    ),
    Scenario(
        name="S16", title="who answered, and what it used", limit=40,
        required={
            "the model is the spare's": lambda run: not run.spare or run.one.model.startswith(SPARE),
            "at most 6 attempts": _at_most(6),
        },
        advisory={"usage is there": lambda run: run.one.usage},
    ),
)  # fmt: skip


def verdict(run: Run) -> tuple[Verdict, list[str]]:
    """The verdict, and what did not hold."""
    scenario = run.scenario
    hung = [f"hung for {told.seconds:.1f} s" for told in run.told if told.hung]
    short = ["a part of the answer was taken for all of it" for told in run.told if told.truncated]
    lacks = [name for name, check in scenario.required.items() if not check(run)]
    if hung or lacks or (short and scenario.ideal == "answer"):
        return "fail", [*hung, *short, *lacks]
    missed = [name for name, check in scenario.advisory.items() if not check(run)]
    if scenario.ideal == "error":
        routed_round = run.one.error is None
        return ("partial" if routed_round or missed else "pass"), missed
    if not all(told.whole for told in run.told):
        return "safe", [told.error or "" for told in run.told if told.error is not None]
    return ("partial" if missed else "pass"), missed


class Asks(Protocol):
    """A system under test. ask: one request for a stream, from one thread at a time for each scenario."""

    def ask(self, scenario: Scenario) -> Told: ...
    def probe(self) -> bool:
        """Whether a healthy deployment answers a request for a whole answer."""


def play(scenario: Scenario, wall: FaultWall, system: Asks) -> Run:
    """Ask as the scenario says, and look at what the wall has seen."""
    primary, spare = scenario.models()
    wall.begin(primary, spare)
    began, told = time.monotonic(), []
    for number in range(scenario.requests):
        time.sleep(max(0.0, began + number * wall.pace.every - time.monotonic()))
        told.append(system.ask(scenario))
    return Run(
        scenario=scenario, pace=wall.pace, told=told, primary=wall.attempts(primary), spare=wall.attempts(spare),
        alive=system.probe(),
    )  # fmt: skip
