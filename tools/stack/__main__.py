"""python tools/stack build | up | lock"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from livestack.build import RECIPES, Unbuildable, build, lock


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tools/stack", description="The real programs behind our telemetry.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    building = verbs.add_parser("build", help="build Collector, Prometheus, VictoriaLogs and Jaeger into .tools/bin")
    building.add_argument("--only", action="append", default=[], choices=[recipe.name for recipe in RECIPES])
    running = verbs.add_parser("up", help="run them on free loopback ports until Ctrl-C")
    running.add_argument("--ports-file", type=Path, metavar="F", help="write the URLs to this file, as JSON")
    running.add_argument(
        "--data", type=Path, metavar="DIR", help="keep data and logs here (default: a temporary folder)"
    )
    verbs.add_parser("lock", help="write go.mod and go.sum anew, after a change of versions")
    given = parser.parse_args()
    try:
        if given.verb == "build":
            build(given.only)
        elif given.verb == "lock":
            lock()
        else:
            from livestack.up import up

            return up(ports_file=given.ports_file, data=given.data)
    except Unbuildable as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
