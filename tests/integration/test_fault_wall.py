"""The sixteen scenarios before both routers, with the defaults and tuned: each verdict, and what it stands on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from support.fault_routers import TUNED, WORLDS, play_all
from support.fault_scenarios import SCENARIOS, Run, Told, Verdict, verdict
from support.fault_wall import ANSWER, FAST, Attempt

# What is no pass, and why: a documented choice each (docs/router.md).
CUT: dict[str, Verdict] = {"S08": "safe", "S09": "safe", "S14": "safe"}  # after content it is an error
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Verdict]]] = {
    "defaults": ({}, {"S01": "partial", **CUT}),  # another deployment is asked at once
    "tuned": ({**TUNED}, {}),
}
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(scope="module", params=[f"{world}-{settings}" for world in WORLDS for settings in SETTINGS])
def played(request: pytest.FixtureRequest) -> tuple[dict[str, Run], dict[str, Verdict]]:
    world, _, settings = request.param.partition("-")
    retry, others = SETTINGS[settings]
    return play_all(FAST, world, retry), others


@pytest.mark.parametrize("name", NAMES)
def test_verdict(name: str, played: tuple[dict[str, Run], dict[str, Verdict]]) -> None:
    runs, others = played
    found, why = verdict(runs[name])
    assert found == others.get(name, "pass"), (why, runs[name])


def test_no_fail_and_at_least_twelve_passes(played: tuple[dict[str, Run], dict[str, Verdict]]) -> None:
    found = Counter(verdict(run)[0] for run in played[0].values())
    assert (found["fail"], found["pass"] >= 12) == (0, True)


# The verdict itself, on runs that were made up.


def made_up(name: str, *told: Told, primary: list[Attempt] | None = None, alive: bool = True) -> Run:
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == name)
    attempts = [Attempt(at=0.0, status=None)] if primary is None else primary
    return Run(scenario=scenario, pace=FAST, told=told, primary=attempts, spare=[], alive=alive)


WHOLE = Told(text=ANSWER, usage=True)


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (made_up("S08", WHOLE), "pass"),
        (made_up("S08", Told(error="stream_truncated")), "safe"),
        (made_up("S08", Told(text="A lighthouse keeper")), "fail"),
        (made_up("S08", Told(hung=True)), "fail"),
        (made_up("S08", Told(text=f"A lighthouse keeper {ANSWER}")), "fail"),
        (made_up("S11", Told(text=ANSWER)), "partial"),
        (made_up("S11", Told(text=ANSWER, usage=True, seconds=0.9)), "fail"),
        (made_up("S09", WHOLE, alive=False), "fail"),
        (made_up("S12", WHOLE, primary=[Attempt(at=0.0, status=400)] * 2), "fail"),
        (made_up("S13", Told(error="content_filter")), "pass"),
        (made_up("S13", WHOLE), "partial"),
        (made_up("S06", WHOLE, primary=[Attempt(at=0.0, status=None)] * 2), "partial"),
        (made_up("S15", *[WHOLE] * 20, primary=[Attempt(at=4.0, status=200)]), "pass"),
        (made_up("S15", *[WHOLE] * 20, primary=[Attempt(at=4.6, status=200)]), "fail"),
        (made_up("S15", Told(error="x"), *[WHOLE] * 19, primary=[Attempt(at=4.0, status=200)]), "fail"),
        (made_up("S15", *[WHOLE] * 19, Told(error="x"), primary=[Attempt(at=4.0, status=200)]), "safe"),
    ],
)
def test_the_verdict(run: Run, expected: Verdict) -> None:
    assert verdict(run)[0] == expected
