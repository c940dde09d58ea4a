"""What callers notice while Redis and Postgres are ill: real servers, real processes, one table.

    nice python benchmarks/chaos.py [--seconds S] [--only WORDS]

A process asks through a ModelRouter and an AsyncModelRouter, L1 practically off, so that L2 and L3 are asked. Added
latency is against requests of the same process and seconds that go without a cache.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.tier_chaos import FAULTS, measure, row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each fault (default: 8)")
    parser.add_argument("--rate", type=float, default=40.0, help="requests a second of each world (default: 40)")
    parser.add_argument("--only", default="", help="faults whose name has this")
    given = parser.parse_args()
    heads = ("calls", "failed", "first ms", "late ms", "worst ms", "well after s", "queued", "stale")
    print(f"{'':38}" + "".join(f"{head:>13}" for head in heads) + "   law")
    wrong = 0
    for fault in FAULTS:
        if given.only not in fault.name:
            continue
        found = measure(fault, seconds=given.seconds, rate=given.rate, patience=30.0)
        figures, law = row(found, given.seconds), found["law"]
        holds = law["active"] == 0 and law["started"] == law["finished"] == law["calls"]
        wrong += bool(found["failures"] or found["queued"] or found["stale"] or not holds)
        said = [
            f"{law['calls']}", f"{found['failures']}", f"{figures['first']:.1f}", f"{figures['late']:.2f}",
            f"{figures['worst']:.1f}", f"{found['recovered']:.1f}", f"{found['queued']}", f"{found['stale']}",
        ]  # fmt: skip
        print(f"{fault.name:38}" + "".join(f"{one:>13}" for one in said), f"  {'holds' if holds else law}", flush=True)
        for problem in found["failed"]:
            print(f"    {problem}")
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())
