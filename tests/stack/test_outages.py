"""The application does not notice that its telemetry's way is cut. Afterwards counters are right, losses counted.

benchmarks/outages.py does it and measures it; here it is short, with queues so small that they overflow.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.stack import Stack, program

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "outages.py"
OUTAGES = ("Collector killed", "Prometheus stopped", "backend answers 503")
QUEUE = 256  # spans: two seconds of them, less than the outage makes
MOST_MORE = 32 * 2**20  # bytes: far above what such queues hold, far below a leak of every span and its attributes


@pytest.fixture(scope="module")
def measured(stack: Stack) -> dict[str, Any]:
    """Of all outages. Asks for `stack` for its skip only: the benchmark breaks one of its own."""
    arguments = ("--outage", "5", "--around", "2", "--rate", "60", "--queue", str(QUEUE), "--json")
    running = program(str(BENCHMARK), *arguments)
    printed, problems = running.communicate(timeout=500)
    assert running.returncode == 0, problems
    return json.loads(printed)


@pytest.mark.parametrize("outage", OUTAGES)
def test_requests_end_as_they_would_have(measured: dict[str, Any], outage: str) -> None:
    for side in ("subject", "control"):
        assert measured[outage][side]["surprises"] == []
        assert all(measured[outage][side]["waits"][phase] for phase in ("before", "during", "after"))


@pytest.mark.parametrize("outage", OUTAGES)
def test_memory_is_bounded(measured: dict[str, Any], outage: str) -> None:
    memory = measured[outage]["subject"]["memory"]
    assert memory["during"] - memory["before"] < MOST_MORE


@pytest.mark.parametrize("outage", OUTAGES)
def test_counters_are_right_afterwards(measured: dict[str, Any], outage: str) -> None:
    assert measured[outage]["flushed"] is True
    assert measured[outage]["counters"]["found"] == measured[outage]["counters"]["wanted"]
    assert measured[outage]["counters"]["wanted"]["error"] > 0


@pytest.mark.parametrize("outage", OUTAGES)
def test_every_span_is_delivered_or_counted_as_lost(measured: dict[str, Any], outage: str) -> None:
    spans = measured[outage]["fate"]["spans"]
    assert sum(spans.values()) == measured[outage]["spans_ended"]
    if outage == "Prometheus stopped":  # the Collector keeps what is meant for it; spans go elsewhere
        assert set(spans) == {"delivered"}
    else:
        assert spans["queue_full"] > 0


@pytest.mark.parametrize("outage", OUTAGES)
def test_every_log_record_is_delivered_or_counted_as_lost(measured: dict[str, Any], outage: str) -> None:
    """One for each failed request."""
    assert sum(measured[outage]["fate"]["logs"].values()) == measured[outage]["counters"]["wanted"]["error"]


def test_what_the_sdk_says_is_delivered_came_through(measured: dict[str, Any]) -> None:
    """But for batches that were given up after the last 503: the SDK counts these as exported, only we do not."""
    refused = measured["backend answers 503"]
    for signal, what in (("traces", "spans"), ("logs", "logs")):
        none_given_up = refused["given_up"][signal] == 0
        assert (refused["passed"][what] == refused["fate"][what]["delivered"]) == none_given_up
