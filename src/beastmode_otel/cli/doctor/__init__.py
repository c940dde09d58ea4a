"""`beastmode-otel doctor`: what stands between what a program records and what is seen in Grafana."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from beastmode_otel.cli.doctor.command import Observed, observe
from beastmode_otel.cli.exits import FAILED, OK, Failed
from beastmode_otel.cli.overlays import needed_environment
from beastmode_otel.cli.run import command_of
from beastmode_otel.cli.shipped import shipped
from beastmode_otel.cli.terminal import Style, Tone, style_of, wrapped
from beastmode_otel.config.files import read_file
from beastmode_otel.doctor.catalog import SEVERITIES, Finding, Severity, found, worst
from beastmode_otel.doctor.child_report_reader import merged
from beastmode_otel.doctor.examine import outside
from beastmode_otel.errors import public_url

NAME: Final = "doctor"
HELP: Final = "Find out why telemetry does not arrive: settings, endpoint, TLS, a real export, and the program itself."
_TONES: Final[Mapping[Severity, Tone]] = {"ok": "good", "info": "dim", "warning": "warn", "problem": "bad"}
_INDENT: Final = max(map(len, SEVERITIES)) + 4


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
    secrets = _secret_findings(given.overlay, os.environ)
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
        style = style_of(out, os.environ)
        lines = [*(line for finding in findings for line in _finding(finding, style)), "", _summary(findings, style)]
        print("\n".join(lines), file=out)


def _finding(finding: Finding, style: Style) -> Iterator[str]:
    text = f"{finding.title}: {finding.detail}" if finding.detail else finding.title
    first, *rest = wrapped(text, style, indent=_INDENT)
    severity = style.paint(finding.severity.ljust(_INDENT - 4), _TONES[finding.severity])
    yield f"  {severity}  {first.strip()}"
    yield from rest
    if finding.hint:
        cure = f"{finding.hint} ({finding.code})"
        yield from (style.paint(line, "dim") for line in wrapped(cure, style, indent=_INDENT))


def _summary(findings: Sequence[Finding], style: Style) -> str:
    counts = [(severity, sum(each.severity == severity for each in findings)) for severity in ("problem", "warning")]
    told = [f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts if count]
    text = ", ".join(told) + ": see docs/doctor.md" if told else "no problems"
    tone: Tone = "bad" if counts[0][1] else "warn" if counts[1][1] else "good"
    return f"  {style.paint(text, tone)}"


def _secret_findings(overlays: Sequence[str], environ: Mapping[str, str]) -> list[Finding]:
    """Whether the environment has what Collector overlays read from it.

    overlays: names of those in the wheel, or paths. Raises Failed for one that is not there.
    """
    return [
        found("secret_missing", f"{overlay} needs {name}")
        for overlay in overlays
        for name in needed_environment(_overlay_text(overlay))
        if not environ.get(name)
    ]


def _overlay_text(overlay: str) -> str:
    path = Path(overlay)
    place = path if path.suffix else shipped("collector").joinpath(f"{overlay}.yaml")
    try:
        content = read_file(place) if isinstance(place, Path) else place.read_bytes()
        return content.decode("utf-8")
    except OSError as exc:
        raise Failed(f"{public_url(overlay)}: no such overlay ({exc.strerror})", _available()) from None
    except UnicodeDecodeError:
        raise Failed(f"{public_url(overlay)}: no such overlay (it is not UTF-8)", _available()) from None


def _available() -> str:
    names = sorted(each.name for each in shipped("collector").iterdir() if each.name.startswith("backend-"))
    return f"there are {', '.join(name.removesuffix('.yaml') for name in names)}; or give the path of a .yaml file"
