"""The sixteen ways to fail of failoverbench, before our routers: a scorecard of pass, partial, safe and fail.

    python benchmarks/fault_wall.py [--fast] [--world sync|async]

The full profile (a silence of 120 s, a first token after 20 s, an outage of 60 s) takes about three minutes; nothing is
configured then but what "tuned" says. --fast plays it at a tenth of the times, with our defaults scaled alike. Wall and
verdict are those of `tests/integration/test_fault_wall.py`; failoverbench's own harness is another program.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.fault_routers import TUNED, WORLDS, play_all
from support.fault_scenarios import SCENARIOS, VERDICTS, Run, verdict
from support.fault_wall import FAST, FULL

SYSTEMS: Mapping[str, Mapping[str, Any]] = {"defaults": {}, "tuned": TUNED}
_WIDTH = 10


def progress(run: Run) -> None:
    print(f"{run.scenario.name}: {verdict(run)[0]}", file=sys.stderr, flush=True)


def note(run: Run) -> str:
    """What stands behind a verdict, for those who look closer."""
    found, why = verdict(run)
    said = [f"{len(run.primary)} attempts", f"{max(told.seconds for told in run.told):.1f} s"]
    after = run.back_after()
    if run.scenario.requests > 1 and after is not None:
        said.append(f"back after {after:.1f} s")
    return ", ".join([*said, *([] if found == "pass" else dict.fromkeys(why))])


def report(played: Mapping[str, Mapping[str, Run]]) -> None:
    print(f"{'':42}" + "".join(f"{system:>{_WIDTH}}" for system in played))
    for scenario in SCENARIOS:
        verdicts = [verdict(runs[scenario.name])[0] for runs in played.values()]
        print(f"{scenario.name} {scenario.title:38}" + "".join(f"{found:>{_WIDTH}}" for found in verdicts))
    for wanted in VERDICTS:
        counts = [Counter(verdict(run)[0] for run in runs.values())[wanted] for runs in played.values()]
        print(f"{wanted:42}" + "".join(f"{count:>{_WIDTH}}" for count in counts))
    for system, runs in played.items():
        print(f"\n{system}: {', '.join(f'retry.{name} = {value!r}' for name, value in SYSTEMS[system].items()) or '–'}")
        for scenario in SCENARIOS:
            print(f"  {scenario.name} {note(runs[scenario.name])}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", action="store_true", help="a tenth of all times")
    parser.add_argument("--world", choices=WORLDS, default="async", help="which router (default: async)")
    given = parser.parse_args()
    pace = FAST if given.fast else FULL
    played = {system: play_all(pace, given.world, retry, done=progress) for system, retry in SYSTEMS.items()}
    report(played)
    return 1 if any(verdict(run)[0] == "fail" for runs in played.values() for run in runs.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
