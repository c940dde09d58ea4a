"""`beastmode-otel doctor`: what stands between what a program records and what is seen in Grafana."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from beastmode_otel.cli.doctor.command import Observed, observe
from beastmode_otel.cli.doctor.overlay_secrets import secret_findings
from beastmode_otel.cli.doctor.text import lines
from beastmode_otel.cli.exits import FAILED, OK
from beastmode_otel.cli.run import command_of
from beastmode_otel.cli.terminal import style_of
from beastmode_otel.doctor.catalog import Finding, found, worst
from beastmode_otel.doctor.child_report_reader import merged
from beastmode_otel.doctor.examine import outside

NAME: Final = "doctor"
HELP: Final = "Find out why telemetry does not arrive: settings, endpoint, TLS, a real export, and the program itself."


def add(parser: argparse.ArgumentParser) -> None:
    parser.usage = "beastmode-otel doctor [--json] [--config PATH] [--overlay NAME] [-- COMMAND [ARGUMENT ...]]"
    parser.epilog = (
        "With a command, it is run first, as it stands, and asked from inside; what we say then goes to stderr. "
        "Exports one span, one metric and one log record named beastmode.doctor to the endpoint. "
        "Exit status: 1 when there is a problem, else 0; a command's own when that is not 0."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--config", metavar="PATH", help="a beastmode.toml (default: as the router finds its own)")
    parser.add_argument(
        "--overlay",
        action="append",
        default=[],
        metavar="NAME",
        help="a Collector overlay, such as backend-honeycomb, or a file: are its variables set? (may be repeated)",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a command to run and to look into, after --")


def run(given: argparse.Namespace) -> int:
    """Exit status: see `add`. Raises Failed for an overlay that is not there."""
    secrets = secret_findings(given.overlay, os.environ)
    command = command_of(given.command)
    observed = observe(command) if command else None
    findings = [*secrets, *outside(os.environ, command=tuple(command), config=given.config), *_inside(observed)]
    _show(findings, observed, as_json=given.json)
    if observed is not None and observed.status:
        return observed.status
    return FAILED if worst(findings) == "problem" else OK


def _inside(observed: Observed | None) -> list[Finding]:
    if observed is None:
        return []
    failed = [found("command_failed", f"exit status {observed.status}")] if observed.status else []
    return [*merged(observed.reports), *failed]


def _show(findings: Sequence[Finding], observed: Observed | None, *, as_json: bool) -> None:
    out = sys.stdout if observed is None else sys.stderr  # stdout is the command's
    if as_json:
        told = {"worst": worst(findings), "findings": [asdict(finding) for finding in findings]}
        print(json.dumps({**told, "command": observed and observed.status}, indent=2), file=out)
    else:
        print("\n".join(lines(findings, style_of(out, os.environ))), file=out)
