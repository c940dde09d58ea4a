"""Four workers forked from a parent that has already counted: what Prometheus adds up is what was done, not more."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from beastmode_otel.simulator import Behaviour, Simulator
from support.stack import Stack, environment, eventually, program, promql

WORKER = Path(__file__).with_name("fork_worker.py")
REQUESTS = (25, 40, 55, 70, 85)  # of the parent, before and after the fork; of each worker
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")


def test_sums_of_forked_workers_are_exact(stack: Stack) -> None:
    with Simulator({"ok": Behaviour(latency=0.02)}) as provider:  # slow enough for several exports meanwhile
        running = program(
            str(WORKER), provider.url("ok"), ",".join(map(str, REQUESTS)), environ=environment(stack)
        )  # fmt: skip
        printed, problems = running.communicate(timeout=240)
        received = provider.received
    assert running.returncode == 0, problems
    assert problems == ""  # no 400, no failed export, nothing that an exporter complained of
    lines = [line.split() for line in printed.splitlines()]
    assert {flushed for _, _, flushed in lines} == {"True"}
    done = {instance: float(count) for instance, count, _ in lines}
    assert sorted(done.values()) == sorted([2.0 * REQUESTS[0], *map(float, REQUESTS[1:])])
    assert received == sum(done.values())
    for metric in ("beastmode_requests_started_total", "beastmode_request_duration_seconds_count"):
        assert eventually(lambda name=metric: by_instance(stack, name), lambda found: found == done) == done, metric


def by_instance(stack: Stack, metric: str) -> dict[str, float]:
    found = promql(stack.prometheus, f'sum by (service_instance_id) ({metric}{{service_name="forked"}})')
    return {dict(labels)["service_instance_id"]: value for labels, value in found.items()}
