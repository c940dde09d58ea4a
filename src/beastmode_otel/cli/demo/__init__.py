"""`beastmode-otel demo`: a realistic load, and what its own telemetry says about it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Final

from beastmode_otel.cli.demo.against import RealEndpoint, endpoint_from
from beastmode_otel.cli.demo.run import Plan, run_plan
from beastmode_otel.cli.demo.stage import endpoint_stage, simulated_stage
from beastmode_otel.cli.exits import FAILED, INTERRUPTED, OK
from beastmode_otel.errors import ConfigError
from beastmode_otel.telemetry.setup import is_on

NAME: Final = "demo"
HELP: Final = "Send a realistic load through the router and print what its own telemetry says about it."
_LONGEST: Final = 3600.0


def add(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "Exit status: 0 when every request ended exactly once, 1 when not, 2 for wrong usage, 130 after Ctrl-C. "
        "With OTEL_EXPORTER_OTLP_ENDPOINT set, the telemetry is exported too."
    )
    parser.add_argument("--seconds", type=_seconds, default=20.0, metavar="N", help="length of the load (default: 20)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the load and its faults (default: 1)")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    real = parser.add_argument_group("against a real endpoint, with at most 20 short requests")
    real.add_argument("--against", metavar="URL", help="its base URL, such as http://localhost:11434/v1")
    real.add_argument("--model", metavar="NAME", help="the model to ask")
    real.add_argument("--kind", choices=("openai", "anthropic"), help="the API that it speaks (default: openai)")
    real.add_argument(
        "--key-env",
        metavar="VARIABLE",
        help="where its API key is (default: the variable of the provider at that host; none for this machine)",
    )
    real.add_argument("--cache", action="store_true", help="reuse answers; without it every request goes there")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds") from None
    if not 0 < value <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_LONGEST:g}")
    return value


def run(given: argparse.Namespace) -> int:
    """Exit status: see `add`. Raises ConfigError for options and variables that cannot work."""
    endpoint = _endpoint(given)
    for switch in ("OTEL_SDK_DISABLED", "BEASTMODE_DISABLED"):
        if is_on(switch):
            raise ConfigError(f"{switch} is on: there would be no telemetry to show", hints=(f"unset {switch}",))
    stage = simulated_stage(given.seed) if endpoint is None else endpoint_stage(endpoint)
    with stage as ready:
        plan = Plan(stage=ready, seconds=given.seconds, as_json=given.json, environ=os.environ, out=sys.stdout)
        ending = asyncio.run(run_plan(plan))
    if ending.interrupted:
        return INTERRUPTED
    return OK if ending.report.law_holds else FAILED


def _endpoint(given: argparse.Namespace) -> RealEndpoint | None:
    if given.against is None:
        stray = [name for name in ("model", "kind", "key_env", "cache") if getattr(given, name)]
        if stray:
            given.check(f"--{stray[0].replace('_', '-')} needs --against URL")
        return None
    if given.model is None:
        given.check("--against needs --model NAME")
    return endpoint_from(
        url=given.against,
        model=given.model,
        kind=given.kind or "openai",
        key_env=given.key_env,
        cached=given.cache,
        environ=os.environ,
    )
